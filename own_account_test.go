package cardea_test

import (
	"strings"
	"testing"

	"cardea/cardeatest"
)

// ownAccount lets people take their data along and leave.
const ownAccount = `
cardea: {account: {allow_export: true, allow_deletion: true}}
`

func TestPeopleTakeTheirDataAlongAndLeave(t *testing.T) {
	each(t, cardeatest.Options{Config: ownAccount}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		person, elsewhere, other := s.Client(kind), s.Client(kind), s.Client(kind)
		wantStatus(t, "the data of nobody", person.Get("/self-service/account"), 401)
		wantStatus(t, "deleting nobody", person.Do("DELETE", "/self-service/account", nil), 401)

		person.SignUp(email, cardeatest.Password)
		elsewhere.SignIn(email, cardeatest.Password)
		other.SignUp("bob@cardea.test", cardeatest.Password)

		data := person.Get("/self-service/account")
		wantStatus(t, "the data", data, 200)
		if got := data.Text("identity", "traits", "email"); got != email {
			t.Errorf("the data are those of %q", got)
		}
		for _, secret := range []string{"hashed_password", "$2a$", "token", "bob@"} {
			if strings.Contains(string(data.Body), secret) {
				t.Errorf("the data have %q in them: %s", secret, data.Body)
			}
		}
		if got := strings.Count(string(data.Body), `"authenticator_assurance_level"`); got != 2 {
			t.Errorf("the data have %d sessions, want 2", got)
		}

		wantStatus(t, "deleting the account", person.Do("DELETE", "/self-service/account", nil), 204)
		wantStatus(t, "whoami afterwards", person.WhoAmI(), 401)
		wantStatus(t, "whoami afterwards on another device", elsewhere.WhoAmI(), 401)
		wantStatus(t, "whoami of somebody else", other.WhoAmI(), 200)
		again := s.Client(kind)
		again.SignUp(email, cardeatest.Password) // the address is free
	})
}

func TestLeavingNeedsARecentSignIn(t *testing.T) {
	each(t, cardeatest.Options{Config: ownAccount + `
selfservice: {flows: {settings: {privileged_session_max_age: 1ns}}}
`}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		person.SignUp("ann@cardea.test", cardeatest.Password)
		a := person.Do("DELETE", "/self-service/account", nil)
		if a.Status != 403 || a.ErrorID() != "session_refresh_required" {
			t.Errorf("it is answered %d %s", a.Status, a.Body)
		}
		wantStatus(t, "whoami afterwards", person.WhoAmI(), 200)
	})
}

func TestAnOperatorWithPagesOfTheirOwnDecidesWhetherPeopleMayLeave(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	person := s.Client(cardeatest.SPA)
	person.SignUp("ann@cardea.test", cardeatest.Password)
	wantStatus(t, "the data", person.Get("/self-service/account"), 404)
	wantStatus(t, "deleting", person.Do("DELETE", "/self-service/account", nil), 404)
	wantStatus(t, "whoami afterwards", person.WhoAmI(), 200)
}
