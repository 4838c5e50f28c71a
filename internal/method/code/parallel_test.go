package code_test

import (
	"sync"
	"testing"

	"cardea/cardeatest"
)

// crowd is how many submissions arrive at once.
const crowd = 200

// atOnce runs a submission many times in parallel and counts the answers by
// what they say.
func atOnce(f *cardeatest.Flow, fields map[string]any, say func(*cardeatest.Answer) int) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[int]int{}
	begin := make(chan struct{})
	for range crowd {
		all.Go(func() {
			<-begin
			said := say(f.Submit(fields))
			mu.Lock()
			defer mu.Unlock()
			counts[said]++
		})
	}
	close(begin)
	all.Wait()
	return counts
}

func firstMessage(a *cardeatest.Answer) int {
	if a.Status == 200 && len(a.Messages()) == 0 {
		return 0
	}
	for _, id := range a.Messages() {
		return id
	}
	return a.Status
}

func TestOfParallelSubmissionsOfARightCodeOneWins(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	f := askForCode(t, s.Client(cardeatest.Native), email)
	code := s.LastMail(email).Code()
	counts := atOnce(f, map[string]any{"method": "code", "identifier": email, "code": code}, firstMessage)
	if counts[0] != 1 {
		t.Errorf("%d of %d submissions signed somebody in, want 1: %v", counts[0], crowd, counts)
	}
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/sessions")
	if got := len(listOf(t, a)); got != 1 {
		t.Errorf("there are %d sessions, want 1", got)
	}
}

func TestOfParallelRecoveriesWithARightCodeOneWins(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	f := askToRecover(t, s.Client(cardeatest.Native), email)
	counts := atOnce(f, map[string]any{"method": "code", "code": s.LastMail(email).Code()}, func(a *cardeatest.Answer) int { return a.Status })
	if counts[422] != 1 || counts[303] != crowd-1 {
		t.Errorf("the answers are %v, want one 422 and %d times 303", counts, crowd-1)
	}
}

func TestParallelSubmissionsOfWrongCodesAreCountedExactly(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	f := askForCode(t, s.Client(cardeatest.Native), email)
	wrong := cardeatest.WrongCode(s.LastMail(email).Code())
	counts := atOnce(f, map[string]any{"method": "code", "identifier": email, "code": wrong}, firstMessage)
	if counts[4010008] != 5 || counts[4000001] != crowd-5 {
		t.Errorf("the answers are %v, want 5 times wrong and %d times too often", counts, crowd-5)
	}
}
