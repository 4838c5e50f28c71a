package secret

import (
	"context"
	"io"
)

// Passwords is the one door to password hashing: the hasher for new hashes, the
// comparison of all formats, and the pool that both go through.
type Passwords struct {
	pool   *Pool
	hasher Hasher
	rand   io.Reader
	limits limits
}

// NewPasswords binds a hasher to a pool. A reload of the configuration makes
// new Passwords on the same pool.
func NewPasswords(pool *Pool, hasher Hasher, rand io.Reader) *Passwords {
	return &Passwords{pool: pool, hasher: hasher, rand: rand, limits: hasher.raise(storedLimits)}
}

// Hash makes the hash of a new password. ErrTooLong, ErrBusy.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	var encoded string
	err := p.pool.Do(ctx, p.hasher.Weight(), func() (err error) {
		encoded, err = p.hasher.Hash(p.rand, password)
		return err
	})
	return encoded, err
}

// Compare checks a password against a stored hash: nil when it matches,
// ErrMismatch when not, ErrTooLong, ErrUnknownFormat, ErrMalformed or
// ErrTooCostly when it cannot, ErrBusy or the context's error when it was not
// tried. To the one who signs in all but the last two are the same.
//
// A failure that comes quickly (a hash of little work such as a plain digest or
// an imported bcrypt at cost 5, one that cannot be compared at all, a password
// too long for its format) is followed by the work of a Dummy: otherwise it would
// tell that the account exists and how weak its hash is.
func (p *Passwords) Compare(ctx context.Context, password, encoded string) error {
	h, err := parse(encoded, p.limits)
	quick := err != nil || h.fast || len(password) > h.maxPassword
	weight := h.weight
	if quick {
		weight = p.hasher.Weight()
	}
	return p.pool.Do(ctx, weight, func() error {
		if err == nil {
			err = h.compare(password)
		}
		if err != nil && quick {
			p.decoy(password)
		}
		return err
	})
}

// Dummy does the work of a comparison with a hash of the current hasher and
// always fails with ErrMismatch (or ErrBusy, or the context's error): what to do
// for an account that does not exist or has no password.
func (p *Passwords) Dummy(ctx context.Context, password string) error {
	return p.pool.Do(ctx, p.hasher.Weight(), func() error {
		p.decoy(password)
		return ErrMismatch
	})
}

// decoy compares with the hasher's decoy. A password that is too long for it is
// cut, so that its length does not make the work go away.
func (p *Passwords) decoy(password string) {
	h, err := parse(p.hasher.Decoy(), p.limits)
	if err != nil {
		return // the hasher's own parameters are invalid: no account has such a hash either
	}
	_ = h.compare(password[:min(len(password), h.maxPassword)])
}

// NeedsRehash says whether a hash that has just matched should be replaced.
func (p *Passwords) NeedsRehash(encoded string) bool { return NeedsRehash(encoded, p.hasher) }
