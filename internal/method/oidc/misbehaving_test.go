package oidc_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"cardea/cardeatest"
)

func TestAProviderThatMisbehavesDoesNoHarm(t *testing.T) {
	var inner atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	defer private.Close()
	h := newHouse(t, "")
	for name, at := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"a token endpoint that fails": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				http.Error(w, "secret-of-the-provider", 500)
			}
			return r.URL.Path == "/token"
		},
		"a token endpoint that sends nonsense": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				_, _ = w.Write([]byte("<html>"))
			}
			return r.URL.Path == "/token"
		},
		"a token endpoint that sends too much": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				_, _ = w.Write(make([]byte, 3<<20))
			}
			return r.URL.Path == "/token"
		},
		"a token endpoint that redirects inside": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				http.Redirect(w, r, private.URL+"/token", http.StatusTemporaryRedirect)
			}
			return r.URL.Path == "/token"
		},
		"keys that redirect inside": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, private.URL+"/jwks", http.StatusFound)
			}
			return r.URL.Path == "/jwks"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.provider.Answer = at
			v := h.visitor(cardeatest.Browser)
			a := v.goThrough("login", "acme", ann)
			v.wantNobody(name)
			if a.Status != 303 || !strings.HasPrefix(a.Location, "https://ui.cardea.test/") {
				t.Errorf("answered %d to %q", a.Status, a.Location)
			}
			if to, err := url.Parse(a.Location); err == nil {
				if shown := v.client.Get("/self-service/errors?id=" + to.Query().Get("id")); strings.Contains(string(shown.Body), "secret-of-the-provider") {
					t.Error("the provider's answer is shown")
				}
			}
		})
	}
	t.Run("a description that names private places", func(t *testing.T) {
		p := cardeatest.NewProvider(t)
		p.Answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/.well-known/openid-configuration" {
				return false
			}
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":"%s/authorize","token_endpoint":"%s/token","jwks_uri":"%s/jwks","code_challenge_methods_supported":["S256"]}`,
				p.URL, p.URL, private.URL, private.URL)
			return true
		}
		h := startHouse(t, p, "")
		v := h.visitor(cardeatest.Browser)
		v.goThrough("login", "acme", ann)
		v.wantNobody("with a description that names private places")
	})
	if n := inner.Load(); n != 0 {
		t.Errorf("the private place was asked %d times", n)
	}
	t.Run("no description", func(t *testing.T) {
		h := newHouse(t, "")
		h.provider.Answer = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true }
		f := h.Client(cardeatest.SPA).Start("login", "")
		if a := f.Submit(claims{"provider": "acme"}); a.Status != 500 || a.ErrorID() != "invalid_configuration" {
			t.Errorf("answered %d %s", a.Status, a.Body)
		}
	})
}
