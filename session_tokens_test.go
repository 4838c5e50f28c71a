package cardea_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"cardea/cardeatest"
)

func must[T any](t *testing.T, value T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// signingKey makes a key for an algorithm.
func signingKey(t *testing.T, id, alg string) jose.JSONWebKey {
	t.Helper()
	var private crypto.PrivateKey
	var err error
	switch alg {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "HS256":
		secret := make([]byte, 32)
		_, err = rand.Read(secret)
		private = secret
	}
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: id, Algorithm: alg, Use: "sig"}
}

func inConfig(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	return "base64://" + base64.StdEncoding.EncodeToString(must(t, raw, err))
}

// published are the keys that a server gives to everybody.
func published(t *testing.T, s *cardeatest.Server) (set jose.JSONWebKeySet) {
	t.Helper()
	a := s.Client(cardeatest.SPA).Get("/.well-known/cardea/jwks.json")
	wantStatus(t, "the keys", a, 200)
	if err := json.Unmarshal(a.Body, &set); err != nil {
		t.Fatal(err)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() || !key.Valid() {
			t.Fatalf("a key that is not public is told to everybody: %s", a.Body)
		}
	}
	return set
}

// checked reads the claims of a token that one of the published keys has signed.
func checked(t *testing.T, s *cardeatest.Server, token, alg string) map[string]any {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatalf("the token is none of %s: %v", alg, err)
	}
	set := published(t, s)
	keys := set.Key(parsed.Headers[0].KeyID)
	if len(keys) != 1 {
		t.Fatalf("%d published keys are called %q", len(keys), parsed.Headers[0].KeyID)
	}
	claims := map[string]any{}
	if err := parsed.Claims(keys[0].Key, &claims); err != nil {
		t.Fatalf("the signature does not fit the published key: %v", err)
	}
	return claims
}

func TestASessionBecomesATokenThatEverybodyCanCheck(t *testing.T) {
	algorithms := []string{"RS256", "ES256", "ES384", "EdDSA"}
	var templates []string
	for _, alg := range algorithms {
		templates = append(templates, fmt.Sprintf("%s: {jwks_url: %q}", alg, inConfig(t, signingKey(t, "key of "+alg, alg))))
	}
	templates = append(templates, fmt.Sprintf("nameless: {jwks_url: %q}", inConfig(t, signingKey(t, "", "ES256"))),
		fmt.Sprintf("secret: {jwks_url: %q, ttl: 10m}", inConfig(t, signingKey(t, "a secret", "HS256"))))
	config := "session: {whoami: {tokenizer: {templates: {" + strings.Join(templates, ", ") + "}}}}"
	each(t, cardeatest.Options{Config: config}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		person.SignUp(ann, cardeatest.Password)
		me := person.WhoAmI()
		for _, alg := range append(algorithms, "nameless") {
			a := person.Get("/sessions/whoami?tokenize_as=" + alg)
			wantStatus(t, alg, a, 200)
			as := alg
			if alg == "nameless" {
				as = "ES256"
			}
			claims := checked(t, s, a.Text("tokenized"), as)
			if claims["sub"] != me.Text("identity", "id") || claims["sid"] != me.Text("id") || claims["iss"] != s.PublicURL+"/" {
				t.Errorf("%s: claims %v", alg, claims)
			}
			if lives := claims["exp"].(float64) - claims["iat"].(float64); lives != time.Minute.Seconds() {
				t.Errorf("%s: without a ttl a token lives for %v seconds, want 60", alg, lives)
			}
		}
		a := person.Get("/sessions/whoami?tokenize_as=secret")
		wantStatus(t, "a token with a secret", a, 200)
		for _, key := range published(t, s).Keys {
			if key.KeyID == "a secret" {
				t.Error("the secret is published")
			}
		}
		wantStatus(t, "a template that is not there", person.Get("/sessions/whoami?tokenize_as=nothing"), 400)
	})
}

