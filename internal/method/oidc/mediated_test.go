package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

func TestATokenOfABrowserRepeatsTheNonceWhateverSDKsDoWithout(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for provider, at := range native {
		m := web{at.keys: keySet(t, "key", &key.PublicKey)}.method()
		setup := setupAt("https://id.cardea.test/")
		setup.SelfService.Methods.OIDC.Config.Providers = []config.OIDCProvider{{ID: "p", Provider: provider, ClientID: "client", FedCMConfigURL: "https://p.test/"}}
		x := &flow.Exec{Now: time.Now(), Setup: setup, Flow: &flow.Flow{Kind: flow.Login}}
		token := signed(t, key, map[string]any{"alg": "RS256", "kid": "key"}, map[string]any{
			"iss": at.issuer, "aud": "client", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(),
		})
		result, err := m.mediate(t.Context(), x, flow.Brought{Provider: "p", Token: token, Nonce: "n"})
		if p := problem.As(err); p == nil || p.Status != 502 {
			t.Errorf("%s: %v, %v", provider, result, err)
		}
	}
}

func TestATokenOfNetIDThatAnAppBringsNeedsItsNonce(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, keys := keySet(t, "key", &key.PublicKey)()
	now := time.Now()
	told := map[string]any{"iss": "https://broker.netid.de/", "aud": "client", "sub": "ann", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	net := internet{"broker.netid.de": paths(map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"issuer":"https://broker.netid.de/","authorization_endpoint":"https://a.test","token_endpoint":"https://a.test","jwks_uri":"https://broker.netid.de/keys","userinfo_endpoint":"https://broker.netid.de/userinfo"}`)
		},
		"/keys":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, keys) },
		"/userinfo": asked401(`{"sub":"ann"}`),
		"/token": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Origin") != "https://shop.test" {
				w.WriteHeader(400)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "id_token": signed(t, key, map[string]any{"alg": "RS256", "kid": "key"}, told)})
		},
	})}
	p := config.OIDCProvider{ID: "p", Provider: "netid", ClientID: "client", NetIDTokenOriginHeader: "https://shop.test"}
	for name, c := range map[string]struct {
		inToken, given any
		status         int
	}{
		"both": {"n", "n", 0}, "another": {"n", "other", 502}, "none in the token": {nil, "n", 502}, "none given": {"n", "", 502}, "none at all": {nil, "", 502},
	} {
		told["nonce"] = c.inToken
		w := net.trip(t, p)
		w.m.Clock, w.x.Now = web{}.method().Clock, now
		given, _ := c.given.(string)
		a, err := w.m.submitted(t.Context(), w.x, p, input{IDToken: "opaque", Nonce: given}, false)
		t.Run(name, func(t *testing.T) { wantArrival(t, a, err, c.status) })
	}
}
