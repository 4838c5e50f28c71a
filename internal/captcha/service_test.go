package captcha_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/internal/captcha"
)

// siteverify is a service that answers what a test wants it to.
func siteverify(t *testing.T, answer func(form url.Values) (status int, body string)) (string, *url.Values) {
	t.Helper()
	var asked url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		asked = r.PostForm
		status, body := answer(r.PostForm)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL, &asked
}

func TestServicesAreUnderstood(t *testing.T) {
	for _, tt := range []struct {
		provider, name, body string
		status               int
		want                 error
	}{
		{"turnstile", "a person", `{"success":true,"error-codes":[],"challenge_ts":"2026-11-23T12:00:00Z","hostname":"id.cardea.test","action":"login","cdata":"","metadata":{"ephemeral_id":"x:1"}}`, 200, nil},
		{"turnstile", "another action", `{"success":true,"hostname":"id.cardea.test","action":"registration"}`, 200, captcha.ErrForeign},
		{"turnstile", "no action", `{"success":true,"hostname":"id.cardea.test"}`, 200, captcha.ErrForeign},
		{"turnstile", "another page", `{"success":true,"hostname":"evil.test","action":"login"}`, 200, captcha.ErrForeign},
		{"turnstile", "used", `{"success":false,"error-codes":["timeout-or-duplicate"]}`, 200, captcha.ErrUsed},
		{"turnstile", "invented", `{"success":false,"error-codes":["invalid-input-response"]}`, 200, captcha.ErrWrong},
		{"turnstile", "a wrong secret", `{"success":false,"error-codes":["invalid-input-secret"]}`, 200, captcha.ErrUnreachable},
		{"turnstile", "its own trouble", `{"success":false,"error-codes":["internal-error"]}`, 200, captcha.ErrUnreachable},
		{"hcaptcha", "a person", `{"success":true,"challenge_ts":"2026-11-23T12:00:00Z","hostname":"ID.cardea.test","credit":false}`, 200, nil},
		{"hcaptcha", "another page", `{"success":true,"hostname":"id.cardea.test.evil.test"}`, 200, captcha.ErrForeign},
		{"hcaptcha", "used", `{"success":false,"error-codes":["invalid-or-already-seen-response"]}`, 200, captcha.ErrUsed},
		{"hcaptcha", "another site's", `{"success":false,"error-codes":["sitekey-secret-mismatch"]}`, 200, captcha.ErrUnreachable},
		{"recaptcha_v2", "a person", `{"success":true,"challenge_ts":"2026-11-23T12:00:00Z","hostname":"id.cardea.test"}`, 200, nil},
		{"recaptcha_v2", "an app's", `{"success":true,"challenge_ts":"2026-11-23T12:00:00Z","apk_package_name":"test.cardea"}`, 200, captcha.ErrForeign},
		{"recaptcha_v2", "a robot", `{"success":false,"error-codes":["invalid-input-response"]}`, 200, captcha.ErrWrong},
		{"recaptcha_v3", "a person", `{"success":true,"hostname":"id.cardea.test","score":0.5,"action":"login"}`, 200, nil},
		{"recaptcha_v3", "most likely a robot", `{"success":true,"hostname":"id.cardea.test","score":0.4,"action":"login"}`, 200, captcha.ErrWrong},
		{"recaptcha_v3", "no score", `{"success":true,"hostname":"id.cardea.test","action":"login"}`, 200, captcha.ErrWrong},
		{"recaptcha_v3", "another action", `{"success":true,"hostname":"id.cardea.test","score":0.9,"action":"settings"}`, 200, captcha.ErrForeign},
		{"turnstile", "out of order", "oh no", 502, captcha.ErrUnreachable},
		{"turnstile", "no JSON", "<html>", 200, captcha.ErrUnreachable},
		{"turnstile", "endless", `{"hostname":"` + strings.Repeat("a", 1<<20), 200, captcha.ErrUnreachable},
		{"nobody", "unknown", `{"success":true}`, 200, captcha.ErrWrong},
	} {
		t.Run(tt.provider+" says "+tt.name, func(t *testing.T) {
			at, asked := siteverify(t, func(url.Values) (int, string) { return tt.status, tt.body })
			err := captcha.Asker{Client: http.DefaultClient}.Ask(t.Context(), serviceAt(tt.provider, at), "an answer")
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if tt.provider == "nobody" {
				return
			}
			if asked.Get("secret") != "a secret of ours" || asked.Get("response") != "an answer" || (asked.Get("sitekey") != "") != (tt.provider == "hcaptcha") || asked.Has("remoteip") {
				t.Errorf("asked with %v", *asked)
			}
		})
	}
}

func serviceAt(provider, url string) captcha.Service {
	return captcha.Service{
		Provider: provider, URL: url, SiteKey: "the site", Secret: "a secret of ours", Action: "login",
		Hostnames: []string{"app.cardea.test", "id.cardea.test"}, MinScore: 0.5, Timeout: time.Minute,
	}
}

func TestAServiceThatIsSlowOrAwayIsOutOfReachAndNothingTellsTheSecret(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(release) })
	away := httptest.NewServer(nil)
	away.Close()
	for name, at := range map[string]string{"slow": slow.URL, "away": away.URL, "nonsense": "http://[::1"} {
		s := serviceAt("turnstile", at)
		s.Timeout = 50 * time.Millisecond
		err := captcha.Asker{Client: http.DefaultClient}.Ask(context.Background(), s, "an answer")
		if !errors.Is(err, captcha.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %#v %s", s, s, s, s)} {
			if strings.Contains(text, s.Secret) || strings.Contains(text, "an answer") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}
