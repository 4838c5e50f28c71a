package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"cardea/internal/gate"
)

const guessColumns = "tenant, subject, about, taken, wait, counted_at, ends_at, free, stop, first_wait, max_wait"

// The rules of gate.Rule as SQL: when a counter lets a guess through, and what
// becomes of it then.
const (
	guessOver    = "guesses.ends_at <= excluded.counted_at"
	guessAllowed = guessOver + " OR (guesses.taken < excluded.stop AND guesses.counted_at + guesses.wait <= excluded.counted_at)"
	guessTaken   = "CASE WHEN " + guessOver + " THEN 1 ELSE guesses.taken + 1 END"
	guessWait    = "CASE WHEN " + guessOver + " THEN excluded.wait WHEN guesses.taken + 1 < excluded.free THEN 0 " +
		"WHEN guesses.wait = 0 THEN excluded.first_wait WHEN guesses.wait * 2 > excluded.max_wait THEN excluded.max_wait ELSE guesses.wait * 2 END"
	guessCounts = " ON CONFLICT (tenant, subject) DO UPDATE SET taken = " + guessTaken + ", wait = " + guessWait + ", about = excluded.about, " +
		"counted_at = excluded.counted_at, ends_at = excluded.ends_at, free = excluded.free, stop = excluded.stop, " +
		"first_wait = excluded.first_wait, max_wait = excluded.max_wait WHERE " + guessAllowed + " RETURNING subject, taken"
)

// errRefused undoes the counting of a guess that one of the counters refuses.
var errRefused = errors.New("a counter refuses the guess")

// TakeGuesses implements gate.Ledger. Question and count are one statement, so of
// parallel guesses no more get through than the rules allow. Rows are written in
// the order of their keys, so that no two transactions wait for each other.
func (t *Tenant) TakeGuesses(ctx context.Context, counters []gate.Counter, now time.Time) ([]gate.State, error) {
	sorted := slices.Clone(counters)
	slices.SortFunc(sorted, func(a, b gate.Counter) int { return slices.Compare(a.Subject[:], b.Subject[:]) })
	var states map[gate.Key]gate.State
	err := t.Tx(ctx, func(x *Tx) (err error) {
		take := x.takeReturning
		if !x.db.dialect.returning {
			take = x.takeLocked
		}
		if states, err = take(sorted, now); err != nil || len(states) == len(sorted) {
			return err
		}
		refused := slices.DeleteFunc(slices.Clone(sorted), func(c gate.Counter) bool { return states[c.Subject].Granted })
		if err := x.guessesRefused(refused, states); err != nil {
			return err
		}
		if slices.ContainsFunc(refused, func(c gate.Counter) bool { return !c.Silent }) {
			return errRefused
		}
		return nil
	})
	undone := errors.Is(err, errRefused)
	if err != nil && !undone {
		return nil, err
	}
	all := make([]gate.State, len(counters))
	for n, c := range counters {
		all[n] = states[c.Subject]
		if all[n].Granted {
			all[n].Ends = now.Add(c.Rule.Window)
		}
	}
	return all, nil
}

// guessRow is the row of a counter that has counted nothing else yet.
func (x *Tx) guessRow(c gate.Counter, now time.Time) []any {
	wait := time.Duration(0)
	if c.Rule.Free <= 1 {
		wait = c.Rule.First
	}
	return []any{x.tenant, c.Subject[:], c.About[:], int64(1), wait.Microseconds(), micros(now), micros(now.Add(c.Rule.Window)),
		int64(c.Rule.Free), int64(c.Rule.Stop), c.Rule.First.Microseconds(), c.Rule.Longest.Microseconds()}
}

// takeReturning counts in one statement, which tells what it has counted.
func (x *Tx) takeReturning(counters []gate.Counter, now time.Time) (map[gate.Key]gate.State, error) {
	var args []any
	for _, c := range counters {
		args = append(args, x.guessRow(c, now)...)
	}
	return x.guessesTaken(x.db.texts.guesses.texts[len(counters)], args)
}

