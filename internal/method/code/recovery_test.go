package code_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// askToRecover begins a recovery and asks for a code.
func askToRecover(t *testing.T, c *cardeatest.Client, address string) *cardeatest.Flow {
	t.Helper()
	f := c.Start("recovery", "")
	sent := f.Submit(map[string]any{"method": "code", "email": address})
	wantStatus(t, "ask for a code", sent, goesOn(c, 200))
	form := f.Form(sent)
	wantMessages(t, "ask for a code", form, 1060003)
	wantState(t, "ask for a code", form, "sent_email")
	return f
}

func useCode(f *cardeatest.Flow, code string) *cardeatest.Answer {
	return f.Submit(map[string]any{"method": "code", "code": code})
}

func TestACodeWinsAnAccountBack(t *testing.T) {
	each(t, server, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		id := somebody(t, s, map[string]any{"email": email})
		f := askToRecover(t, c, email)
		code := s.LastMail(email).Code()
		wrong := useCode(f, cardeatest.WrongCode(code))
		wantStatus(t, "wrong code", wrong, goesOn(c, 200))
		wantMessages(t, "wrong code", f.Form(wrong), 4060006)
		if c.Kind != cardeatest.Native {
			wantStatus(t, "whoami after a wrong code", c.WhoAmI(), 401)
		}
		right := useCode(f, code)
		wantStatus(t, "right code", right, goesOn(c, 422))
		if c.Kind == cardeatest.Native {
			c.Token = nextToken(right)
		}
		me := c.WhoAmI()
		wantStatus(t, "whoami", me, 200)
		if me.Text("identity", "id") != id || !strings.Contains(string(me.Body), `"code_recovery"`) {
			t.Errorf("signed in as %s", me.Body)
		}
		if !verified(t, s, id, email) {
			t.Error("the address that the code was sent to is not verified")
		}
		settings := c.Get("/self-service/settings/flows?id=" + flowIn(t, right))
		wantStatus(t, "the settings", settings, 200)
		wantMessages(t, "the settings", settings, 1060001)
	})
}

// nextToken is the session token among what a native client is told to do next.
func nextToken(a *cardeatest.Answer) string {
	inner, _ := a.JSON["error"].(map[string]any)
	details, _ := inner["details"].(map[string]any)
	next, _ := details["continue_with"].([]any)
	if shown, ok := a.JSON["continue_with"].([]any); ok {
		next = shown
	}
	for _, entry := range next {
		if one, _ := entry.(map[string]any); one["action"] == "set_ory_session_token" {
			token, _ := one["ory_session_token"].(string)
			return token
		}
	}
	return ""
}

// flowIn is the flow that an answer leads to.
func flowIn(t *testing.T, a *cardeatest.Answer) string {
	t.Helper()
	to := a.Location
	if to == "" {
		to = a.Text("redirect_browser_to")
	}
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("flow") == "" {
		t.Fatalf("the answer leads to no flow: %q %s", to, a.Body)
	}
	return u.Query().Get("flow")
}

func TestAnUnknownAddressIsAnsweredLikeAKnownOne(t *testing.T) {
	each(t, server, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email})
		known, unknown := askToRecover(t, c, email), askToRecover(t, s.Client(c.Kind), "eve@cardea.test")
		if len(s.Mails("eve@cardea.test")) != 0 {
			t.Error("a stranger got a mail")
		}
		wrong := cardeatest.WrongCode(s.LastMail(email).Code())
		for n := range 5 {
			a, b := useCode(known, wrong), useCode(unknown, wrong)
			if a.Status != b.Status || !slices.Equal(known.Form(a).Messages(), unknown.Form(b).Messages()) {
				t.Fatalf("submission %d tells them apart: %d and %d", n+1, a.Status, b.Status)
			}
		}
		if a, b := useCode(known, wrong), useCode(unknown, wrong); a.Status != 303 || b.Status != 303 {
			t.Fatalf("the sixth submission is answered with %d and %d, want 303 to a fresh flow", a.Status, b.Status)
		}
	})
}

func TestStrangersAreNotifiedWhereThatIsWanted(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: strings.Replace(config("", ""), "recovery: {enabled: true}", "recovery: {enabled: true, notify_unknown_recipients: true}", 1)})
	askToRecover(t, s.Client(cardeatest.Native), "eve@cardea.test")
	if got := s.LastMail("eve@cardea.test").Template; got != "recovery_code_invalid" {
		t.Errorf("the stranger got a %s", got)
	}
}

