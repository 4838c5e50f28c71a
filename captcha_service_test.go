package cardea_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cardea/cardeatest"
)

const captchaUnreachable = 4009022

// siteverify is a service that takes the answers "a person" and "used" of a page for a
// kind of journey, each as often as it is asked. It counts how often that is.
func siteverify(t *testing.T, action string, asked *atomic.Int64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer := map[string]any{"success": false, "error-codes": []string{"invalid-input-response"}}
		switch {
		case r.FormValue("secret") != "a secret of ours":
			answer["error-codes"] = []string{"invalid-input-secret"}
		case strings.HasPrefix(r.FormValue("response"), "a person"):
			answer = map[string]any{"success": true, "hostname": "app.cardea.test", "action": action, "score": 0.9}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// guardedBy is a server whose journeys are guarded by a service.
func guardedBy(t *testing.T, provider, at, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Pages: true, Config: "cardea: {captcha: {when: always, provider: " + provider +
		", service: {site_key: our-site, secret: a secret of ours, hostnames: [app.cardea.test], verify_url: \"" + at + "\"" + more + "}}}\n"})
}

func TestAServiceGuardsTheJourneysOfEveryClient(t *testing.T) {
	fields := map[string][2]string{
		"turnstile": {"captcha_turnstile_response", "cf-turnstile-response"}, "hcaptcha": {"captcha_hcaptcha_response", "h-captcha-response"},
		"recaptcha_v2": {"captcha_recaptcha_response", "g-recaptcha-response"}, "recaptcha_v3": {"captcha_recaptcha_response", "g-recaptcha-response"},
	}
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		for provider, names := range fields {
			var asked atomic.Int64
			s := guardedBy(t, provider, siteverify(t, "registration", &asked), "")
			f := s.Client(k).Start("registration", "")
			node := f.Answer.Node(names[0][:strings.LastIndex(names[0], "_")] + "_options")
			if node == nil || node.Group != "captcha" || f.Answer.Node("transient_payload."+names[0]) == nil {
				t.Fatalf("%s has no nodes: %s", provider, f.Answer.Body)
			}
			var options map[string]any
			text, _ := node.Attributes["value"].(string)
			if err := json.Unmarshal([]byte(text), &options); err != nil || options["sitekey"] != "our-site" || options["action"] != "registration" ||
				options["response_field_name"] != "transient_payload."+names[0] || strings.Contains(string(f.Answer.Body), "a secret of ours") {
				t.Errorf("%s: the widget is told %s", provider, text)
			}
			with := func(name, answer string) *cardeatest.Answer {
				person := map[string]any{"method": "password", "traits.email": "bob@cardea.test", "password": cardeatest.Password}
				if name != "" {
					person[name] = answer
				}
				return f.Submit(person)
			}
			if a := with("", ""); !slices.Contains(told(f, a), captchaDue) || asked.Load() != 0 {
				t.Errorf("%s without an answer: %d %s, asked %d times", provider, a.Status, a.Body, asked.Load())
			}
			if a := with(names[1], "a robot"); !slices.Contains(told(f, a), captchaWrong) {
				t.Errorf("%s: a robot: %d %s", provider, a.Status, a.Body)
			}
			if a := with("transient_payload."+names[0], "a person"); a.Status >= 400 {
				t.Errorf("%s: a person: %d %s", provider, a.Status, a.Body)
			}
		}
	})
}

func TestAnAnswerOfAServiceIsUsedOnceWhateverTheServiceSays(t *testing.T) {
	var asked atomic.Int64
	s := guardedBy(t, "turnstile", siteverify(t, "login", &asked), "")
	wrong := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99", "cf-turnstile-response": "a person"}
	for n, want := range []int{wrongPassword, captchaWrong} {
		f := s.Client(cardeatest.Native).Start("login", "")
		if a := f.Submit(wrong); !slices.Contains(a.Messages(), want) {
			t.Errorf("submission %d: %d %s", n+1, a.Status, a.Body)
		}
	}
}

func TestWhoGetsThroughWhileAServiceIsAwayIsUpToTheOperator(t *testing.T) {
	away := httptest.NewServer(nil)
	away.Close()
	for policy, want := range map[string]int{"": captchaUnreachable, ", when_unreachable: refuse": captchaUnreachable, ", when_unreachable: accept": wrongPassword} {
		f := guardedBy(t, "hcaptcha", away.URL, policy).Client(cardeatest.Native).Start("login", "")
		answer := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99", "h-captcha-response": "x"}
		if a := f.Submit(answer); !slices.Contains(a.Messages(), want) {
			t.Errorf("%q: %d %s", policy, a.Status, a.Body)
		}
		delete(answer, "h-captcha-response")
		if a := f.Submit(answer); !slices.Contains(a.Messages(), captchaDue) {
			t.Errorf("%q, without an answer: %d %s", policy, a.Status, a.Body)
		}
	}
}

func TestPagesAreOpenToAWidgetOnlyWhereItIsShown(t *testing.T) {
	policyOf := func(s *cardeatest.Server, kind string) string {
		c := s.Client(cardeatest.Browser)
		a := c.Get("/" + kind + "?flow=" + c.Start(kind, "").ID)
		if a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return a.Header.Get("Content-Security-Policy")
	}
	const foreign = "https://challenges.cloudflare.com"
	none := policyOf(cardeatest.New(t, cardeatest.Options{Pages: true}), "login")
	if !strings.Contains(none, "script-src 'self';") || strings.Contains(none, "connect-src") || strings.Contains(none, "frame-src") {
		t.Errorf("without a barrier: %s", none)
	}
	own := policyOf(behindBarrier(t, nil, ", flows: {login: always}"), "login")
	if !strings.Contains(own, "script-src 'self';") || !strings.Contains(own, "connect-src 'self';") || strings.Contains(own, "frame-src") {
		t.Errorf("with our own: %s", own)
	}
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: "cardea: {captcha: {flows: {login: always}, provider: turnstile, service: {site_key: a, secret: b}}}\n"})
	if shown := policyOf(s, "login"); !strings.Contains(shown, "script-src 'self' "+foreign) || !strings.Contains(shown, "frame-src "+foreign) {
		t.Errorf("with Turnstile: %s", shown)
	}
	if other := policyOf(s, "registration"); strings.Contains(other, foreign) {
		t.Errorf("on a page without Turnstile: %s", other)
	}
}

func TestPeopleWithoutJavaScriptWaitWhereTheOperatorLetsThem(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: "cardea: {captcha: {when: always, proof_of_work: {without_javascript: wait}}}\n"})
	c := s.Client(cardeatest.Browser)
	f := c.Start("login", "")
	page := c.Get("/login?flow=" + url.QueryEscape(f.ID))
	if !strings.Contains(string(page.Body), "30 seconds") {
		t.Errorf("nobody is told how long: %s", page.Body)
	}
	wrong := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}
	if a := f.Submit(wrong); !slices.Contains(told(f, a), captchaDue) {
		t.Errorf("at once: %s", f.Fetch().Body)
	}
}
