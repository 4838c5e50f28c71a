package store

import (
	"context"
	"errors"
	"time"

	"cardea/internal/problem"
)

// OneTime is something that works once: a code, a link, a challenge.
type OneTime struct {
	Purpose string // what it is for; purposes never meet
	// Subject is what a guessable code belongs to (a flow's id), so that wrong guesses
	// count against it; "" for a secret that nobody guesses.
	Subject     string
	Key         []byte // hash of the secret, or keyed hash of the code
	Payload     []byte // encrypted by the caller; may be nil
	Attempts    int    // submissions that count already, when it replaces another
	MaxAttempts int    // submissions allowed; 0 for any number
	ExpiresAt   time.Time
}

// Outcome says how a consumption went. The zero value is the only success.
type Outcome int

// The outcomes of Consume.
const (
	Consumed  Outcome = iota
	Unknown           // nothing like it is there
	Wrong             // the subject has something to consume, but not this
	Used              // it was consumed before
	Expired           // its time is over
	Exhausted         // it was tried too often
)

// Consumption is the answer of Consume.
type Consumption struct {
	Outcome  Outcome
	Payload  []byte // only when consumed
	Attempts int    // submissions so far, this one included
	Left     int    // submissions that remain; -1 for any number
}

// PutOneTime stores a one-time thing. An equal key of the same subject is replaced.
func (x *Tx) PutOneTime(o OneTime) error {
	if _, err := x.c.exec("DELETE FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ? AND key_hash = ?",
		x.tenant, o.Purpose, o.Subject, o.Key); err != nil {
		return err
	}
	_, err := x.c.exec("INSERT INTO one_time (tenant, purpose, subject, key_hash, payload, attempts, max_attempts, expires_at, created_at) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", x.tenant, o.Purpose, o.Subject, o.Key, bytesOrNull(o.Payload),
		int64(o.Attempts), int64(o.MaxAttempts), micros(o.ExpiresAt), micros(x.db.clock.Now()))
	return err
}

// DropOneTimes removes everything of a purpose and subject: a new code makes the
// ones before it worthless.
func (x *Tx) DropOneTimes(purpose, subject string) error {
	_, err := x.c.exec("DELETE FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ?", x.tenant, purpose, subject)
	return err
}

// PutOneTime stores a one-time thing in a transaction of its own.
func (t *Tenant) PutOneTime(ctx context.Context, o OneTime) error {
	return t.Tx(ctx, func(x *Tx) error { return x.PutOneTime(o) })
}

// ReplaceOneTime is PutOneTime after DropOneTimes, at once.
func (t *Tenant) ReplaceOneTime(ctx context.Context, o OneTime) error {
	return t.Tx(ctx, func(x *Tx) error {
		if err := x.DropOneTimes(o.Purpose, o.Subject); err != nil {
			return err
		}
		return x.PutOneTime(o)
	})
}

// PeekOneTime reads the payload of a live one-time thing without consuming it.
func (t *Tenant) PeekOneTime(ctx context.Context, purpose, subject string, key []byte, now time.Time) (payload []byte, err error) {
	err = one(t.read(ctx), "SELECT payload FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ? AND key_hash = ? AND "+live,
		[]any{t.id, purpose, subject, key, micros(now)}, &payload)
	return payload, err
}

// live is the condition of what can be consumed.
const live = "consumed_at IS NULL AND expires_at > ? AND (max_attempts = 0 OR attempts < max_attempts)"

// Consume uses a one-time thing up. keys are the hashes of what was submitted under
// every key that may have made them; one must fit. With a subject the submission
// counts against all that is live there, whether it fits or not; the count and the
// consumption are one conditional UPDATE, so of parallel submissions at most one
// wins. It commits on its own and is never given back.
func (t *Tenant) Consume(ctx context.Context, purpose, subject string, keys [][]byte, now time.Time) (Consumption, error) {
	var c Consumption
	if len(keys) == 0 {
		c.Outcome = Unknown
		return c, nil
	}
	err := t.Tx(ctx, func(x *Tx) (err error) {
		c, err = x.consume(purpose, subject, keys, now)
		return err
	})
	return c, err
}

func (x *Tx) consume(purpose, subject string, keys [][]byte, now time.Time) (Consumption, error) {
	in, keyArgs := padded(keys, func(k []byte) any { return k })
	where := "tenant = ? AND purpose = ? AND subject = ? AND " + live
	whereArgs := []any{x.tenant, purpose, subject, micros(now)}
	if subject == "" {
		where, whereArgs = where+" AND key_hash IN ("+in+")", append(whereArgs, keyArgs...)
	}
	c := Consumption{Outcome: Unknown}
	counted := func(won bool, payload []byte, attempts, allowed int) {
		if c.Outcome != Consumed {
			c = Consumption{Outcome: Wrong, Attempts: attempts, Left: left(attempts, allowed)}
		}
		if won {
			c.Outcome, c.Payload = Consumed, payload
		}
	}
	count := x.countReturning
	if !x.db.dialect.returning {
		count = x.countLocked
	}
	err := count(in, keyArgs, where, whereArgs, now, counted)
	if err != nil || c.Outcome != Unknown {
		return c, err
	}
	return x.refusal(purpose, subject, keys, now)
}

