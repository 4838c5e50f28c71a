package cardea_test

import (
	"slices"
	"sync"
	"testing"

	"cardea/cardeatest"
)

const (
	tooManyGuesses = 4019001
	wrongAppCode   = 4000008
	wrongBackup    = 4000016
)

// guessable is a server with an account that has an authenticator app and backup codes.
func guessable(t *testing.T, max string) (s *cardeatest.Server, key string) {
	t.Helper()
	s = cardeatest.New(t, cardeatest.Options{Config: "selfservice: {methods: {totp: {enabled: true}, lookup_secret: {enabled: true}}}\n" +
		"cardea: {security: {second_factor_guesses: {max: " + max + "}}}\n"})
	owner := s.Client(cardeatest.Native)
	owner.SignUp(annsMail, cardeatest.Password)
	f := owner.Start("settings", "")
	for _, fields := range []map[string]any{{"lookup_secret_regenerate": true}, {"lookup_secret_confirm": true}} {
		if a := f.Submit(fields); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	f = owner.Start("settings", "")
	key = offeredKey(t, f.Answer)
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return s, key
}

func TestWrongGuessesAtASecondFactorCountForTheAccount(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s, key := guessable(t, "4")
		guess := func(fields map[string]any) []int {
			c, _ := withPassword(s, k, "") // each time in another session and flow
			f := c.Start("login", "aal=aal2")
			return f.Form(f.Submit(fields)).Messages()
		}
		app, backup := map[string]any{"method": "totp", "totp_code": "abcdef"}, map[string]any{"method": "lookup_secret", "lookup_secret": "abcdefgh"}
		for n, c := range []struct {
			fields map[string]any
			want   int
		}{
			{app, wrongAppCode}, {backup, wrongBackup}, {app, wrongAppCode}, {backup, wrongBackup},
			{app, tooManyGuesses}, {backup, tooManyGuesses},
			{map[string]any{"method": "totp", "totp_code": appCode(t, key)}, tooManyGuesses}, // nobody learns that it was right
		} {
			if got := guess(c.fields); !slices.Contains(got, c.want) {
				t.Errorf("guess %d: %v, want %d", n+1, got, c.want)
			}
		}
		// The first factor is not affected, and what was signed in already neither.
		if c, a := withPassword(s, k, ""); a.Status >= 400 && a.Status != 422 {
			t.Errorf("the password: %d %s", a.Status, a.Body)
		} else if a := c.Start("login", "aal=aal2").Fetch(); a.Node("totp_code") == nil {
			t.Errorf("the form: %s", a.Body)
		}
	})
}

func TestARightGuessForgetsTheWrongOnes(t *testing.T) {
	s, key := guessable(t, "3")
	c, _ := withPassword(s, cardeatest.Native, "")
	f := c.Start("login", "aal=aal2")
	for range 2 {
		f.Submit(map[string]any{"method": "totp", "totp_code": "abcdef"})
	}
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	c, _ = withPassword(s, cardeatest.Native, "")
	f = c.Start("login", "aal=aal2")
	for range 3 {
		if got := f.Submit(map[string]any{"method": "totp", "totp_code": "abcdef"}).Messages(); !slices.Contains(got, wrongAppCode) {
			t.Errorf("%v", got)
		}
	}
}

func TestOfParallelGuessesOnlyAsManyAreLookedAtAsAreAllowed(t *testing.T) {
	s, _ := guessable(t, "5")
	flows := make([]*cardeatest.Flow, 12)
	for n := range flows {
		c, _ := withPassword(s, cardeatest.Native, "")
		flows[n] = c.Start("login", "aal=aal2")
	}
	const guesses = 120
	answers := make([]*cardeatest.Answer, guesses)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() {
			answers[n] = flows[n%len(flows)].Submit(map[string]any{"method": "lookup_secret", "lookup_secret": "wrongone"})
		})
	}
	wg.Wait()
	looked, refused := 0, 0
	for _, a := range answers {
		if a.Status != 400 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		switch m := a.Messages(); {
		case slices.Contains(m, tooManyGuesses):
			refused++
		case slices.Contains(m, wrongBackup):
			looked++
		}
	}
	if looked != 5 || looked+refused != guesses {
		t.Errorf("%d were looked at and %d refused, want 5 of %d", looked, refused, guesses)
	}
}
