package code_test

import (
	"slices"
	"testing"

	"cardea/cardeatest"
)

// askForCode begins a login and asks for a code.
func askForCode(t *testing.T, c *cardeatest.Client, identifier string) *cardeatest.Flow {
	t.Helper()
	f := c.Start("login", "")
	sent := f.Submit(map[string]any{"method": "code", "identifier": identifier})
	wantStatus(t, "ask for a code", sent, goesOn(c, 400))
	form := f.Form(sent)
	wantMessages(t, "ask for a code", form, 1010014)
	wantState(t, "ask for a code", form, "sent_email")
	return f
}

func enter(f *cardeatest.Flow, identifier, code string) *cardeatest.Answer {
	return f.Submit(map[string]any{"method": "code", "identifier": identifier, "code": code})
}

func TestSomebodySignsInWithACode(t *testing.T) {
	each(t, passwordless, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		id := somebody(t, s, map[string]any{"email": email})
		f := askForCode(t, c, " ANN@cardea.test")
		mail := s.LastMail(email)
		if mail.Template != "login_code_valid" || mail.Code() == "" {
			t.Fatalf("the mail is a %s without a code: %s", mail.Template, mail.Body)
		}
		wrong := enter(f, email, cardeatest.WrongCode(mail.Code()))
		wantMessages(t, "wrong code", f.Form(wrong), 4010008)
		if verified(t, s, id, email) {
			t.Error("a wrong code verified the address")
		}
		right := enter(f, email, mail.Code())
		wantStatus(t, "right code", right, goesOn(c, 200))
		if c.Kind == cardeatest.Native {
			c.Token = right.Text("session_token")
		}
		me := c.WhoAmI()
		wantStatus(t, "whoami", me, 200)
		if me.Text("identity", "id") != id || me.Text("authenticator_assurance_level") != "aal1" {
			t.Errorf("signed in as %s", me.Body)
		}
		if !verified(t, s, id, email) {
			t.Error("the address that the code was sent to is not verified")
		}
	})
}

func TestACodeThatWasUsedIsWorthNothing(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.Native)
	f := askForCode(t, c, email)
	code := s.LastMail(email).Code()
	wantStatus(t, "right code", enter(f, email, code), 200)
	again := enter(f, email, code)
	wantStatus(t, "the same code once more", again, 400)
	wantMessages(t, "the same code once more", again, 4010002)
}

func TestACodeCountsForOneFlowOneAccountAndOnePurpose(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	somebody(t, s, map[string]any{"email": "bob@cardea.test"})
	c := s.Client(cardeatest.Native)

	mine, other := askForCode(t, c, email), askForCode(t, c, email)
	mails := s.Mails(email)
	wantMessages(t, "the code of another flow", enter(mine, email, mails[1].Code()), 4010008)
	wantMessages(t, "the code of another account", enter(other, "bob@cardea.test", mails[1].Code()), 4010008)

	r := c.Start("recovery", "")
	wantStatus(t, "ask for recovery", r.Submit(map[string]any{"method": "code", "email": email}), 200)
	fresh := askForCode(t, c, email)
	recovery := s.Mails(email)[2]
	if recovery.Template != "recovery_code_valid" {
		t.Fatalf("the third mail is a %s", recovery.Template)
	}
	wantMessages(t, "the code of another purpose", enter(fresh, email, recovery.Code()), 4010008)
}

func TestAnotherCodeEndsTheOneBefore(t *testing.T) {
	each(t, passwordless, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email})
		f := askForCode(t, c, email)
		older := s.LastMail(email).Code()
		again := f.Submit(map[string]any{"method": "code", "identifier": email, "resend": "code"})
		wantMessages(t, "ask again", f.Form(again), 1010014)
		newer := s.LastMail(email).Code()
		if older != newer { // one in a million is the same
			wantMessages(t, "the older code", f.Form(enter(f, email, older)), 4010008)
		}
		wantStatus(t, "the newer code", enter(f, email, newer), goesOn(c, 200))
	})
}

func TestAnExpiredCodeIsWrong(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: config("passwordless_enabled: true\n      config: {lifespan: 1ms}", "")})
	somebody(t, s, map[string]any{"email": email})
	f := askForCode(t, s.Client(cardeatest.Native), email)
	wantMessages(t, "a code that is over", enter(f, email, s.LastMail(email).Code()), 4010008)
}