// guessesTaken reads subjects and counts of what was granted.
func (x *Tx) guessesTaken(query string, args []any) (map[gate.Key]gate.State, error) {
	states := map[gate.Key]gate.State{}
	err := x.c.query(query, args, func(rows *sql.Rows) error {
		var subject []byte
		s := gate.State{Granted: true}
		if err := rows.Scan(&subject, &s.Taken); err != nil {
			return err
		}
		states[gate.Key(subject)] = s
		return nil
	})
	return states, err
}

// takeLocked does the same where a statement cannot tell: it makes sure that the row
// is there and its own, and then asks.
func (x *Tx) takeLocked(counters []gate.Counter, now time.Time) (map[gate.Key]gate.State, error) {
	states := map[gate.Key]gate.State{}
	for _, c := range counters {
		row := x.guessRow(c, now)
		row[3], row[4], row[5], row[6] = int64(0), int64(0), int64(0), int64(0) // it ended long ago
		if _, err := x.c.exec(x.db.texts.guesses.texts[1], row...); err != nil {
			return nil, err
		}
		var taken int
		var wait, counted, ends int64
		err := one(x.c, "SELECT taken, wait, counted_at, ends_at FROM guesses WHERE tenant = ? AND subject = ?"+x.db.dialect.lockRow,
			[]any{x.tenant, c.Subject[:]}, &taken, &wait, &counted, &ends)
		if err != nil {
			return nil, err
		}
		at := micros(now)
		switch over := ends <= at; {
		case over:
			taken, wait = 0, 0
		case taken >= c.Rule.Stop, counted+wait > at:
			continue
		}
		taken++
		switch {
		case taken < c.Rule.Free:
			wait = 0
		case wait == 0:
			wait = c.Rule.First.Microseconds()
		default:
			wait = min(wait*2, c.Rule.Longest.Microseconds())
		}
		_, err = x.c.exec("UPDATE guesses SET about = ?, taken = ?, wait = ?, counted_at = ?, ends_at = ?, free = ?, stop = ?, first_wait = ?, max_wait = ? "+
			"WHERE tenant = ? AND subject = ?", c.About[:], int64(taken), wait, at, micros(now.Add(c.Rule.Window)), int64(c.Rule.Free), int64(c.Rule.Stop),
			c.Rule.First.Microseconds(), c.Rule.Longest.Microseconds(), x.tenant, c.Subject[:])
		if err != nil {
			return nil, err
		}
		states[c.Subject] = gate.State{Granted: true, Taken: taken}
	}
	return states, nil
}

// guessesRefused adds the states of counters that refuse.
func (x *Tx) guessesRefused(counters []gate.Counter, states map[gate.Key]gate.State) error {
	stop := map[gate.Key]int{}
	in, args := padded(counters, func(c gate.Counter) any {
		stop[c.Subject] = c.Rule.Stop
		return c.Subject[:]
	})
	return x.c.query("SELECT subject, taken, wait, counted_at, ends_at FROM guesses WHERE tenant = ? AND subject IN ("+in+")",
		append([]any{x.tenant}, args...), func(rows *sql.Rows) error {
			var subject []byte
			var s gate.State
			var wait int64
			var counted, ends time.Time
			if err := rows.Scan(&subject, &s.Taken, &wait, timeAt{&counted}, timeAt{&ends}); err != nil {
				return err
			}
			key := gate.Key(subject)
			s.Until = counted.Add(time.Duration(wait) * time.Microsecond)
			if s.Taken >= stop[key] {
				s.Until = ends
			}
			states[key] = s
			return nil
		})
}

// ForgetGuesses implements gate.Ledger.
func (t *Tenant) ForgetGuesses(ctx context.Context, about ...gate.Key) error {
	if len(about) == 0 {
		return nil
	}
	in, args := padded(about, func(k gate.Key) any { return k[:] })
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("DELETE FROM guesses WHERE tenant = ? AND about IN ("+in+")", append([]any{x.tenant}, args...)...)
		return err
	})
}
