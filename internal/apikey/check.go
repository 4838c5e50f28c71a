package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// UseInterval is how exact LastUsedAt is: a key in steady use is written down this
// often, not with every request.
const UseInterval = 5 * time.Minute

// Keys are the stored keys, as checking needs them.
type Keys interface {
	// APIKeyByHash finds a key. ErrNotFound when there is none.
	APIKeyByHash(ctx context.Context, hash []byte) (*Key, error)
	// TouchAPIKey notes that a key was used, unless a use after since is noted already.
	TouchAPIKey(ctx context.Context, id uuid.UUID, now, since time.Time) error
}

// errNoKey is the one answer to keys that are missing, unknown, over or revoked:
// whoever holds a stolen key need not learn which.
func errNoKey(cause error) error {
	return problem.Unauthorized("This needs a valid API key, sent as Authorization: Bearer %s….", Prefix).With(cause)
}

// Reasons for logs.
var (
	errMissing = errors.New("no API key was sent")
	errUnknown = errors.New("there is no such API key")
	errOver    = errors.New("the API key is over or revoked")
)

// Check finds the key of an Authorization header (RFC 6750, section 2.1) and says
// whether it permits all of the accesses. A key that does not work is a problem with
// status 401, one without a scope with 403.
func Check(ctx context.Context, keys Keys, header string, now time.Time, r Resource, needs ...Access) (*Key, error) {
	token, ok := bearer(header)
	if !ok {
		return nil, errNoKey(errMissing)
	}
	hash := Hash(token)
	k, err := keys.APIKeyByHash(ctx, hash)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return nil, errNoKey(errUnknown)
	case err != nil:
		return nil, err
	case subtle.ConstantTimeCompare(k.Hash, hash) != 1:
		return nil, errNoKey(errUnknown)
	case !k.Valid(now):
		return nil, errNoKey(errOver)
	}
	for _, a := range needs {
		if !k.Scopes.Allow(r, a) {
			return nil, problem.Forbidden("This API key lacks the scope %s.", demanded(r, a))
		}
	}
	if since := now.Add(-UseInterval); k.LastUsedAt == nil || k.LastUsedAt.Before(since) {
		// Whether the use could be noted does not decide about the request.
		_ = keys.TouchAPIKey(ctx, k.ID, now, since)
	}
	return k, nil
}

func demanded(r Resource, a Access) string {
	if r == "" || a == "" {
		return every
	}
	return string(r) + ":" + string(a)
}

func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(token, Prefix)
}
