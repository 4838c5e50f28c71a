package store

import (
	"context"
	"errors"
	"time"

	"cardea/internal/problem"
)

// guessKey is the key of rows that count guesses: a subject has one.
var guessKey = []byte("guesses")

// Guess counts one guess about a subject, unless as many as allowed were counted
// since the first of them; they are forgotten when window is over. Of parallel guesses
// no more than allowed get true: the count and the question whether it may grow are
// one conditional UPDATE. until is when there may be more, only with false.
func (t *Tenant) Guess(ctx context.Context, purpose, subject string, allowed int, now time.Time, window time.Duration) (ok bool, until time.Time, err error) {
	for range 4 { // at most: nothing there, somebody else was quicker, count
		if ok, err = t.countGuess(ctx, purpose, subject, allowed, now); err != nil || ok {
			return ok, time.Time{}, err
		}
		var counted int
		counted, until, err = t.guesses(ctx, purpose, subject)
		switch {
		case err == nil && now.Before(until) && counted >= allowed:
			return false, until, nil
		case err == nil && now.Before(until):
			continue // somebody has begun to count since
		case err != nil && !errors.Is(err, problem.ErrNotFound):
			return false, until, err
		}
		ok, err = t.firstGuess(ctx, purpose, subject, now, now.Add(window))
		if err != nil || ok {
			return ok, time.Time{}, err
		}
	}
	return false, now.Add(window), nil
}

func (t *Tenant) countGuess(ctx context.Context, purpose, subject string, allowed int, now time.Time) (ok bool, err error) {
	err = t.Tx(ctx, func(x *Tx) error {
		n, err := x.c.exec("UPDATE one_time SET attempts = attempts + 1 WHERE tenant = ? AND purpose = ? AND subject = ? AND key_hash = ? "+
			"AND expires_at > ? AND attempts < ?", x.tenant, purpose, subject, guessKey, micros(now), int64(allowed))
		ok = n > 0
		return err
	})
	return ok, err
}

func (t *Tenant) guesses(ctx context.Context, purpose, subject string) (counted int, until time.Time, err error) {
	err = one(t.read(ctx), "SELECT attempts, expires_at FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ? AND key_hash = ?",
		[]any{t.id, purpose, subject, guessKey}, &counted, timeAt{&until})
	return counted, until, err
}

// firstGuess begins to count; false when somebody else has.
func (t *Tenant) firstGuess(ctx context.Context, purpose, subject string, now, until time.Time) (bool, error) {
	err := t.Tx(ctx, func(x *Tx) error {
		if _, err := x.c.exec("DELETE FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ? AND key_hash = ? AND expires_at <= ?",
			x.tenant, purpose, subject, guessKey, micros(now)); err != nil {
			return err
		}
		_, err := x.c.exec("INSERT INTO one_time (tenant, purpose, subject, key_hash, attempts, max_attempts, expires_at, created_at) "+
			"VALUES (?, ?, ?, ?, 1, 0, ?, ?)", x.tenant, purpose, subject, guessKey, micros(until), micros(now))
		return err
	})
	if err != nil && t.db.dialect.unique(err) {
		return false, nil
	}
	return err == nil, err
}

// ForgetGuesses forgets the guesses about a subject: one was right.
func (t *Tenant) ForgetGuesses(ctx context.Context, purpose, subject string) error {
	return t.Tx(ctx, func(x *Tx) error { return x.DropOneTimes(purpose, subject) })
}