func TestARecoveryThatIsOverCannotGoOn(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.Native)
	f := askToRecover(t, c, email)
	code := s.LastMail(email).Code()
	wantStatus(t, "right code", useCode(f, code), 422)
	for name, fields := range map[string]map[string]any{
		"the code once more": {"method": "code", "code": code},
		"another code":       {"method": "code", "email": email},
	} {
		a := f.Submit(fields)
		wantStatus(t, name, a, 303)
		fresh := c.Get(a.Location)
		wantState(t, name, fresh, "choose_method")
		want := 4000001
		if name == "another code" {
			want = 4060001
		}
		wantMessages(t, name, fresh, want)
	}
}

func TestTheNewerAnswerOfARecovery(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.SPA, cardeatest.Native} {
		t.Run(string(kind), func(t *testing.T) {
			s := server(t, "feature_flags: {use_continue_with_transitions: true}")
			somebody(t, s, map[string]any{"email": email})
			c := s.Client(kind)
			f := askToRecover(t, c, email)
			done := useCode(f, s.LastMail(email).Code())
			wantStatus(t, "right code", done, 200)
			wantState(t, "right code", done, "passed_challenge")
			if kind == cardeatest.Native && nextToken(done) == "" {
				t.Error("the native client is not told its token")
			}
			over := f.Submit(map[string]any{"method": "code", "email": email, "csrf_token": csrfOf(f)})
			wantStatus(t, "another code afterwards", over, 400)
			if over.JSON["error"] == nil {
				t.Errorf("the flow that is over is answered with %s", over.Body)
			}
		})
	}
}

// csrfOf is the anti-CSRF token of a flow as it is now.
func csrfOf(f *cardeatest.Flow) string {
	if n := f.Fetch().Node("csrf_token"); n != nil {
		token, _ := n.Attributes["value"].(string)
		return token
	}
	return ""
}

func TestACodeOfAnAddressThatWasGivenUpIsWrong(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email})
	f := askToRecover(t, s.Client(cardeatest.Native), email)
	moved := s.Client(cardeatest.Native).Do("PUT", s.AdminURL+"/admin/identities/"+id, map[string]any{
		"schema_id": "default", "state": "active", "traits": map[string]any{"email": "new@cardea.test"},
	})
	wantStatus(t, "move to another address", moved, 200)
	wantMessages(t, "the code of the old address", useCode(f, s.LastMail(email).Code()), 4060006)
}

func TestASwitchedOffAccountIsNotWonBack(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.SPA)
	f := askToRecover(t, c, email)
	off := s.Client(cardeatest.Native).Do("PATCH", s.AdminURL+"/admin/identities/"+id, []map[string]any{{"op": "replace", "path": "/state", "value": "inactive"}})
	wantStatus(t, "switch off", off, 200)
	a := useCode(f, s.LastMail(email).Code())
	wantStatus(t, "right code", a, 303)
	wantMessages(t, "right code", c.Get(a.Location), 4010011)
	wantStatus(t, "whoami", c.WhoAmI(), 401)
}

func TestRecoveryNeedsTheAntiCSRFToken(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.SPA)
	f := askToRecover(t, c, email)
	a := f.Submit(map[string]any{"method": "code", "code": s.LastMail(email).Code(), "csrf_token": ""})
	wantStatus(t, "a code without the token", a, 403)
	wantStatus(t, "whoami", c.WhoAmI(), 401)
}

func TestASecondSubmissionKeepsTheMethodOfTheFlow(t *testing.T) {
	s := server(t, "")
	f := s.Client(cardeatest.Native).Start("recovery", "")
	wantMessages(t, "a method that does not exist", f.Submit(map[string]any{"method": "pigeon", "email": email}), 4010005)
	wantMessages(t, "the method of the flow", f.Submit(map[string]any{"method": "code", "email": email}), 1060003)
}

func TestSomebodyWhoIsSignedInCannotAskForARecovery(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.SPA)
	f := c.Start("recovery", "")
	c.SignIn(email, cardeatest.Password)
	a := f.Submit(map[string]any{"method": "code", "email": email})
	if a.Status != 400 || a.ErrorID() != "session_already_available" {
		t.Errorf("asking while signed in is answered with %d %s", a.Status, a.Body)
	}
	if len(s.Mails(email)) != 0 {
		t.Error("a code was sent nevertheless")
	}
}
