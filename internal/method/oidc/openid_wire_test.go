package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/url"
	"testing"

	"cardea/internal/config"
	"cardea/internal/jose"
)

// openIDWire is a provider that gives ID tokens, as one of a brand does.
type openIDWire struct {
	provider          config.OIDCProvider
	issuer            string // of its tokens
	described         string // the issuer that its description is found at, "" for none
	token, keys, user string // endpoints
	check             func(*http.Request) bool
	claims            map[string]any // of its tokens
	userinfo          string
	query             url.Values // beside the code
	sub, given, email string     // that have to be understood
}

const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

func openIDWires(t *testing.T) map[string]openIDWire {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	microsoft := func(source string) openIDWire {
		return openIDWire{
			provider: config.OIDCProvider{MicrosoftTenant: "organizations", SubjectSource: source, PKCE: "never"},
			issuer:   "https://login.microsoftonline.com/" + tenant + "/v2.0",
			token:    "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
			keys:     "https://login.microsoftonline.com/" + tenant + "/discovery/v2.0/keys",
			user:     "https://graph.microsoft.com/v1.0/me", userinfo: `{"id":"me-7"}`,
			claims: map[string]any{"tid": tenant, "oid": "oid-7", "email": "a@b.test"},
			sub:    map[string]string{"userinfo": "7", "oid": "oid-7", "me": "me-7"}[source], email: "a@b.test",
		}
	}
	return map[string]openIDWire{
		"google": {
			issuer: "https://accounts.google.com", described: "https://accounts.google.com", token: "https://oauth2.test/token", keys: "https://oauth2.test/certs",
			claims: map[string]any{"email": "a@b.test", "given_name": "Ann"}, sub: "7", given: "Ann", email: "a@b.test",
		},
		"apple": {
			provider: config.OIDCProvider{AppleTeamID: "TEAM", ApplePrivateKeyID: "K", ApplePrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))},
			issuer:   "https://appleid.apple.com", described: "https://appleid.apple.com", token: "https://appleid.apple.com/auth/token", keys: "https://appleid.apple.com/auth/keys",
			check: func(r *http.Request) bool {
				var c struct {
					Iss string `json:"iss"`
					Sub string `json:"sub"`
					Aud string `json:"aud"`
				}
				return jose.Unverified(r.FormValue("client_secret"), &c) == nil && c.Iss == "TEAM" && c.Sub == "client" && c.Aud == "https://appleid.apple.com"
			},
			claims: map[string]any{"email": "a@b.test", "email_verified": "true"},
			query:  url.Values{"user": {`{"name":{"firstName":"Ann","lastName":"Lee"}}`}},
			sub:    "7", given: "Ann", email: "a@b.test",
		},
		"line": {
			issuer: "https://access.line.me", described: "https://access.line.me", token: "https://api.line.test/token", keys: "https://api.line.test/certs",
			check:  func(r *http.Request) bool { return r.FormValue("id_token_key_type") == "JWK" },
			claims: map[string]any{"email": "a@b.test"}, sub: "7", email: "a@b.test",
		},
		"linkedin_v2": {
			issuer: "https://www.linkedin.com/oauth", described: "https://www.linkedin.com/oauth", token: "https://www.linkedin.com/token", keys: "https://www.linkedin.com/jwks",
			user: "https://api.linkedin.com/v2/userinfo", userinfo: `{"sub":"7","given_name":"Ann","email":"a@b.test","email_verified":true}`,
			claims: map[string]any{"nonce": nil}, sub: "7", given: "Ann", email: "a@b.test",
		},
		"netid": {
			issuer: "https://broker.netid.de/", described: "https://broker.netid.de/", token: "https://broker.netid.de/token", keys: "https://broker.netid.de/certs",
			user: "https://broker.netid.de/userinfo", userinfo: `{"sub":"7","given_name":"Ann","email":"a@b.test"}`,
			sub: "7", given: "Ann", email: "a@b.test",
		},
		"microsoft":    microsoft("userinfo"),
		"microsoft/2":  microsoft("oid"),
		"microsoft/me": microsoft("me"),
	}
}

// brandOf is the type of a case that has several.
func brandOf(name string) string {
	for n := range brands() {
		if len(name) > len(n) && name[:len(n)+1] == n+"/" {
			return n
		}
	}
	return name
}

