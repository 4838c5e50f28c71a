package cardea_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// each runs a journey once per kind of client, on one server.
func each(t *testing.T, o cardeatest.Options, journey func(*testing.T, *cardeatest.Server, cardeatest.Kind)) {
	t.Helper()
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			journey(t, cardeatest.New(t, o), kind)
		})
	}
}

func wantStatus(t *testing.T, what string, a *cardeatest.Answer, want int) {
	t.Helper()
	if a.Status != want {
		t.Fatalf("%s: answered %d %s, want %d", what, a.Status, a.Body, want)
	}
}

func TestAPersonSignsUpSignsInAsksWhoTheyAreAndSignsOut(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		person := s.Client(kind)
		wantStatus(t, "whoami before anything", person.WhoAmI(), 401)

		person.SignUp(email, cardeatest.Password)
		me := person.WhoAmI()
		wantStatus(t, "whoami after signing up", me, 200)
		if got := me.Text("identity", "traits", "email"); got != email {
			t.Errorf("whoami after signing up is %q, want %q", got, email)
		}
		if got, want := me.Header.Get("X-Kratos-Authenticated-Identity-Id"), me.Text("identity", "id"); got != want {
			t.Errorf("the identity header is %q, want %q", got, want)
		}

		signOut(t, person)
		wantStatus(t, "whoami after signing out", person.WhoAmI(), 401)

		person.Token = ""
		person.SignIn("  ANN@cardea.test ", cardeatest.Password)
		again := person.WhoAmI()
		wantStatus(t, "whoami after signing in", again, 200)
		if again.Text("id") == me.Text("id") {
			t.Error("signing in gave the session that was signed out")
		}
		if got := again.Text("authenticator_assurance_level"); got != "aal1" {
			t.Errorf("a password gives level %q, want aal1", got)
		}
	})
}

// signOut ends the session the way the client's kind does.
func signOut(t *testing.T, c *cardeatest.Client) {
	t.Helper()
	if c.Kind == cardeatest.Native {
		wantStatus(t, "native logout", c.Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": c.Token}), 204)
		return
	}
	begun := c.Get("/self-service/logout/browser")
	wantStatus(t, "start of the logout", begun, 200)
	want := 303
	if c.Kind == cardeatest.SPA {
		want = 204
	}
	wantStatus(t, "logout", c.Get(begun.Text("logout_url")), want)
}

func TestAWrongPasswordAndAnUnknownAccountLookTheSame(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		for _, who := range []string{"ann@cardea.test", "nobody@cardea.test"} {
			f := s.Client(kind).Start("login", "")
			form := f.Form(f.Submit(map[string]any{"method": "password", "identifier": who, "password": "wrong-wrong-wrong"}))
			if diff := cmp.Diff([]int{4000006}, form.Messages()); diff != "" {
				t.Errorf("messages for %s (-want +got):\n%s", who, diff)
			}
			if n := form.Node("identifier"); n == nil || n.Attributes["value"] != who {
				t.Errorf("the form does not show %s again: %+v", who, n)
			}
			if n := form.Node("password"); n == nil || n.Attributes["value"] != nil {
				t.Errorf("the form shows the password: %+v", n)
			}
		}
	})
}

func TestRegistrationSaysWhatIsWrongWithEachField(t *testing.T) {
	cases := []struct {
		name   string
		fields map[string]any
		node   string
		want   []int
	}{
		{"no address", map[string]any{"password": cardeatest.Password}, "traits.email", []int{4000002}},
		{"no password", map[string]any{"traits.email": "a@cardea.test"}, "password", []int{4000002}},
		{"no real address", map[string]any{"traits.email": "nope", "password": cardeatest.Password}, "traits.email", []int{4000040}},
		{"a short password", map[string]any{"traits.email": "a@cardea.test", "password": "abc"}, "password", []int{4000032}},
		{"the address as password", map[string]any{"traits.email": "wombats@cardea.test", "password": "wombats@cardea.test"}, "password", []int{4000031}},
		{"a password too long for the hash", map[string]any{"traits.email": "a@cardea.test", "password": strings.Repeat("wombat77", 10)}, "password", []int{4000033}},
		{"a negative age", map[string]any{"traits.email": "a@cardea.test", "password": cardeatest.Password, "traits.age": "-1"}, "traits.age", []int{4000018}},
		{"words for a number", map[string]any{"traits.email": "a@cardea.test", "password": cardeatest.Password, "traits.age": "old"}, "traits.age", []int{4000026}},
	}
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				fields := map[string]any{"method": "password"}
				for k, v := range c.fields {
					fields[k] = v
				}
				f := s.Client(kind).Start("registration", "")
				form := f.Form(f.Submit(fields))
				if diff := cmp.Diff(c.want, form.FieldMessages(c.node)); diff != "" {
					t.Errorf("messages on %s (-want +got):\n%s\n%s", c.node, diff, form.Body)
				}
			})
		}
	})
}

