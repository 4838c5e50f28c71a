package systemtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	crashes      = 50
	crashWorkers = 4
	crashWithin  = 250 * time.Millisecond // how long the load lasts at most before a crash
	crashSample  = 8                      // people of earlier rounds who are looked at after a crash
	auditWorkers = 8
)

// ledger is what the server has acknowledged.
type ledger struct {
	mu      sync.Mutex
	people  []person // signed up, and their token was handed out
	ended   []string // tokens whose sign-out was acknowledged
	unknown []string // addresses whose sign-up was cut off before an answer
}

func (l *ledger) note(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	long(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("random seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := start(t, options{})
	l := &ledger{}
	for round := range crashes {
		before := len(l.people)
		s.crash(t, l, round, time.Duration(random.Int64N(int64(crashWithin))))
		s.start(t)

		// Everything since the last crash, some of what is older, and two sign-ins.
		looked := append([]person(nil), l.people[before:]...)
		for range min(crashSample, before) {
			looked = append(looked, l.people[random.IntN(before)])
		}
		s.audit(t, looked, s.tokenAnswers(http.StatusOK))
		s.audit(t, looked[:min(2, len(looked))], s.signsIn)
		if t.Failed() {
			t.Fatalf("after crash %d of %d", round+1, crashes)
		}
	}
	t.Logf("%d crashes, %d people, %d sign-outs, %d sign-ups cut off", crashes, len(l.people), len(l.ended), len(l.unknown))
	if len(l.people) < crashes {
		t.Errorf("only %d sign-ups were acknowledged: the load was too small to prove anything", len(l.people))
	}
	s.audit(t, l.people, s.tokenAnswers(http.StatusOK))
	s.audit(t, l.people, s.signsIn)
	var ended, unknown []person
	for _, token := range l.ended {
		ended = append(ended, person{Token: token})
	}
	for _, email := range l.unknown {
		unknown = append(unknown, person{Email: email})
	}
	s.audit(t, ended, s.tokenAnswers(http.StatusUnauthorized))
	s.audit(t, unknown, s.allOrNothing)
	s.stop(t)
	checkDatabase(t, s.database())
}

// crash kills the server while people sign up, and waits for those to notice.
func (s *server) crash(t *testing.T, l *ledger, round int, after time.Duration) {
	t.Helper()
	var load sync.WaitGroup
	for worker := range crashWorkers {
		load.Go(func() { s.signUpUntilItEnds(t, l, fmt.Sprintf("crash-%d-%d", round, worker)) })
	}
	timer := time.NewTimer(after)
	<-timer.C
	s.kill(t)
	load.Wait()
}

// signUpUntilItEnds signs people up until the connection breaks. Every fifth
// signs in again and ends that session.
func (s *server) signUpUntilItEnds(t *testing.T, l *ledger, name string) {
	c := s.native()
	defer c.http.CloseIdleConnections()
	for n := 0; ; n++ {
		email := fmt.Sprintf("%s-%d@cardea.test", name, n)
		p, err := c.signUp(email)
		if err != nil {
			l.note(func() { l.unknown = append(l.unknown, email) })
			if statusOf(err) != 0 {
				t.Errorf("sign up %s: %v", email, err)
			}
			return
		}
		l.note(func() { l.people = append(l.people, p) })
		if n%5 != 4 {
			continue
		}
		other, err := c.signIn(email)
		if err != nil {
			return
		}
		a, err := c.json("DELETE", "/self-service/logout/api", map[string]string{"session_token": other.Token})
		if err != nil {
			return
		}
		if a.Status != http.StatusNoContent {
			t.Errorf("sign out %s: %d %s", email, a.Status, a.Body)
			return
		}
		l.note(func() { l.ended = append(l.ended, other.Token) })
	}
}

// audit checks people, several at a time.
func (s *server) audit(t *testing.T, people []person, check func(*client, person) error) {
	t.Helper()
	work := make(chan person)
	var workers sync.WaitGroup
	for range auditWorkers {
		workers.Go(func() {
			c := s.native()
			defer c.http.CloseIdleConnections()
			for p := range work {
				if err := check(c, p); err != nil {
					t.Errorf("%s: %v", p.Email, err)
				}
			}
		})
	}
	for _, p := range people {
		work <- p
	}
	close(work)
	workers.Wait()
}

// tokenAnswers checks what a session's token is worth.
func (s *server) tokenAnswers(want int) func(*client, person) error {
	return func(c *client, p person) error {
		a, err := c.whoami(p.Token)
		if err != nil {
			return err
		}
		if a.Status != want {
			return &refusal{"ask who is calling", a}
		}
		return nil
	}
}

// signsIn checks that somebody who signed up can sign in, as the same identity.
func (s *server) signsIn(c *client, p person) error {
	again, err := c.signIn(p.Email)
	if err == nil && again.ID != p.ID {
		err = fmt.Errorf("signed up as %s but signs in as %s", p.ID, again.ID)
	}
	return err
}

// allOrNothing checks a sign-up whose answer never came: either the person can
// sign in, or the address is as free as before.
func (s *server) allOrNothing(c *client, p person) error {
	_, err := c.signIn(p.Email)
	if statusOf(err) == http.StatusBadRequest {
		_, err = c.signUp(p.Email)
	}
	return err
}