func TestProvidersWithIDTokensAreUnderstoodInTheirOwnFormat(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, keys := keySet(t, "key", &key.PublicKey)()
	for name, c := range openIDWires(t) {
		t.Run(name, func(t *testing.T) {
			told := map[string]any{"iss": c.issuer, "aud": "client", "sub": "7", "iat": 1700000000, "exp": 1700003600, "nonce": "n"}
			maps.Copy(told, c.claims)
			maps.DeleteFunc(told, func(_ string, v any) bool { return v == nil })
			serve := map[string]http.HandlerFunc{
				c.keys: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, keys) },
				c.token: func(w http.ResponseWriter, r *http.Request) {
					if r.FormValue("code") != "c" || c.check != nil && !c.check(r) {
						w.WriteHeader(400)
						return
					}
					w.Header().Set("Content-Type", "application/json")
					_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": signed(t, key, map[string]any{"alg": "RS256", "kid": "key"}, told)})
				},
				c.user: asked401(c.userinfo),
			}
			if c.described != "" {
				document, _ := url.JoinPath(c.described, ".well-known/openid-configuration")
				serve[document] = func(w http.ResponseWriter, _ *http.Request) {
					_ = json.NewEncoder(w).Encode(map[string]any{
						"issuer": c.described, "authorization_endpoint": "https://a.test/", "token_endpoint": c.token, "jwks_uri": c.keys, "userinfo_endpoint": c.user,
					})
				}
			}
			net := internet{}
			for address := range serve {
				u, _ := url.Parse(address)
				net[u.Host] = func(w http.ResponseWriter, r *http.Request) {
					if answer, ok := serve["https://"+r.URL.Host+r.URL.Path]; ok {
						answer(w, r)
						return
					}
					w.WriteHeader(404)
				}
			}
			p := c.provider
			p.ID, p.Provider, p.ClientID, p.ClientSecret = "p", brandOf(name), "client", "secret"
			w := net.trip(t, p)
			w.carry = json.RawMessage(`{"provider":"p","nonce":"n"}`)
			if brands()[p.Provider].noNonce {
				w.carry = json.RawMessage(`{"provider":"p"}`)
			}
			query := url.Values{"code": {"c"}}
			maps.Copy(query, c.query)
			a, err := w.back(query)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.claims; got.Subject != c.sub || got.Issuer != c.issuer || got.GivenName != c.given || got.Email != c.email {
				t.Errorf("understood %+v", got)
			}
			for claim, value := range map[string]any{"aud": "other", "iss": "https://evil.test", "exp": 1600000000, "azp": "other", "iat": 1800000000} {
				was, had := told[claim]
				told[claim] = value
				if a, err := w.back(query); err == nil {
					t.Errorf("%s %v is believed: %+v", claim, value, a.claims)
				}
				if told[claim] = was; !had {
					delete(told, claim)
				}
			}
			if told["nonce"] == "n" {
				told["nonce"] = "another"
				if _, err := w.back(query); err == nil {
					t.Error("another nonce is believed")
				}
			}
		})
	}
}

// TestAMicrosoftTokenOfAForeignTenantIsNotBelieved gives tokens that are right in all but
// the tenant: signed with the keys that are found wherever the tenant leads.
func TestAMicrosoftTokenOfAForeignTenantIsNotBelieved(t *testing.T) {
	const foreign = "9188040d-6c67-4c5b-b112-36a304b66dad"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, keys := keySet(t, "key", &key.PublicKey)()
	for _, c := range []struct {
		configured, tid string
		believed        bool
	}{
		{"common", tenant, true}, {tenant, tenant, true}, {tenant, foreign, false},
		{"common", "", false}, {"common", "common", false}, {"common", "../" + tenant, false}, {"common", "{" + tenant + "}", false},
		{"common", "evil/../" + tenant, false}, {"common", tenant[:35] + "/", false}, {"common", "urn:uuid:" + tenant, false},
	} {
		t.Run(c.configured+" meets "+c.tid, func(t *testing.T) {
			token := signed(t, key, map[string]any{"alg": "RS256", "kid": "key"}, map[string]any{
				"iss": "https://login.microsoftonline.com/" + c.tid + "/v2.0", "aud": "client", "sub": "7", "iat": 1700000000, "exp": 1700003600, "tid": c.tid,
			})
			looked := false
			net := internet{"login.microsoftonline.com": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.Method != http.MethodPost {
					looked = true
					_, _ = io.WriteString(w, keys)
					return
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": token})
			}}
			w := net.trip(t, config.OIDCProvider{ID: "p", Provider: "microsoft", ClientID: "client", MicrosoftTenant: c.configured})
			a, err := w.back(url.Values{"code": {"c"}})
			if (err == nil) != c.believed || looked != c.believed {
				t.Errorf("believed %v (%v), keys were looked for: %v; want %v: %+v", err == nil, err, looked, c.believed, a)
			}
		})
	}
}