func TestTheKeysOfTokensMayBeKept(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: fmt.Sprintf("session: {whoami: {tokenizer: {templates: {a: {jwks_url: %q}}}}}", inConfig(t, signingKey(t, "k", "ES256")))})
	browser := s.Client(cardeatest.Browser)
	browser.Header.Set("Origin", "https://elsewhere.cardea.test")
	a := browser.Get("/.well-known/cardea/jwks.json")
	wantStatus(t, "the keys", a, 200)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "public, max-age=300",
		"Access-Control-Allow-Origin": "*", "Set-Cookie": "", "Vary": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestOfSeveralKeysTheFirstSignsAndAllAreKnown(t *testing.T) {
	now, before, next := signingKey(t, "now", "EdDSA"), signingKey(t, "before", "RS256"), signingKey(t, "next", "ES256")
	s := cardeatest.New(t, cardeatest.Options{Config: fmt.Sprintf("session: {whoami: {tokenizer: {templates: {a: {jwks_url: %[1]q}, b: {jwks_url: %[1]q}}}}}", inConfig(t, now, before, next))})
	person := s.Client(cardeatest.Native)
	person.SignUp(ann, cardeatest.Password)
	checked(t, s, person.Get("/sessions/whoami?tokenize_as=a").Text("tokenized"), "EdDSA")
	var ids []string
	for _, key := range published(t, s).Keys {
		ids = append(ids, key.KeyID)
	}
	if got := strings.Join(ids, " "); got != "now before next" {
		t.Errorf("published are %q", got)
	}
}

func TestAKeyThatDoesNotFitItsAlgorithmSignsNothing(t *testing.T) {
	wrong := signingKey(t, "k", "ES256")
	wrong.Algorithm = "RS256"
	pair := signingKey(t, "k", "ES256")
	public := pair.Public()
	none := signingKey(t, "k", "ES256")
	none.Algorithm = "none"
	for name, key := range map[string]jose.JSONWebKey{"another algorithm": wrong, "only a public key": public, "no algorithm": none} {
		s := cardeatest.New(t, cardeatest.Options{Config: fmt.Sprintf("session: {whoami: {tokenizer: {templates: {a: {jwks_url: %q}}}}}", inConfig(t, key))})
		person := s.Client(cardeatest.Native)
		person.SignUp(ann, cardeatest.Password)
		if a := person.Get("/sessions/whoami?tokenize_as=a"); a.Status != 400 || strings.Contains(string(a.Body), "tokenized") {
			t.Errorf("%s: answered %d %s", name, a.Status, a.Body)
		}
	}
}

func TestAMapperSaysWhoSomebodyIsAndNotWhoseTheTokenIs(t *testing.T) {
	const mapper = `local claims = std.extVar('claims'); local session = std.extVar('session');
{claims: claims + {
  email: session.identity.traits.email, level: session.authenticator_assurance_level, knew: std.objectHas(claims, 'sid'),
  iss: 'https://mine.cardea.test', sub: 'somebody', sid: 'another', jti: 'x', iat: 0, nbf: 0, exp: 99999999999,
}}`
	config := fmt.Sprintf("session: {whoami: {tokenizer: {templates: {plain: {jwks_url: %[1]q, ttl: 10m}, mapped: {jwks_url: %[1]q, ttl: 10m, claims_mapper_url: %q}}}}}",
		inConfig(t, signingKey(t, "k", "EdDSA")), "base64://"+base64.StdEncoding.EncodeToString([]byte(mapper)))
	each(t, cardeatest.Options{Config: config}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		person.SignUp(ann, cardeatest.Password)
		me := person.WhoAmI()
		a := person.Get("/sessions/whoami?tokenize_as=mapped")
		wantStatus(t, "a mapped token", a, 200)
		claims := checked(t, s, a.Text("tokenized"), "EdDSA")
		for name, want := range map[string]any{
			"sub": me.Text("identity", "id"), "sid": me.Text("id"), // as without a mapper
			"email": ann, "level": "aal1", "knew": true, "iss": "https://mine.cardea.test",
		} {
			if claims[name] != want {
				t.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if lives := claims["exp"].(float64) - claims["iat"].(float64); lives != (10*time.Minute).Seconds() || claims["nbf"] != claims["iat"] || claims["jti"] == "x" {
			t.Errorf("the mapper says when: %v", claims)
		}
	})
}
