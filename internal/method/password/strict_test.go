package password_test

import (
	"net/http"
	"strings"
	"testing"

	"cardea/cardeatest"
)

const strict = `
cardea: {security: {strict_enumeration: true}}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/?disable_starttls=true"}}
selfservice:
  methods: {code: {enabled: true}}
  flows:
    registration: {login_hints: true, after: {password: {hooks: [{hook: session}, {hook: show_verification_ui}]}}}
    recovery: {enabled: true}
    verification: {enabled: true}
`

// Under the strict setting the form says nothing, so the mailbox has to say all.
func TestStrictSignUpTellsByMail(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := cardeatest.New(t, cardeatest.Options{Config: strict})
			s.CreateIdentity("known@cardea.test", cardeatest.Password)
			c := s.Client(kind)

			signUp(t, c, "known@cardea.test")
			taken := s.LastMail("known@cardea.test")
			if taken.Template != "registration_invalid" || taken.Code() != "" || !strings.Contains(taken.Body, "account") {
				t.Errorf("the owner was told %+v", taken)
			}

			signUp(t, c, "fresh@cardea.test")
			mail := s.LastMail("fresh@cardea.test")
			if mail.Template != "verification_code_valid" {
				t.Fatalf("the newcomer was sent %s", mail.Template)
			}
			if signIn(c, "fresh@cardea.test") {
				t.Error("a password counts before its owner has proved an address")
			}
			v := c.Start("verification", "")
			v.Submit(map[string]any{"method": "code", "email": "fresh@cardea.test"})
			v.Submit(map[string]any{"method": "code", "code": s.LastMail("fresh@cardea.test").Code()})
			if !signIn(c, "fresh@cardea.test") {
				t.Error("the newcomer cannot sign in after the proof")
			}
		})
	}
}

// Nothing of an attempt to take somebody's address may stay.
func TestStrictSignUpLeavesTheOwnerAlone(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: strict})
	id := s.CreateIdentity("known@cardea.test", cardeatest.Password)
	admin := s.Client(cardeatest.Native)
	before := admin.Get(s.AdminURL + "/admin/identities/" + id)
	for range 3 {
		signUp(t, s.Client(cardeatest.Native), "known@cardea.test")
	}
	if after := admin.Get(s.AdminURL + "/admin/identities/" + id); string(after.Body) != string(before.Body) {
		t.Errorf("the owner's account has changed from\n%s\nto\n%s", before.Body, after.Body)
	}
	all := admin.Get(s.AdminURL + "/admin/identities")
	if n := strings.Count(string(all.Body), `"schema_id"`); n != 1 {
		t.Errorf("there are %d accounts, want 1", n)
	}
}

// signUp signs up in a way that gives no session.
func signUp(t *testing.T, c *cardeatest.Client, email string) {
	t.Helper()
	a := c.Start("registration", "").Submit(map[string]any{
		"method": "password", "traits.email": email, "password": "another-Sturdy-Wombat-88",
	})
	want := http.StatusOK
	if c.Kind == cardeatest.Browser {
		want = http.StatusSeeOther
	}
	if a.Status != want || strings.Contains(string(a.Body), "session_token") {
		t.Fatalf("sign up: %d %s", a.Status, a.Body)
	}
	if who := c.WhoAmI(); who.Status != http.StatusUnauthorized {
		t.Fatalf("somebody is signed in after signing up: %d", who.Status)
	}
}

func signIn(c *cardeatest.Client, email string) bool {
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": "another-Sturdy-Wombat-88"})
	if c.Kind == cardeatest.Native {
		return a.Status == http.StatusOK
	}
	return a.Status < 400 && c.WhoAmI().Status == http.StatusOK
}
