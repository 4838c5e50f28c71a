// Package apikey owns the keys with which programs and operators use the admin
// port: how they are made, what they may do, and when they stop working.
//
// It refuses to keep a key: only its hash is stored, and the key itself is shown
// once, when it is made. It knows neither HTTP nor SQL.
//
// Invariants: a key without scopes does not exist; a key that is revoked or over
// opens nothing; several keys may be valid at once, which is how they are rotated:
// make the new one, roll it out, revoke the old one.
package apikey

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/secret"
)

// Prefix begins every key, so that scanners for leaked secrets recognise it.
const Prefix = "cardea_ak_"

// maxName is the longest name of a key, in characters.
const maxName = 100

// Key is what is known of a key, which is not the key itself.
type Key struct {
	ID         uuid.UUID
	Name       string // for people; not unique
	Hash       []byte // Hash of the key
	Scopes     Scopes
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	RevokedAt  *time.Time // nil: not revoked
	LastUsedAt *time.Time // coarse: see UseInterval; nil: never
}

// New makes a key that lives for ttl, or for ever when that is 0. The token is what
// its holder sends, and is not kept anywhere. Errors are problems with status 400.
func New(rand io.Reader, name string, scopes Scopes, now time.Time, ttl time.Duration) (token string, k *Key, err error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxName || !printable(name):
		return "", nil, problem.BadRequest("The name of a key is a text of 1 to %d characters.", maxName)
	case len(scopes) == 0:
		return "", nil, problem.BadRequest("A key needs at least one scope.")
	case ttl < 0:
		return "", nil, problem.BadRequest("A key cannot be over before it begins.")
	}
	id, err := uuid.NewRandomFromReader(rand)
	if err != nil {
		return "", nil, fmt.Errorf("draw the id of a key: %w", err)
	}
	token = secret.Token(rand, Prefix, secret.TokenLength)
	k = &Key{ID: id, Name: name, Hash: Hash(token), Scopes: scopes, CreatedAt: now}
	if ttl > 0 {
		ends := now.Add(ttl)
		k.ExpiresAt = &ends
	}
	return token, k, nil
}

func printable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// Hash is what is stored of a key. Keys hold 190 bits of chance, so a fast hash is
// enough: there is nothing to guess.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Valid says whether the key works at a moment.
func (k *Key) Valid(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// State is the word for what a key is at a moment: active, expired or revoked.
func (k *Key) State(now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked"
	case !k.Valid(now):
		return "expired"
	}
	return "active"
}
