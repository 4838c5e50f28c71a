package code_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// asSecondFactor is a server on which a code is the second factor.
func asSecondFactor(t *testing.T, lines string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: config("mfa_enabled: true", lines)})
}

// firstFactor signs in with a password; where more is wanted, browsers are sent on.
func firstFactor(t *testing.T, c *cardeatest.Client) {
	t.Helper()
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
	switch c.Kind {
	case cardeatest.Browser:
		wantStatus(t, "first factor", a, 303)
	case cardeatest.SPA:
		wantStatus(t, "first factor", a, 200, 422)
	default:
		wantStatus(t, "first factor", a, 200)
		c.Token = a.Text("session_token")
	}
}

func TestTheOnlyAddressIsSentACodeAtOnce(t *testing.T) {
	each(t, asSecondFactor, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email})
		firstFactor(t, c)
		f := c.Start("login", "aal=aal2")
		wantState(t, "start", f.Answer, "sent_email")
		wantMessages(t, "start", f.Answer, 1010025)
		mail := s.LastMail(email)
		wrong := f.Submit(map[string]any{"method": "code", "code": cardeatest.WrongCode(mail.Code())})
		wantMessages(t, "wrong code", f.Form(wrong), 4010008)
		wantStatus(t, "right code", f.Submit(map[string]any{"method": "code", "code": mail.Code()}), goesOn(c, 200))
		if got := c.WhoAmI().Text("authenticator_assurance_level"); got != "aal2" {
			t.Errorf("the session has level %q, want aal2", got)
		}
	})
}

func TestSeveralAddressesAreOffered(t *testing.T) {
	each(t, asSecondFactor, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
		firstFactor(t, c)
		f := c.Start("login", "aal=aal2")
		wantMessages(t, "start", f.Answer, 1010004)
		if got, want := names(f.Answer), []string{"address=" + email, "address=zoe@cardea.test"}; !slices.Equal(got, want) {
			t.Fatalf("the form offers %v, want %v", got, want)
		}
		stranger := f.Submit(map[string]any{"address": "eve@cardea.test"})
		wantMessages(t, "an address of nobody's", f.Form(stranger), 4000035)
		sent := f.Form(f.Submit(map[string]any{"address": "zoe@cardea.test"}))
		wantMessages(t, "choose an address", sent, 1010025)
		hidden := 0
		for _, name := range names(sent) {
			if name == "identifier" {
				hidden++
			}
		}
		if hidden != 1 {
			t.Errorf("%d addresses travel along, want the chosen one: %v", hidden, names(sent))
		}
		wantStatus(t, "right code", f.Submit(map[string]any{"method": "code", "code": s.LastMail("zoe@cardea.test").Code()}), goesOn(c, 200))
	})
}

func TestWhoeverHasNoAddressLeftHasNoSecondFactor(t *testing.T) {
	optional := strings.Replace(schema, `"required": ["email"], `, "", 1)
	for about, remove := range map[string]func(t *testing.T, s *cardeatest.Server, owner *cardeatest.Client, id string) *cardeatest.Answer{
		"the owner removes it": func(_ *testing.T, _ *cardeatest.Server, owner *cardeatest.Client, _ string) *cardeatest.Answer {
			return owner.Start("settings", "").Submit(map[string]any{"method": "profile", "traits": map[string]any{"username": "ann"}})
		},
		"an operator removes it": func(_ *testing.T, s *cardeatest.Server, _ *cardeatest.Client, id string) *cardeatest.Answer {
			return s.Client(cardeatest.Native).Do("PATCH", s.AdminURL+"/admin/identities/"+id, []any{map[string]any{"op": "remove", "path": "/traits/email"}})
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			s := cardeatest.New(t, cardeatest.Options{Config: strings.Replace(config("mfa_enabled: true", ""),
				base64.StdEncoding.EncodeToString([]byte(schema)), base64.StdEncoding.EncodeToString([]byte(optional)), 1)})
			id := somebody(t, s, map[string]any{"email": email, "username": "ann"})
			owner, other := s.Client(cardeatest.Native), s.Client(cardeatest.Native)
			for n, c := range []*cardeatest.Client{owner, other} {
				firstFactor(t, c)
				f := c.Start("login", "aal=aal2")
				mails := s.Mails(email)
				if len(mails) != n+1 {
					t.Fatalf("%d messages, want %d", len(mails), n+1)
				}
				wantStatus(t, "right code", f.Submit(map[string]any{"method": "code", "code": s.LastMail(email).Code()}), 200)
				if got := c.WhoAmI().Text("authenticator_assurance_level"); got != "aal2" {
					t.Fatalf("the session has level %q, want aal2", got)
				}
			}
			wantStatus(t, about, remove(t, s, owner, id), 200)
			for _, c := range []*cardeatest.Client{owner, other} {
				if got := c.WhoAmI().Text("authenticator_assurance_level"); got != "aal1" {
					t.Errorf("a session has level %q, want aal1", got)
				}
			}
		})
	}
}

func TestViaRestrictsTheAddresses(t *testing.T) {
	s := asSecondFactor(t, "")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	c := s.Client(cardeatest.Native)
	firstFactor(t, c)
	f := c.Start("login", "aal=aal2&via=other")
	wantMessages(t, "start", f.Answer, 1010025)
	if len(s.Mails("zoe@cardea.test")) != 1 || len(s.Mails(email)) != 0 {
		t.Error("the code did not go to the trait that was named")
	}
	for _, via := range []string{"phone", "pigeon"} {
		a := c.Get("/self-service/login/api?aal=aal2&via=" + via)
		wantStatus(t, "via="+via, a, 400)
	}
}

func TestAFlowThatOffersAddressesIsOfNoUseToSomebodyElse(t *testing.T) {
	s := asSecondFactor(t, "")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	somebody(t, s, map[string]any{"email": "bob@cardea.test"})
	ann, bob := s.Client(cardeatest.Native), s.Client(cardeatest.Native)
	firstFactor(t, ann)
	f := ann.Start("login", "aal=aal2")
	wantMessages(t, "ann asks for a code", f.Submit(map[string]any{"address": "zoe@cardea.test"}), 1010025)
	code := s.LastMail("zoe@cardea.test").Code()

	a := bob.Start("login", "").Submit(map[string]any{"method": "password", "identifier": "bob@cardea.test", "password": cardeatest.Password})
	wantStatus(t, "bob signs in", a, 200)
	bob.Token = a.Text("session_token")
	stolen := bob.Do("POST", "/self-service/login?flow="+f.ID, map[string]any{"method": "code", "code": code})
	wantMessages(t, "bob enters ann's code", stolen, 4010008)
	if got := bob.WhoAmI(); got.Text("authenticator_assurance_level") == "aal2" {
		t.Error("bob got his second factor from ann's mailbox")
	}
}
