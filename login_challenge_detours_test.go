package cardea_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cardea/cardeatest"
)

// goneOn reads the journey that an answer leads to. An address that begins one is
// opened first.
func goneOn(t *testing.T, c *cardeatest.Client, kind string, a *cardeatest.Answer) *cardeatest.Flow {
	t.Helper()
	for range 3 {
		u, err := url.Parse(sentTo(a))
		if err != nil {
			t.Fatal(err)
		}
		if id := u.Query().Get("flow"); id != "" {
			return c.Resume(kind, id)
		}
		if id := a.Text("id"); id != "" && a.Text("ui", "action") != "" {
			return c.Resume(kind, id)
		}
		if u.Path == "" {
			break
		}
		a = c.Get(u.String())
	}
	t.Fatalf("the answer %d leads to no %s: %q %s", a.Status, kind, sentTo(a), a.Body)
	return nil
}

func TestAChallengeSurvivesTheSecondFactor(t *testing.T) {
	const config = "selfservice: {methods: {totp: {enabled: true, config: {issuer: Wombats}}}}\nsession: {whoami: {required_aal: highest_available}}"
	withHydra(t, config, func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		owner := s.Client(cardeatest.SPA)
		owner.SignUp(annsMail, cardeatest.Password)
		settings := owner.Start("settings", "")
		key := settings.Answer.Node("totp_secret_key").Attributes["text"].(map[string]any)["context"].(map[string]any)["secret"].(string)
		code := func(steps int) string {
			text, err := totp.GenerateCode(key, time.Now().Add(time.Duration(steps)*30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		wantStatus(t, "adding an app", settings.Submit(map[string]any{"method": "totp", "totp_code": code(-1)}), 200)

		a := ann.Start("login", "login_challenge=one").Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		if h.acceptance("one") != nil {
			t.Fatal("the password alone was accepted")
		}
		if to, _ := url.Parse(sentTo(a)); to.Query().Get("aal") != "aal2" || to.Query().Get("login_challenge") != "one" {
			t.Fatalf("answered %d to %q", a.Status, sentTo(a))
		}
		second := goneOn(t, ann, "login", a)
		if got := second.Answer.Text("oauth2_login_challenge"); got != "one" {
			t.Fatalf("the second form is for %q", got)
		}
		a = second.Submit(map[string]any{"method": "totp", "totp_code": code(0)})
		if sentTo(a) != blessed("one") {
			t.Errorf("answered %d to %q: %s", a.Status, sentTo(a), a.Body)
		}
		if amr, _ := h.acceptance("one")["amr"].([]any); len(amr) != 2 || amr[0] != "password" || amr[1] != "totp" {
			t.Errorf("the server was told of %v", amr)
		}
	})
}

func TestAChallengeSurvivesARecoveryAndTheSettingsBehindIt(t *testing.T) {
	const config = "selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}}}"
	withHydra(t, config, func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		s.CreateIdentity(annsMail, cardeatest.Password)
		ann.Start("login", "login_challenge=one")
		f := ann.Start("recovery", "login_challenge=one")
		back := s.PublicURL + "/self-service/login/browser?login_challenge=one"
		if got := f.Answer.Text("return_to"); got != back {
			t.Fatalf("the recovery leads to %q, want %q", got, back)
		}
		f.Submit(map[string]any{"method": "code", "email": annsMail})
		a := f.Submit(map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()})
		settings := goneOn(t, ann, "settings", a)
		a = settings.Submit(map[string]any{"method": "password", "password": "a quite different horse"})
		if ann.Kind == cardeatest.Browser && a.Location != back {
			t.Fatalf("the settings lead to %q", a.Location)
		}
		login := goneOn(t, ann, "login", ann.Get(back))
		a = login.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": "a quite different horse"})
		if sentTo(a) != blessed("one") || h.acceptance("one") == nil {
			t.Errorf("answered %d to %q, accepted %v", a.Status, sentTo(a), h.acceptance("one"))
		}
	})
}

func TestADetourWithoutAnOAuth2ServerLeadsNowhereElse(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: "selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}}}"})
	if got := s.Client(cardeatest.SPA).Start("recovery", "login_challenge=one").Answer.Text("return_to"); got != "" {
		t.Errorf("the recovery leads to %q", got)
	}
	h := newHydra(t)
	s = cardeatest.New(t, h.config("selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}}}"))
	c := s.Client(cardeatest.SPA)
	wantStatus(t, "a detour to a foreign place", c.Get("/self-service/recovery/browser?login_challenge=one&return_to=https%3A%2F%2Fevil.test%2F"), 400)
	if got := s.Client(cardeatest.Native).Start("recovery", "login_challenge=one").Answer.Text("return_to"); got != "" {
		t.Errorf("an app's recovery leads to %q", got)
	}
}

func TestWhatIsWrongWithAChallengeIsSaidBeforeWhatIsWrongWithAPlace(t *testing.T) {
	h := newHydra(t)
	s := cardeatest.New(t, h.config(""))
	c := s.Client(cardeatest.SPA)
	evil := "&return_to=" + url.QueryEscape("https://evil.test/")
	details := func(a *cardeatest.Answer) map[string]any {
		inner, _ := a.JSON["error"].(map[string]any)
		d, _ := inner["details"].(map[string]any)
		return d
	}
	if a := c.Get("/self-service/login/browser?login_challenge=unknown" + evil); a.Status != 400 || a.ErrorID() != "" || details(a)["oauth2_error_hint"] != "start again" {
		t.Errorf("a bad challenge and a bad place: %d %s", a.Status, a.Body)
	}
	if a := c.Get("/self-service/login/browser?login_challenge=one" + evil); a.Status != 400 || a.ErrorID() != "self_service_flow_return_to_forbidden" {
		t.Errorf("a bad place: %d %s", a.Status, a.Body)
	}
	if h.acceptance("one") != nil {
		t.Error("a start that was refused was accepted")
	}
}
