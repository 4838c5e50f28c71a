package oidc_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// waiting is an OAuth2 server whose logins wait here.
type waiting struct {
	*httptest.Server
	mu       sync.Mutex
	accepted []string // challenges
}

func newWaiting(t *testing.T) *waiting {
	w := &waiting{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		challenge := r.URL.Query().Get("login_challenge")
		rw.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut {
			w.mu.Lock()
			w.accepted = append(w.accepted, challenge)
			w.mu.Unlock()
			_, _ = fmt.Fprintf(rw, `{"redirect_to":"https://hydra.cardea.test/%s"}`, challenge)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"challenge":%q,"skip":false,"client":{},"request_url":"https://hydra.cardea.test/auth"}`, challenge)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *waiting) has(challenge string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(strings.Join(w.accepted, " "), challenge)
}

func TestALoginThatAnOAuth2ServerWaitsForSurvivesTheWayToAProvider(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := newWaiting(t)
			h := newHouse(t, "", "oauth2_provider: {url: '"+server.URL+"'}")
			through := func(journey, challenge string, who claims) (*visitor, *cardeatest.Answer) {
				v := h.visitor(kind)
				f := v.start(journey, "login_challenge="+challenge)
				return v, v.comeBack(h.provider.Consent(v.choose(f, claims{"provider": "acme"}), who))
			}
			want := func(what, challenge string, a *cardeatest.Answer) {
				t.Helper()
				if a.Location != "https://hydra.cardea.test/"+challenge || !server.has(challenge) {
					t.Errorf("%s: answered %d to %q", what, a.Status, a.Location)
				}
			}
			_, a := through("registration", "sign-up", ann)
			want("signing up", "sign-up", a)
			_, a = through("login", "sign-in", ann)
			want("signing in", "sign-in", a)
			_, a = through("login", "first", claims{"sub": "bob", "email": "bob@cardea.test"})
			want("signing in for the first time", "first", a)
			_, a = through("registration", "again", ann)
			want("signing up again", "again", a)

			h.Client(cardeatest.SPA).SignUp("eve@cardea.test", cardeatest.Password)
			v, a := through("login", "link", claims{"sub": "eve", "email": "eve@cardea.test"})
			if server.has("link") {
				t.Fatal("accepted for somebody who has not proved anything")
			}
			sent := v.went("login", a).Submit(claims{"method": "password", "identifier": "eve@cardea.test", "password": cardeatest.Password})
			if to := sent.Location + sent.Text("redirect_browser_to"); to != "https://hydra.cardea.test/link" || !server.has("link") {
				t.Errorf("linking: answered %d to %q", sent.Status, to)
			}
		})
	}
}
