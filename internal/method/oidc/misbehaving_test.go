package oidc_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cardea/cardeatest"
)

// misbehaviours are what an address of a provider can do in place of its work.
func misbehaviours(private string) map[string]func(w http.ResponseWriter, r *http.Request) {
	return map[string]func(w http.ResponseWriter, r *http.Request){
		"fails":              func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret-of-the-provider", 500) },
		"sends nonsense":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"sends another type": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["secret-of-the-provider"]`)) },
		"sends too much":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 3<<20)) },
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			for line := make([]byte, 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		},
		"redirects inside": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, private+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"redirects to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
}

func TestAProviderThatMisbehavesDoesNoHarm(t *testing.T) {
	var inner atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	t.Cleanup(func() {
		private.Close()
		if n := inner.Load(); n != 0 {
			t.Errorf("the private place was asked %d times", n)
		}
	})
	for _, path := range []string{"/token", "/jwks", "/userinfo"} {
		for name, misbehave := range misbehaviours(private.URL) {
			t.Run(path[1:]+" "+name, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, ", claims_source: userinfo")
				h.provider.Answer = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == path {
						misbehave(w, r)
					}
					return r.URL.Path == path
				}
				v := h.visitor(cardeatest.Browser)
				a := v.goThrough("login", "acme", ann)
				v.wantNobody("after a provider that misbehaves")
				if a.Status != 303 || !strings.HasPrefix(a.Location, "https://ui.cardea.test/") {
					t.Errorf("answered %d to %q", a.Status, a.Location)
				}
				to, err := url.Parse(a.Location)
				if err != nil {
					t.Fatal(err)
				}
				for _, address := range []string{"/self-service/errors?id=" + to.Query().Get("id"), "/self-service/login/flows?id=" + to.Query().Get("flow")} {
					if shown := v.client.Get(address); strings.Contains(string(shown.Body), "secret-of-the-provider") {
						t.Errorf("the provider's answer is shown: %s", shown.Body)
					}
				}
			})
		}
	}
	for name, misbehave := range misbehaviours(private.URL) {
		t.Run("a description "+name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			h.provider.Answer = func(w http.ResponseWriter, r *http.Request) bool {
				misbehave(w, r)
				return true
			}
			f := h.Client(cardeatest.SPA).Start("login", "")
			if a := f.Submit(claims{"provider": "acme"}); a.Status != 500 || a.ErrorID() != "invalid_configuration" || strings.Contains(string(a.Body), "secret-of-the-provider") {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
		})
	}
}

// logbook is what a server has said.
type logbook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestWhatAProviderRepeatsOfARequestIsNotLogged has a token endpoint that refuses by
// repeating all that it was sent: the code, the proof that belongs to it and the secret.
func TestWhatAProviderRepeatsOfARequestIsNotLogged(t *testing.T) {
	p, log := cardeatest.NewProvider(t), &logbook{}
	s := cardeatest.New(t, cardeatest.Options{
		Log:    slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug - 8})),
		Config: "selfservice: {methods: {oidc: {enabled: true, config: {providers: [" + p.Config("acme", "") + "]}}}}",
	})
	var mu sync.Mutex
	var canaries []string
	p.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		_ = r.ParseForm()
		mu.Lock()
		defer mu.Unlock()
		said := r.Header.Get("Authorization")
		for _, name := range []string{"code", "code_verifier", "client_secret"} {
			if value := r.PostForm.Get(name); value != "" {
				canaries, said = append(canaries, value), said+" "+value
			}
		}
		if _, basic, ok := strings.Cut(r.Header.Get("Authorization"), "Basic "); ok {
			canaries = append(canaries, basic)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": said, "error_uri": "https://acme.test/" + said})
		return true
	}
	for _, kind := range cardeatest.Kinds {
		v := (&house{t, s, p}).visitor(kind)
		v.goThrough("login", "acme", ann)
		v.wantNobody("after a refusal")
	}
	mu.Lock()
	defer mu.Unlock()
	text := log.text()
	if len(canaries) < 3*len(cardeatest.Kinds) || !strings.Contains(text, "invalid_grant") {
		t.Fatalf("%d secrets were repeated, and the log tells %s", len(canaries), text)
	}
	for _, c := range canaries {
		if strings.Contains(text, c) {
			t.Errorf("the log holds %.4s…", c)
		}
	}
}

func TestAnAnswerAboutSomebodyElseIsNotBelieved(t *testing.T) {
	h := newHouse(t, ", claims_source: userinfo")
	h.provider.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/userinfo" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(claims{"sub": "eve", "email": "eve@cardea.test", "email_verified": true})
		return true
	}
	for _, kind := range cardeatest.Kinds {
		v := h.visitor(kind)
		v.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test"})
		v.wantNobody("after an answer about somebody else")
		same := h.visitor(kind)
		same.goThrough("login", "acme", claims{"sub": "eve", "email": "eve@cardea.test"})
		same.wantSignedIn("eve@cardea.test")
	}
}

func TestADescriptionOpensNoPrivatePlaces(t *testing.T) {
	var inner atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	t.Cleanup(func() {
		private.Close()
		if n := inner.Load(); n != 0 {
			t.Errorf("the private place was asked %d times", n)
		}
	})
	at, err := url.Parse(private.URL)
	if err != nil {
		t.Fatal(err)
	}
	here := func(host string) string { return "http://" + host + ":" + at.Port() + "/inside" }
	descriptions := map[string]map[string]any{
		"the cloud's metadata": {"token_endpoint": "http://169.254.169.254/latest/meta-data"},
		"keys":                 {"jwks_uri": here("127.0.0.1")},
		"userinfo":             {"userinfo_endpoint": here("127.0.0.1")},
	}
	for _, host := range []string{
		"127.0.0.1", "127.1", "localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "2130706433", "0x7f000001",
	} {
		descriptions[host] = map[string]any{"token_endpoint": here(host)}
	}
	for name, description := range descriptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := cardeatest.NewProvider(t)
			p.Description = description
			h := startHouse(t, p, ", claims_source: userinfo")
			v := h.visitor(cardeatest.Browser)
			v.goThrough("login", "acme", ann)
			v.wantNobody("with a description that names a private place")
		})
	}
}
