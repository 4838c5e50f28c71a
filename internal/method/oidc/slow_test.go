package oidc

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
)

// silent is a provider one of whose addresses accepts requests and says nothing.
type silent struct {
	*httptest.Server
	at  string
	key *rsa.PrivateKey
	t   *testing.T
}

func (s *silent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == s.at {
		_, _ = io.Copy(io.Discard, r.Body) // only then a client that goes away is noticed
		<-r.Context().Done()
		return
	}
	now := time.Now()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_, _ = fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/jwks","userinfo_endpoint":"%[1]s/userinfo"}`, s.URL)
	case "/jwks":
		_, body := keySet(s.t, "key", &s.key.PublicKey)()
		_, _ = w.Write([]byte(body))
	case "/token":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": signed(s.t, s.key,
			map[string]any{"alg": "RS256", "kid": "key"},
			map[string]any{"iss": s.URL, "aud": "client", "sub": "ann", "nonce": "n", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})})
	case "/userinfo":
		_, _ = w.Write([]byte(`{"sub":"ann"}`))
	}
}

// impatient gives up on the silent address at once: what a timeout does later.
type impatient struct {
	http.RoundTripper
	at string
}

func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == i.at {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	return i.RoundTripper.RoundTrip(r)
}

func TestAProviderThatSaysNothingIsNotWaitedForForever(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for at, status := range map[string]int{
		"/.well-known/openid-configuration": 500, "/token": 500, "/jwks": 400, "/userinfo": 502, "": 0,
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := &silent{at: at, key: key, t: t}
			s.Server = httptest.NewServer(s)
			defer s.Close()
			// A machine may be slow as well: patience is long for all but the silent address.
			client, err := fetch.New(fetch.Options{Policy: fetch.Trusted, Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			brief := client.HTTP()
			brief.Transport = impatient{client.HTTP().Transport, at}
			m := New(Options{Trusted: brief, Public: brief, Clock: clock.System{}})
			setup := &flow.Setup{Snapshot: &config.Snapshot{}}
			o := &setup.SelfService.Methods.OIDC.Config
			o.BaseRedirectURI = "https://id.cardea.test/"
			o.Providers = []config.OIDCProvider{{ID: "slow", Provider: "generic", ClientID: "client", IssuerURL: s.URL, ClaimsSource: "userinfo"}}
			carry, err := json.Marshal(carried{Provider: "slow", Nonce: "n"})
			if err != nil {
				t.Fatal(err)
			}
			a, err := m.arrived(t.Context(), &flow.Exec{Setup: setup, Flow: &flow.Flow{Kind: flow.Login}, Now: time.Now()}, flow.Back{Query: url.Values{"code": {"c"}}, Carry: carry})
			wantArrival(t, a, err, status)
		})
	}
}