func TestSubmissionsAreCountedForTheFlow(t *testing.T) {
	s := passwordless(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.Native)
	f := askForCode(t, c, email)
	code := s.LastMail(email).Code()
	for _, free := range []map[string]any{
		{"method": "code", "identifier": email},
		{"method": "code", "code": cardeatest.WrongCode(code)},
		{"method": "code", "identifier": email, "resend": "pigeon"},
	} {
		wantStatus(t, "a submission that does not count", f.Submit(free), 400)
	}
	for range 5 {
		wantMessages(t, "one of five wrong codes", enter(f, email, cardeatest.WrongCode(code)), 4010008)
	}
	wantMessages(t, "the right code after five wrong ones", enter(f, email, code), 4000001)
	f.Submit(map[string]any{"method": "code", "identifier": email, "resend": "code"})
	wantMessages(t, "a new code after five wrong ones", enter(f, email, s.LastMail(email).Code()), 4000001)
}

func TestAnUnknownAccountIsToldApartOnlyWhereTheContractSaysSo(t *testing.T) {
	t.Run("by default", func(t *testing.T) {
		s := passwordless(t, "")
		f := s.Client(cardeatest.Native).Start("login", "")
		wantMessages(t, "ask for a code", f.Submit(map[string]any{"method": "code", "identifier": "nobody@cardea.test"}), 4000035)
	})
	t.Run("never where enumeration is mitigated", func(t *testing.T) {
		s := passwordless(t, "security: {account_enumeration: {mitigate: true}}")
		somebody(t, s, map[string]any{"email": email})
		c := s.Client(cardeatest.Native)
		known, unknown := askForCode(t, c, email), askForCode(t, c, "nobody@cardea.test")
		if len(s.Mails("nobody@cardea.test")) != 0 {
			t.Error("a stranger got a mail")
		}
		wrong := cardeatest.WrongCode(s.LastMail(email).Code())
		for n := range 6 {
			a, b := enter(known, email, wrong), enter(unknown, "nobody@cardea.test", wrong)
			if a.Status != b.Status || !slices.Equal(a.Messages(), b.Messages()) || !slices.Equal(names(a), names(b)) {
				t.Fatalf("submission %d tells them apart: %d %v %v and %d %v %v", n+1,
					a.Status, a.Messages(), names(a), b.Status, b.Messages(), names(b))
			}
		}
	})
}

func TestAnAccountWithoutACodeCredentialNeedsTheFallback(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        int
	}{
		{"without", "passwordless_enabled: true", 4000035},
		{"with", "passwordless_enabled: true\n      config: {missing_credential_fallback_enabled: true}", 1010014},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The default schema of the tests gives nobody a code credential.
			s := cardeatest.New(t, cardeatest.Options{Config: "selfservice:\n  methods:\n    code:\n      " + tt.lines})
			s.CreateIdentity(email, cardeatest.Password)
			c := s.Client(cardeatest.Native)
			f := c.Start("login", "")
			wantMessages(t, "ask for a code", f.Submit(map[string]any{"method": "code", "identifier": email}), tt.want)
			if tt.want == 1010014 {
				wantStatus(t, "right code", enter(f, email, s.LastMail(email).Code()), 200)
			}
		})
	}
}

func TestARefreshCanOfferTheAddressesOfTheAccount(t *testing.T) {
	each(t, passwordless, "feature_flags: {refresh_login_choose_address: true}", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
		c.SignIn(email, cardeatest.Password)
		f := c.Start("login", "refresh=true")
		if got := names(f.Answer); !slices.Contains(got, "address="+email) || !slices.Contains(got, "address=zoe@cardea.test") {
			t.Fatalf("the form offers %v", got)
		}
		sent := f.Submit(map[string]any{"address": "zoe@cardea.test"})
		wantMessages(t, "choose an address", f.Form(sent), 1010025)
		if n := f.Form(sent).Node("identifier"); n == nil || n.Attributes["value"] != "zoe@cardea.test" {
			t.Errorf("the chosen address does not travel along: %v", n)
		}
		if len(s.Mails(email)) != 0 {
			t.Error("an address that was not chosen got a mail")
		}
		code := f.Submit(map[string]any{"method": "code", "code": s.LastMail("zoe@cardea.test").Code()})
		wantStatus(t, "right code", code, goesOn(c, 200))
	})
}