// countReturning counts a submission and consumes what it hits, in one statement
// that tells both.
func (x *Tx) countReturning(in string, keys []any, where string, whereArgs []any, now time.Time, counted func(won bool, payload []byte, attempts, allowed int)) error {
	args := append(append(append([]any{}, keys...), micros(now)), whereArgs...)
	return x.c.query("UPDATE one_time SET attempts = attempts + 1, consumed_at = CASE WHEN key_hash IN ("+in+") THEN CAST(? AS BIGINT) END WHERE "+where+
		" RETURNING consumed_at IS NOT NULL, payload, attempts, max_attempts", args, func(rows row) error {
		var won bool
		var payload []byte
		var attempts, allowed int
		if err := rows.Scan(&won, &payload, &attempts, &allowed); err != nil {
			return err
		}
		counted(won, payload, attempts, allowed)
		return nil
	})
}

// countLocked does the same with the rows locked between reading and counting.
func (x *Tx) countLocked(in string, keys []any, where string, whereArgs []any, now time.Time, counted func(won bool, payload []byte, attempts, allowed int)) error {
	args := append(append([]any{}, keys...), whereArgs...)
	err := x.c.query("SELECT key_hash IN ("+in+"), payload, attempts, max_attempts FROM one_time WHERE "+where+x.db.dialect.lockRow, args, func(rows row) error {
		var won bool
		var payload []byte
		var attempts, allowed int
		if err := rows.Scan(&won, &payload, &attempts, &allowed); err != nil {
			return err
		}
		counted(won, payload, attempts+1, allowed)
		return nil
	})
	if err != nil {
		return err
	}
	args = append(append(append([]any{}, keys...), micros(now)), whereArgs...)
	_, err = x.c.exec("UPDATE one_time SET attempts = attempts + 1, consumed_at = CASE WHEN key_hash IN ("+in+") THEN ? END WHERE "+where, args...)
	return err
}

// Spend marks as used what nobody put here before: a challenge that a signature
// answers proves itself, so only its use has to be remembered, until it counts no
// more. It commits on its own; of parallel calls at most one gets true.
func (t *Tenant) Spend(ctx context.Context, purpose string, key []byte, until time.Time) (bool, error) {
	err := t.Tx(ctx, func(x *Tx) error {
		now := micros(x.db.clock.Now())
		_, err := x.c.exec("INSERT INTO one_time (tenant, purpose, subject, key_hash, attempts, max_attempts, expires_at, consumed_at, created_at) "+
			"VALUES (?, ?, '', ?, 1, 1, ?, ?, ?)", x.tenant, purpose, key, micros(until), now, now)
		return err
	})
	if err != nil && t.db.dialect.unique(err) {
		return false, nil
	}
	return err == nil, err
}

func left(attempts, allowed int) int {
	if allowed == 0 {
		return -1
	}
	return max(0, allowed-attempts)
}

// refusal finds out why nothing was there to consume: the row that fits tells most,
// otherwise the newest of the subject.
func (x *Tx) refusal(purpose, subject string, keys [][]byte, now time.Time) (Consumption, error) {
	in, args := padded(keys, func(k []byte) any { return k })
	query := "SELECT consumed_at IS NOT NULL, expires_at, attempts, max_attempts FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ?"
	if subject == "" {
		query += " AND key_hash IN (" + in + ") ORDER BY created_at DESC LIMIT 1"
	} else {
		query += " ORDER BY CASE WHEN key_hash IN (" + in + ") THEN 0 ELSE 1 END, created_at DESC LIMIT 1"
	}
	var used bool
	var expires time.Time
	var attempts, allowed int
	err := one(x.c, query, append([]any{x.tenant, purpose, subject}, args...), &used, timeAt{&expires}, &attempts, &allowed)
	if errors.Is(err, problem.ErrNotFound) {
		return Consumption{Outcome: Unknown}, nil
	}
	c := Consumption{Attempts: attempts, Left: left(attempts, allowed)}
	switch {
	case used:
		c.Outcome = Used
	case !now.Before(expires):
		c.Outcome = Expired
	default:
		c.Outcome = Exhausted
	}
	return c, err
}
