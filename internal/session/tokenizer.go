package session

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/jose"
	"cardea/internal/problem"
)

// Tokenizer makes signed tokens out of sessions (section 12.7 of the HTTP
// reference). It is compiled from a template of the configuration.
type Tokenizer struct {
	Key        *jose.Key
	TTL        time.Duration // 0: DefaultTTL
	ExternalID bool          // the subject is the identity's external id
	Issuer     string
	// Map answers with more claims for a session; nil for none.
	Map func(ctx context.Context, session, claims json.RawMessage) (json.RawMessage, error)
}

// DefaultTTL is how long a token lives whose template does not say.
const DefaultTTL = time.Minute

// reserved are the claims that say whose session it is and when: a mapper cannot
// give them other values.
var reserved = []string{"sub", "sid", "jti", "iat", "nbf", "exp"}

// Token signs a token for a session. wire is the session as whoami shows it, id
// the token's own. Errors are 400s: they are for who wrote the template.
func (t *Tokenizer) Token(ctx context.Context, s *Session, wire json.RawMessage, id uuid.UUID, now time.Time) (string, error) {
	ttl := t.TTL
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	subject := s.IdentityID.String()
	if t.ExternalID {
		if subject = s.Identity.ExternalID; subject == "" {
			return "", problem.BadRequest("The identity has no external id to be the subject of the token.")
		}
	}
	claims := map[string]any{
		"jti": id, "iss": t.Issuer, "sub": subject, "sid": s.ID,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(ttl).Unix(),
	}
	if t.Map != nil {
		if err := t.merge(ctx, claims, wire); err != nil {
			return "", err
		}
	}
	token, err := t.Key.Sign(claims)
	if err != nil {
		return "", problem.BadRequest("The session could not be turned into a token.").With(err)
	}
	return token, nil
}

// merge lays the mapper's claims over the default ones.
func (t *Tokenizer) merge(ctx context.Context, claims map[string]any, wire json.RawMessage) error {
	before, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	raw, err := t.Map(ctx, wire, before)
	if err != nil {
		return problem.BadRequest("The claims mapper failed.").With(err)
	}
	var out struct {
		Claims map[string]any `json:"claims"`
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Claims == nil {
		return problem.BadRequest("The claims mapper did not answer with an object that has claims.").With(err)
	}
	for _, name := range reserved {
		delete(out.Claims, name)
	}
	for name, value := range out.Claims {
		claims[name] = value
	}
	return nil
}
