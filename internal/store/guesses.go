package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"cardea/internal/gate"
)

const guessColumns = "tenant, subject, about, taken, wait, counted_at, ends_at, free, stop, first_wait, max_wait, refill, held, held_until"

// The rules of gate.Rule as SQL: when a counter lets a guess through, and what
// becomes of it then. Of a bucket, refill is how long it takes for one to fade.
const (
	guessOver   = "guesses.ends_at <= excluded.counted_at"
	guessLapsed = "guesses.held_until <= excluded.counted_at"
	guessHad    = "CASE WHEN " + guessOver + " THEN 0 WHEN " + guessLapsed + " THEN guesses.taken - guesses.held ELSE guesses.taken END"
	guessHeld   = "CASE WHEN " + guessOver + " OR " + guessLapsed + " THEN excluded.held ELSE guesses.held + excluded.held END"

	guessAllowed = guessOver + " OR (excluded.refill > 0 AND guesses.ends_at - excluded.counted_at <= (excluded.stop - 1) * excluded.refill) OR " +
		"(excluded.refill = 0 AND " + guessHad + " < excluded.stop AND guesses.counted_at + guesses.wait <= excluded.counted_at)"
	guessWait = "CASE WHEN " + guessOver + " THEN excluded.wait WHEN " + guessHad + " + 1 < excluded.free THEN 0 " +
		"WHEN guesses.wait = 0 THEN excluded.first_wait WHEN guesses.wait * 2 > excluded.max_wait THEN excluded.max_wait ELSE guesses.wait * 2 END"
	guessEnds = "CASE WHEN excluded.refill > 0 AND guesses.ends_at > excluded.counted_at THEN guesses.ends_at + excluded.refill ELSE excluded.ends_at END"

	guessCounts = " ON CONFLICT (tenant, subject) DO UPDATE SET taken = " + guessHad + " + 1, wait = " + guessWait + ", about = excluded.about, " +
		"counted_at = excluded.counted_at, ends_at = " + guessEnds + ", free = excluded.free, stop = excluded.stop, " +
		"first_wait = excluded.first_wait, max_wait = excluded.max_wait, refill = excluded.refill, held = " + guessHeld + ", " +
		"held_until = excluded.held_until WHERE " + guessAllowed + " RETURNING subject, " + guessState
	guessState = "taken, held, wait, counted_at, ends_at, held_until"
)

// errRefused undoes the counting of a guess that one of the counters refuses.
var errRefused = errors.New("a counter refuses the guess")

// TakeGuesses implements gate.Ledger. Question and count are one statement, so of
// parallel guesses no more get through than the rules allow. Rows are written in
// the order of their keys, so that no two transactions wait for each other.
func (t *Tenant) TakeGuesses(ctx context.Context, counters []gate.Counter, now time.Time) ([]gate.State, error) {
	now = now.Truncate(time.Microsecond).UTC() // as times are stored
	sorted := slices.Clone(counters)
	slices.SortStableFunc(sorted, func(a, b gate.Counter) int { return slices.Compare(a.Subject[:], b.Subject[:]) })
	var states map[gate.Key]gate.State
	err := t.Tx(ctx, func(x *Tx) (err error) {
		take := x.takeReturning
		if !x.db.dialect.returning {
			take = x.takeLocked
		}
		if states, err = take(sorted, now); err != nil || len(states) == len(sorted) {
			return err
		}
		// Nobody is told what a silent counter has counted: asking would take longer, and
		// tell that it is full.
		refused := slices.DeleteFunc(slices.Clone(sorted), func(c gate.Counter) bool { return c.Silent || states[c.Subject].Granted })
		if len(refused) == 0 {
			return nil
		}
		if err := x.guessesRefused(refused, states, now); err != nil {
			return err
		}
		return errRefused
	})
	undone := errors.Is(err, errRefused)
	if err != nil && !undone {
		return nil, err
	}
	all := make([]gate.State, len(counters))
	for n, c := range counters {
		all[n] = states[c.Subject]
	}
	return all, nil
}

// guessRow is a counter as guessColumns say.
func (x *Tx) guessRow(c gate.Counter, row gate.Row) []any {
	return []any{x.tenant, c.Subject[:], c.About[:], int64(row.Taken), row.Wait.Microseconds(), microsOrZero(row.Counted), microsOrZero(row.Ends),
		int64(c.Rule.Free), int64(c.Rule.Stop), c.Rule.First.Microseconds(), c.Rule.Longest.Microseconds(), c.Rule.Every.Microseconds(),
		int64(row.Held), microsOrZero(row.HeldUntil)}
}

func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

