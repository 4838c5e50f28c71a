package oidc

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// web answers for addresses of the internet.
type web map[string]func() (int, string)

// RoundTrip answers.
func (w web) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := 404, ""
	if answer, ok := w[r.URL.String()]; ok {
		status, body = answer()
	}
	return &http.Response{
		StatusCode: status, Request: r, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (w web) method() *Method {
	client := &http.Client{Transport: w}
	return New(Options{Trusted: client, Public: client, Clock: clock.System{}})
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// unsigned is what a compact token signs.
func unsigned(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64url(raw))
	}
	return strings.Join(parts, ".")
}

// signed is a compact token with a signature by RS256, whatever its header says.
func signed(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	text := unsigned(t, header, claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64url(signature)
}

func keySet(t *testing.T, kid string, key *rsa.PublicKey) func() (int, string) {
	raw, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": base64url(key.N.Bytes()), "e": base64url(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return func() (int, string) { return 200, string(raw) }
}

// native are the providers whose SDKs give ID tokens to apps.
var native = map[string]struct{ issuer, keys string }{
	"google": {"https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs"},
	"apple":  {"https://appleid.apple.com", "https://appleid.apple.com/auth/keys"},
}

func TestAnIDTokenThatAnAppBringsIsBelievedOnlyWhenAllOfItIsRight(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for provider, at := range native {
		m := web{at.keys: keySet(t, "key", &key.PublicKey)}.method()
		p := config.OIDCProvider{ID: "p", Provider: provider, ClientID: "client", AdditionalIDTokenAudiences: []string{"ios", "android"}}
		for name, c := range map[string]struct {
			header, claims map[string]any
			sign           func(*testing.T, map[string]any, map[string]any) string
			nonce          string
			status         int // 0 for somebody who is believed
		}{
			"as it came":                     {nonce: "n"},
			"for an app of the operator's":   {claims: map[string]any{"aud": "ios", "azp": "android"}, nonce: "n"},
			"aud of a list with the client":  {claims: map[string]any{"aud": []string{"x", "client"}}, nonce: "n"},
			"aud of another":                 {claims: map[string]any{"aud": "other"}, nonce: "n", status: 403},
			"aud missing":                    {claims: map[string]any{"aud": nil}, nonce: "n", status: 403},
			"iss of another":                 {claims: map[string]any{"iss": "https://evil.test"}, nonce: "n", status: 403},
			"iss longer":                     {claims: map[string]any{"iss": at.issuer + ".evil.test"}, nonce: "n", status: 403},
			"exp over":                       {claims: map[string]any{"exp": now.Add(-time.Minute).Unix()}, nonce: "n", status: 403},
			"exp missing":                    {claims: map[string]any{"exp": nil}, nonce: "n", status: 403},
			"iat in the future":              {claims: map[string]any{"iat": now.Add(time.Hour).Unix()}, nonce: "n", status: 403},
			"nbf in the future":              {claims: map[string]any{"nbf": now.Add(time.Hour).Unix()}, nonce: "n", status: 403},
			"sub missing":                    {claims: map[string]any{"sub": nil}, nonce: "n", status: 403},
			"another nonce":                  {nonce: "other", status: 502},
			"a nonce that nobody names":      {status: 502},
			"no nonce where there should be": {claims: map[string]any{"nonce": nil, "nonce_supported": true}, nonce: "n", status: map[string]int{"apple": 502}[provider]},
			"no nonce where there is none":   {claims: map[string]any{"nonce": nil}},
			"kid of another key":             {header: map[string]any{"kid": "other"}, nonce: "n", status: 403},
			"key of a stranger": {nonce: "n", status: 403, sign: func(t *testing.T, h, c map[string]any) string {
				return signed(t, stranger, h, c)
			}},
			"alg none": {header: map[string]any{"alg": "none"}, nonce: "n", status: 403, sign: func(t *testing.T, h, c map[string]any) string {
				return unsigned(t, h, c) + "."
			}},
			"alg HS256 with the public key": {header: map[string]any{"alg": "HS256"}, nonce: "n", status: 403, sign: func(t *testing.T, h, c map[string]any) string {
				text := unsigned(t, h, c)
				mac := hmac.New(sha256.New, key.N.Bytes())
				mac.Write([]byte(text))
				return text + "." + base64url(mac.Sum(nil))
			}},
			"cut":                 {nonce: "n", status: 403, sign: func(t *testing.T, h, c map[string]any) string { return signed(t, key, h, c)[:80] }},
			"amr that is no list": {claims: map[string]any{"amr": "pwd"}, nonce: "n", status: 403},
		} {
			t.Run(provider+"/"+name, func(t *testing.T) {
				header := map[string]any{"alg": "RS256", "kid": "key"}
				told := map[string]any{"iss": at.issuer, "aud": "client", "sub": "ann", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": "n"}
				maps.Copy(header, c.header)
				maps.Copy(told, c.claims)
				maps.DeleteFunc(told, func(_ string, v any) bool { return v == nil })
				token := signed(t, key, header, told)
				if c.sign != nil {
					token = c.sign(t, header, told)
				}
				a, err := m.submitted(t.Context(), &flow.Exec{Now: now}, p, input{IDToken: token, Nonce: c.nonce}, false)
				wantArrival(t, a, err, c.status)
			})
		}
	}
}

// setupAt is the configuration of a service at an address.
func setupAt(address string) *flow.Setup {
	s := &flow.Setup{Snapshot: &config.Snapshot{}}
	s.SelfService.Methods.OIDC.Config.BaseRedirectURI = address
	return s
}

func wantArrival(t *testing.T, a *arrival, err error, status int) {
	t.Helper()
	switch p := problem.As(err); {
	case status == 0 && (err != nil || a.claims.Subject != "ann"):
		t.Errorf("not believed: %v", err)
	case status != 0 && (p == nil || p.Status != status):
		t.Errorf("answered %v, want %d", err, status)
	}
}

func TestOnlyProvidersWithSDKsGiveIDTokensToApps(t *testing.T) {
	m := web{}.method()
	x := &flow.Exec{Now: time.Now(), Setup: setupAt("https://id.cardea.test/")}
	for name := range brands() {
		_, err := m.submitted(t.Context(), x, config.OIDCProvider{Provider: name}, input{IDToken: "a.b.c"}, false)
		want := 502
		if brands()[name].keys != "" {
			want = 403
		}
		if p := problem.As(err); p == nil || p.Status != want {
			t.Errorf("%s: %v, want %d", name, err, want)
		}
	}
}

func TestKeysThatCannotBeReadBelieveNobody(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func() (int, string){
		"500":      func() (int, string) { return 500, "" },
		"no JSON":  func() (int, string) { return 200, "<html>" },
		"no keys":  func() (int, string) { return 200, `{"keys": []}` },
		"redirect": func() (int, string) { return 302, "" },
	} {
		for provider, at := range native {
			m := web{at.keys: answer}.method()
			token := signed(t, other, map[string]any{"alg": "RS256", "kid": "key"}, map[string]any{
				"iss": at.issuer, "aud": "client", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(),
			})
			_, err := m.submitted(t.Context(), &flow.Exec{Now: time.Now()}, config.OIDCProvider{Provider: provider, ClientID: "client"}, input{IDToken: token}, false)
			if p := problem.As(err); p == nil || p.Status != 403 {
				t.Errorf("%s, %s: %v", provider, name, err)
			}
		}
	}
}
