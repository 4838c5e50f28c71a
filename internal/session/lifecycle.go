package session

import (
	"crypto/sha256"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/secret"
)

// TokenPrefix starts every session token, LogoutPrefix every logout token, so
// that leaked ones can be found by scanners.
const (
	TokenPrefix  = "ory_st_"
	LogoutPrefix = "ory_lo_"
)

// NewToken draws a session token: 32 alphanumerics behind the prefix.
func NewToken(rand io.Reader) string { return secret.Token(rand, TokenPrefix, 32) }

// NewExchangeCode draws one half of a session token exchange: 64 alphanumerics.
func NewExchangeCode(rand io.Reader) string { return secret.Token(rand, "", 64) }

// HashToken is what is stored of a token. Tokens carry 190 bits of randomness,
// so a plain hash cannot be searched.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// New starts a session of an identity on the first piece of evidence.
func New(id uuid.UUID, i *identity.Identity, m Method, d Device, now time.Time, lifespan time.Duration) *Session {
	s := &Session{
		ID: id, IdentityID: i.ID, Identity: i, Active: true,
		IssuedAt: now, CreatedAt: now, LastUsedAt: now, Devices: []Device{d},
	}
	s.Renew(m, now, lifespan)
	return s
}

// Renew adds evidence: the session counts as authenticated now and lives for
// another lifespan. Id, token and time of issue stay.
func (s *Session) Renew(m Method, now time.Time, lifespan time.Duration) {
	s.Methods = append(slices.Clone(s.Methods), m)
	s.AAL = AALOf(s.Methods)
	s.AuthenticatedAt, s.LastUsedAt, s.ExpiresAt, s.UpdatedAt = now, now, now.Add(lifespan), now
}

// Satisfies says whether the session reaches a required level. available is
// what the identity's credentials can reach; it matters for HighestAvailable.
// An unknown requirement is never satisfied by less than aal2.
func (s *Session) Satisfies(required AAL, available string) bool {
	switch {
	case s.AAL == AAL2:
		return true
	case required == AAL1:
		return s.AAL >= AAL1
	case required == HighestAvailable:
		return s.AAL >= AAL1 && available != string(AAL2)
	}
	return false
}

// Held says that the sign-in was so unusual that the session is good for nothing until
// something else is shown: a second factor, or what counts in its place.
func (s *Session) Held() bool {
	held := false
	for _, m := range s.Methods {
		held = (held || m.Holds) && !m.Lifts
	}
	return held && s.AAL != AAL2
}

// Withdraw takes the evidence of second factors out of the session that are not
// set up any more; the level follows, and it says whether anything changed. What was
// a first factor stays, also of what has shown both at once.
func (s *Session) Withdraw(methods []string, now time.Time) bool {
	var left []Method
	changed := false
	for _, m := range s.Methods {
		if m.AAL == AAL2 && slices.Contains(methods, m.Method) {
			changed = true
			if !m.canBeBoth() {
				continue
			}
			m.AAL = AAL1
		}
		left = append(left, m)
	}
	if changed {
		s.Methods = left
		s.AAL, s.UpdatedAt = AALOf(s.Methods), now
	}
	return changed
}
