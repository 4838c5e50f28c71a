package cardeatest

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Provider is an OpenID provider whose users always agree. Change its fields only
// while nobody is asking it.
type Provider struct {
	URL string // the issuer
	// Token changes an ID token before it is signed; nil changes nothing.
	Token func(header, claims map[string]any)
	// Sign makes the token in place of the provider; nil signs with its key (RS256).
	Sign func(header, claims map[string]any) string
	// Answer serves a request in place of the provider when it returns true.
	Answer func(w http.ResponseWriter, r *http.Request) bool
	// Mapper is the program of Config; "" is the constant of this name.
	Mapper string
	// WithoutPKCE hides that the provider does RFC 7636.
	WithoutPKCE bool
	// Unmapped leaves the program out of Config's first entry: the configuration says
	// elsewhere what becomes of claims.
	Unmapped bool
	// Description is laid over the provider's description of itself.
	Description map[string]any

	t   testing.TB
	key *rsa.PrivateKey

	mu     sync.Mutex
	grants map[string]grant
	access map[string]grant
	calls  []url.Values // of the token endpoint
}

// grant is what somebody has agreed to.
type grant struct {
	client, redirect, nonce, challenge string
	claims                             map[string]any
}

// NewProvider starts a provider that ends with the test.
func NewProvider(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, key: providerKey(), grants: map[string]grant{}, access: map[string]grant{}}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// providerKey is the key of all providers: making one takes long.
var providerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Mapper is a claims mapper for Schema that believes what the provider says about
// addresses.
const Mapper = `local claims = std.extVar('claims');
{identity: {
  traits: {
    [if 'email' in claims then 'email']: claims.email,
    [if 'given_name' in claims then 'name']: {first: claims.given_name},
  },
  [if 'email' in claims && 'email_verified' in claims then 'verified_addresses']: [{via: 'email', value: claims.email}],
}}`

// Config is an entry of selfservice.methods.oidc.config.providers, in YAML's flow
// style. more is added to it, such as ", pkce: never".
func (p *Provider) Config(id, more string) string {
	mapper := fmt.Sprintf(", mapper_url: %q", "base64://"+encode(cmp.Or(p.Mapper, Mapper)))
	if p.Unmapped {
		mapper, p.Unmapped = "", false
	}
	return fmt.Sprintf(`{id: %s, provider: generic, client_id: client-%s, client_secret: a-secret, issuer_url: %q%s, scope: [email]%s}`,
		id, id, p.URL, mapper, more)
}

// Consent is somebody agreeing at the address that a browser was sent to: it gives
// the address of the callback.
func (p *Provider) Consent(authorize string, claims map[string]any) string {
	p.t.Helper()
	u, err := url.Parse(authorize)
	if err != nil || !strings.HasPrefix(authorize, p.URL+"/authorize?") {
		p.t.Fatalf("%q is no address of the provider", authorize)
	}
	q := u.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	code := fmt.Sprintf("code-%d", len(p.grants)+1)
	p.grants[code] = grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("nonce"), q.Get("code_challenge"), claims}
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// Calls are the requests that the token endpoint got.
func (p *Provider) Calls() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values{}, p.calls...)
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	if p.Answer != nil && p.Answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
		if !p.WithoutPKCE {
			document["code_challenge_methods_supported"] = []string{"S256"}
		}
		maps.Copy(document, p.Description)
		reply(w, 200, document)
	case "/jwks":
		reply(w, 200, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "key",
			"n": raw64(p.key.N.Bytes()), "e": raw64(big.NewInt(int64(p.key.E)).Bytes()),
		}}})
	case "/token":
		p.token(w, r)
	case "/userinfo":
		p.mu.Lock()
		g, ok := p.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		p.mu.Unlock()
		if !ok {
			reply(w, 401, map[string]any{"error": "invalid_token"})
			return
		}
		reply(w, 200, g.claims)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		reply(w, 400, map[string]any{"error": "invalid_request"})
		return
	}
	p.mu.Lock()
	p.calls = append(p.calls, r.PostForm)
	g, ok := p.grants[r.PostForm.Get("code")]
	client, _, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || client != g.client || r.PostForm.Get("redirect_uri") != g.redirect || g.challenge != "" && raw64(sum[:]) != g.challenge {
		p.mu.Unlock()
		reply(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	access := fmt.Sprintf("access-%d", len(p.access)+1)
	p.access[access] = g
	p.mu.Unlock()
	reply(w, 200, map[string]any{
		"access_token": access, "refresh_token": "refresh-" + access, "token_type": "Bearer", "expires_in": 3600, "id_token": p.idToken(g),
	})
}

// Assert is somebody agreeing in a dialogue of the browser (Federated Credential
// Management): it gives the token for the page that asked as a client.
func (p *Provider) Assert(client, nonce string, claims map[string]any) string {
	return p.idToken(grant{client: client, nonce: nonce, claims: claims})
}

// idToken tells a client who somebody is.
func (p *Provider) idToken(g grant) string {
	now := time.Now()
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "key"}
	claims := map[string]any{"iss": p.URL, "aud": g.client, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	for k, v := range g.claims {
		claims[k] = v
	}
	if p.Token != nil {
		p.Token(header, claims)
	}
	sign := p.Sign
	if sign == nil {
		sign = func(header, claims map[string]any) string { return SignToken(p.t, p.key, header, claims) }
	}
	return sign(header, claims)
}

// SignToken makes a compact token that is signed with RS256, whatever its header
// says.
func SignToken(t testing.TB, key *rsa.PrivateKey, header, claims map[string]any) string {
	text := Unsigned(t, header, claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Error(err)
	}
	return text + "." + raw64(signature)
}

// Unsigned is the part of a compact token that is signed.
func Unsigned(t testing.TB, header, claims map[string]any) string {
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			t.Error(err)
		}
		parts = append(parts, raw64(raw))
	}
	return strings.Join(parts, ".")
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