// scanGuess reads what guessState names; before are the columns before those.
func scanGuess(rows row, before ...any) (row gate.Row, err error) {
	var wait int64
	err = rows.Scan(append(before, &row.Taken, &row.Held, &wait, timeAt{&row.Counted}, timeAt{&row.Ends}, timeAt{&row.HeldUntil})...)
	row.Wait = time.Duration(wait) * time.Microsecond
	return row, err
}

// takeReturning counts in one statement, which tells what it has counted.
func (x *Tx) takeReturning(counters []gate.Counter, now time.Time) (map[gate.Key]gate.State, error) {
	var args []any
	for _, c := range counters {
		first, _ := c.Rule.Take(gate.Row{}, now)
		args = append(args, x.guessRow(c, first)...)
	}
	states := map[gate.Key]gate.State{}
	return states, x.guessRows(x.db.texts.guesses.texts[len(counters)], args, func(k gate.Key, row gate.Row) {
		n := slices.IndexFunc(counters, func(c gate.Counter) bool { return c.Subject == k })
		states[k] = counters[n].Rule.State(row, true, now)
	})
}

// guessRows reads subjects and counters.
func (x *Tx) guessRows(query string, args []any, each func(gate.Key, gate.Row)) error {
	return x.c.query(query, args, func(rows row) error {
		var subject []byte
		row, err := scanGuess(rows, &subject)
		if err == nil {
			each(gate.Key(subject), row)
		}
		return err
	})
}

// takeLocked does the same where a statement cannot tell: it makes sure that the row
// is there and its own, and then asks.
func (x *Tx) takeLocked(counters []gate.Counter, now time.Time) (map[gate.Key]gate.State, error) {
	states := map[gate.Key]gate.State{}
	for _, c := range counters {
		if _, err := x.c.exec(x.db.texts.guesses.texts[1], x.guessRow(c, gate.Row{})...); err != nil { // it ended long ago
			return nil, err
		}
		var row gate.Row
		err := x.guessRows("SELECT subject, "+guessState+" FROM guesses WHERE tenant = ? AND subject = ?"+x.db.dialect.lockRow,
			[]any{x.tenant, c.Subject[:]}, func(_ gate.Key, found gate.Row) { row = found })
		if err != nil {
			return nil, err
		}
		taken, granted := c.Rule.Take(row, now)
		switch {
		case granted:
			row = taken
			states[c.Subject] = c.Rule.State(row, true, now)
		case !c.Silent:
			continue // of a silent one the row is written as it is, so that it is as much work
		}
		set := x.guessRow(c, row)
		_, err = x.c.exec("UPDATE guesses SET about = ?, taken = ?, wait = ?, counted_at = ?, ends_at = ?, free = ?, stop = ?, first_wait = ?, max_wait = ?, "+
			"refill = ?, held = ?, held_until = ? WHERE tenant = ? AND subject = ?", append(set[2:], set[:2]...)...)
		if err != nil {
			return nil, err
		}
	}
	return states, nil
}

// guessesRefused adds the states of counters that refuse.
func (x *Tx) guessesRefused(counters []gate.Counter, states map[gate.Key]gate.State, now time.Time) error {
	rules := map[gate.Key]gate.Rule{}
	in, args := padded(counters, func(c gate.Counter) any {
		rules[c.Subject] = c.Rule
		return c.Subject[:]
	})
	return x.guessRows("SELECT subject, "+guessState+" FROM guesses WHERE tenant = ? AND subject IN ("+in+")",
		append([]any{x.tenant}, args...), func(k gate.Key, row gate.Row) { states[k] = rules[k].State(row, false, now) })
}

// MissGuesses implements gate.Ledger. A counter that is not there any more was emptied
// in the meantime, and its guesses with it. One whose reservations have lapsed has none
// to give, and neither has one of which others took as many as there were.
func (t *Tenant) MissGuesses(ctx context.Context, subjects []gate.Key, now time.Time) (counted bool, err error) {
	in, args := padded(subjects, func(k gate.Key) any { return k[:] })
	args = append([]any{t.id}, args...)
	err = t.Tx(ctx, func(x *Tx) error {
		counted = true
		n, err := x.c.exec("UPDATE guesses SET held = held - 1 WHERE tenant = ? AND subject IN ("+in+") AND held > 0 AND held_until > ?", append(args, micros(now))...)
		if err != nil || int(n) == len(subjects) {
			return err
		}
		var there int
		if err := one(x.c, "SELECT COUNT(*) FROM guesses WHERE tenant = ? AND subject IN ("+in+")", args, &there); err != nil {
			return err
		}
		if counted = int(n) == there; !counted {
			return errRefused
		}
		return nil
	})
	if errors.Is(err, errRefused) {
		err = nil
	}
	return counted, err
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
