package hook_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/identity"
)

// asking is a configuration whose passwords come from the target.
func (x *target) asking(change func(*config.RequestConfig)) *flow.Setup {
	s := set()
	c := &s.SelfService.Methods.Password.Config.MigrateHook
	c.Enabled, c.Config = true, config.RequestConfig{URL: x.server.URL + "/old?key=canary", Method: "POST", EmitAnalyticsEvent: true}
	if change != nil {
		change(&c.Config)
	}
	return s
}

func body(text string) func(*config.RequestConfig) {
	return func(c *config.RequestConfig) { c.Body = "text:" + text }
}

func TestAnswersAboutAPasswordAreJudged(t *testing.T) {
	const yes = `{"status":"password_match"}`
	elsewhere := httptest.NewServer(answering(200, yes))
	t.Cleanup(elsewhere.Close)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		known  bool
		want   int // status of the error; 0 for none
		calls  int
	}{
		{"yes", answering(200, yes), true, 0, 1},
		{"yes, with more", answering(200, `{"status":"password_match","user":{"id":7}}`), true, 0, 1},
		{"200 with another status", answering(200, `{"status":"password_mismatch"}`), false, 0, 1},
		{"200 with nothing", nil, false, 0, 1},
		{"200 with nonsense", answering(200, `password_match`), false, 0, 1},
		{"200 with too much", answering(200, `{"pad":"`+strings.Repeat("x", 1<<10)+`","status":"password_match"}`), false, 0, 1},
		{"403", answering(403, yes), false, 0, 1},
		{"201", answering(201, yes), false, 502, 1},
		{"204", answering(204, ""), false, 502, 1},
		{"401", answering(401, yes), false, 502, 1},
		{"404", answering(404, ""), false, 502, 1},
		{"500", answering(500, yes), false, 502, 3},
		{"503", answering(503, ""), false, 502, 3},
		{"redirect that drops the body", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Redirect(w, r, "/other", http.StatusSeeOther)
				return
			}
			answering(200, yes)(w, r)
		}, false, 502, 2},
		{"redirect of the password to somebody else", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, false, 502, 3},
		{"connection that breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, 502, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTarget(t, c.answer)
			known, err := x.runner(fetch.Options{}).Knows(t.Context(), x.asking(nil), flow.HookCall{}, ann, "canary-password")
			if n := len(x.seen()); n != c.calls {
				t.Errorf("%d attempts, want %d", n, c.calls)
			}
			if known != c.known {
				t.Errorf("known is %t, want %t", known, c.known)
			}
			if c.want != 0 {
				wantError(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatTheOldSystemIsAsked(t *testing.T) {
	x := newTarget(t, nil)
	r := x.runner(fetch.Options{})
	signed := func(c *config.RequestConfig) {
		c.Headers = map[string]string{"x-team": "1"}
		c.Auth = &config.RequestAuth{Type: "basic_auth"}
		c.Auth.Config.User, c.Auth.Config.Password = "me", "secret"
	}
	form := func(c *config.RequestConfig) {
		c.Headers = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	}
	about := flow.HookCall{Identity: &identity.Identity{}, Method: "POST", URL: "https://id.test/", Headers: map[string][]string{"X-Any": {"1"}}}
	for _, change := range []func(*config.RequestConfig){signed, form, body("known")} {
		if _, err := r.Knows(t.Context(), x.asking(change), about, ann, "old password"); err != nil {
			t.Fatal(err)
		}
	}
	calls := x.seen()
	if got := calls[0]; got.method != "POST" || got.body != `{"identifier":"ann@cardea.test","password":"old password"}` ||
		got.header.Get("X-Team") != "1" || got.header.Get("Authorization") != "Basic bWU6c2VjcmV0" || got.header.Get("Ory-Webhook-Request-Id") == "" {
		t.Errorf("without a program: %+v", got)
	}
	if got := calls[1].body; got != "identifier=ann%40cardea.test&password=old+password" {
		t.Errorf("as a form: %s", got)
	}
	var known map[string]any
	if err := json.Unmarshal([]byte(calls[2].body), &known); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"flow", "identifier", "identity", "password", "request_cookies", "request_headers", "request_method", "request_url"} {
		if _, ok := known[key]; !ok {
			t.Errorf("the program is not told %s", key)
		}
	}
	if len(known) != 8 {
		t.Errorf("the program is told %v", known)
	}
}

func TestAProgramThatFailsDoesNotSayThePassword(t *testing.T) {
	x := newTarget(t, nil)
	r := x.runner(fetch.Options{})
	for _, program := range []string{"error: canary", "quote: canary"} {
		_, err := r.Knows(t.Context(), x.asking(body(program)), flow.HookCall{}, ann, "canary")
		wantError(t, err, 500)
	}
	if known, err := r.Knows(t.Context(), x.asking(body("error: cancel")), flow.HookCall{}, ann, "canary"); known || err != nil {
		t.Errorf("cancelled: %t, %v", known, err)
	}
	if n := len(x.seen()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}
