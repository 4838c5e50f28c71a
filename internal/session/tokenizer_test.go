package session_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/jose"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// tokenizer signs with a secret of a test.
func tokenizer(t *testing.T, mapped string) *session.Tokenizer {
	t.Helper()
	key, err := jose.FirstKey([]byte(`{"keys":[{"kty":"oct","alg":"HS256","kid":"k","k":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 32)) + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	made := &session.Tokenizer{Key: key, Issuer: "https://id.cardea.test/"}
	if mapped != "" {
		made.Map = func(context.Context, json.RawMessage, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(mapped), nil
		}
	}
	return made
}

func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAMapperAddsClaimsAndOverwritesNoneThatSayWhoseAndWhen(t *testing.T) {
	s := &session.Session{ID: uuid.New(), IdentityID: uuid.New(), Identity: &identity.Identity{}}
	id := uuid.New()
	plain, err := tokenizer(t, "").Token(t.Context(), s, nil, id, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := claimsOf(t, plain)
	mapped := `{"claims":{"role":"admin","sub":"somebody","sid":"another","jti":"x","iat":0,"nbf":0,"exp":99999999999,"iss":"https://mine.cardea.test"}}`
	token, err := tokenizer(t, mapped).Token(t.Context(), s, json.RawMessage(`{}`), id, noon)
	if err != nil {
		t.Fatal(err)
	}
	got := claimsOf(t, token)
	for _, name := range []string{"sub", "sid", "jti", "iat", "nbf", "exp"} {
		if got[name] != want[name] || want[name] == nil {
			t.Errorf("%s is %v, want %v", name, got[name], want[name])
		}
	}
	if got["role"] != "admin" || got["iss"] != "https://mine.cardea.test" {
		t.Errorf("what the mapper may say is %v", got)
	}
	if lives := got["exp"].(float64) - got["iat"].(float64); lives != session.DefaultTTL.Seconds() {
		t.Errorf("it lives for %v seconds", lives)
	}
}

func TestATokenLivesAsLongAsItsTemplateSays(t *testing.T) {
	s := &session.Session{ID: uuid.New(), IdentityID: uuid.New()}
	made := tokenizer(t, "")
	made.TTL = time.Hour
	token, err := made.Token(t.Context(), s, nil, uuid.New(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if claims := claimsOf(t, token); claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("claims %v", claims)
	}
}

func TestAMapperThatMakesNoSenseIsA400(t *testing.T) {
	s := &session.Session{ID: uuid.New(), IdentityID: uuid.New()}
	for _, mapped := range []string{`[]`, `{}`, `{"claims":1}`, `{"claims":null}`, `nonsense`} {
		if _, err := tokenizer(t, mapped).Token(t.Context(), s, nil, uuid.New(), noon); problem.As(err) == nil || problem.As(err).Status != 400 {
			t.Errorf("%s: %v", mapped, err)
		}
	}
}
