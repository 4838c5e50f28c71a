package cardea_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// atOnce lets several submissions of a form race and counts the answers by status.
func atOnce(n int, submit func(int) *cardeatest.Answer) (map[int]int, []*cardeatest.Answer) {
	answers := make([]*cardeatest.Answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = submit(i) })
	}
	all.Wait()
	count := map[int]int{}
	for _, a := range answers {
		count[a.Status]++
	}
	return count, answers
}

func TestOneOfManyRegistrationsGetsAnAddress(t *testing.T) {
	const rivals = 8
	s := cardeatest.New(t, cardeatest.Options{})
	begin := func() *cardeatest.Flow { return s.Client(cardeatest.Native).Start("registration", "") }
	same := begin()
	var own []*cardeatest.Flow
	for range rivals {
		own = append(own, begin())
	}
	for email, flowOf := range map[string]func(int) *cardeatest.Flow{
		"one-form@cardea.test":   func(int) *cardeatest.Flow { return same },
		"many-forms@cardea.test": func(i int) *cardeatest.Flow { return own[i] },
	} {
		fields := map[string]any{"method": "password", "traits.email": email, "password": cardeatest.Password}
		count, answers := atOnce(rivals, func(i int) *cardeatest.Answer { return flowOf(i).Submit(fields) })
		if diff := cmp.Diff(map[int]int{200: 1, 400: rivals - 1}, count); diff != "" {
			t.Errorf("%s: answers (-want +got):\n%s", email, diff)
		}
		for _, a := range answers {
			if a.Status == 400 && !cmp.Equal(a.Messages(), []int{4000007}) {
				t.Errorf("%s: somebody who came too late is told %v", email, a.Messages())
			}
		}
		list := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities?credentials_identifier=" + email)
		var owners []any
		if err := json.Unmarshal(list.Body, &owners); err != nil || len(owners) != 1 {
			t.Errorf("%s belongs to %d identities (%v)", email, len(owners), err)
		}
	}
}

func TestASessionThatIsRevokedWhileItIsUsedIsOver(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	s.CreateIdentity("ann@cardea.test", cardeatest.Password)
	person := s.Client(cardeatest.Native)
	person.SignIn("ann@cardea.test", cardeatest.Password)
	token := person.Token
	count, _ := atOnce(8, func(int) *cardeatest.Answer {
		return s.Client(cardeatest.Native).Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": token})
	})
	if count[204] != 8 {
		t.Errorf("signing out many times at once is answered %v", count)
	}
	if a := person.WhoAmI(); a.Status != 401 {
		t.Errorf("whoami answers %d afterwards", a.Status)
	}
}