func TestATakenAddressIsRefusedInAnySpelling(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		f := s.Client(kind).Start("registration", "")
		form := f.Form(f.Submit(map[string]any{"method": "password", "traits.email": "ANN@cardea.test", "password": cardeatest.Password}))
		if diff := cmp.Diff([]int{4000007}, form.Messages()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestAnInactiveIdentityCannotSignInAndItsSessionsEnd(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		id := s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		person := s.Client(kind)
		person.SignIn("ann@cardea.test", cardeatest.Password)
		wantStatus(t, "deactivate", s.Client(cardeatest.Native).Do("PATCH", s.AdminURL+"/admin/identities/"+id,
			[]map[string]any{{"op": "replace", "path": "/state", "value": "inactive"}}), 200)
		wantStatus(t, "whoami of an inactive identity", person.WhoAmI(), 401)
		wantStatus(t, "own sessions of an inactive identity", person.Get("/sessions"), 401)

		f := s.Client(kind).Start("login", "")
		form := f.Form(f.Submit(map[string]any{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}))
		if diff := cmp.Diff([]int{4010011}, form.Messages()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestSigningInAgainKeepsTheSessionAndItsToken(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		person := s.Client(kind)
		person.SignIn("ann@cardea.test", cardeatest.Password)
		before := person.WhoAmI()
		f := person.Start("login", "refresh=true")
		if diff := cmp.Diff([]int{1010003}, f.Answer.Messages()); diff != "" {
			t.Errorf("messages of the refresh (-want +got):\n%s", diff)
		}
		a := f.Submit(map[string]any{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password})
		if kind == cardeatest.Native && a.Text("session_token") != person.Token {
			t.Error("signing in again changed the token")
		}
		after := person.WhoAmI()
		wantStatus(t, "whoami", after, 200)
		if after.Text("id") != before.Text("id") {
			t.Error("signing in again made another session")
		}
		if after.Text("authenticated_at") == before.Text("authenticated_at") {
			t.Error("signing in again did not renew authenticated_at")
		}
	})
}

func TestASignInNeverTakesOverASessionTheClientBrought(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	s.CreateIdentity("ann@cardea.test", cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	person := s.Client(cardeatest.SPA)
	person.SignIn("ann@cardea.test", cardeatest.Password)
	ann := person.WhoAmI().Text("id")
	f := person.Start("login", "refresh=true")
	wantStatus(t, "refresh as somebody else", f.Submit(map[string]any{"method": "password", "identifier": "bob@cardea.test", "password": cardeatest.Password}), 200)
	me := person.WhoAmI()
	if me.Text("id") == ann || me.Text("identity", "traits", "email") != "bob@cardea.test" {
		t.Errorf("signing in as somebody else kept the session: %s", me.Body)
	}
}

func TestOwnSessionsAreListedAndRevoked(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		other, third := s.Client(cardeatest.Native), s.Client(cardeatest.Native)
		other.SignIn("ann@cardea.test", cardeatest.Password)
		third.SignIn("ann@cardea.test", cardeatest.Password)
		person := s.Client(kind)
		person.SignIn("ann@cardea.test", cardeatest.Password)

		list := person.Get("/sessions")
		wantStatus(t, "list", list, 200)
		if got := list.Header.Get("X-Total-Count"); got != "2" {
			t.Errorf("%s other sessions, want 2", got)
		}
		own := person.WhoAmI().Text("id")
		wantStatus(t, "revoke the own session", person.Do("DELETE", "/sessions/"+own, nil), 400)
		wantStatus(t, "revoke another", person.Do("DELETE", "/sessions/"+other.WhoAmI().Text("id"), nil), 204)
		wantStatus(t, "whoami of the revoked one", other.WhoAmI(), 401)
		wantStatus(t, "revoke all others", person.Do("DELETE", "/sessions", nil), 200)
		wantStatus(t, "whoami of the last other", third.WhoAmI(), 401)
		wantStatus(t, "whoami of the own session", person.WhoAmI(), 200)
	})
}

func TestNobodyRevokesASessionOfSomebodyElse(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	ann, bob := s.Client(cardeatest.Native), s.Client(cardeatest.Native)
	ann.SignUp("ann@cardea.test", cardeatest.Password)
	bob.SignUp("bob@cardea.test", cardeatest.Password)
	wantStatus(t, "the answer tells nothing", bob.Do("DELETE", "/sessions/"+ann.WhoAmI().Text("id"), nil), 204)
	wantStatus(t, "whoami of the other person", ann.WhoAmI(), 200)
}

func TestWithoutTheSessionHookNobodyIsSignedInByRegistering(t *testing.T) {
	o := cardeatest.Options{Config: `selfservice: {flows: {registration: {after: {password: {hooks: []}}}}}`}
	each(t, o, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		a := person.SignUp("ann@cardea.test", cardeatest.Password)
		if kind != cardeatest.Browser && (a.JSON["session"] != nil || a.JSON["session_token"] != nil) {
			t.Errorf("the answer brings a session: %s", a.Body)
		}
		wantStatus(t, "whoami", person.WhoAmI(), 401)
		person.SignIn("ann@cardea.test", cardeatest.Password)
	})
}

func TestJourneysEndWhereTheyWereAskedTo(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	const to = "https://app.cardea.test/inside/x?a=b"
	person := s.Client(cardeatest.Browser)
	a := person.Start("registration", "return_to="+url.QueryEscape(to)).
		Submit(map[string]any{"method": "password", "traits.email": "ann@cardea.test", "password": cardeatest.Password})
	if a.Status != http.StatusSeeOther || a.Location != to {
		t.Errorf("registration led to %d %q, want 303 %q", a.Status, a.Location, to)
	}
}
