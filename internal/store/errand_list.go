package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// ErrandFilter selects a page of errands, newest first, then by id.
type ErrandFilter struct {
	Status string // "" for any
	Target string // "" for any
	Type   string // "" for any

	// The last errand of the page before; zero for the first page.
	BeforeCreatedAt time.Time
	BeforeID        uuid.UUID

	Limit int // rows at most; required
}

func (f ErrandFilter) where(tenant int64) (where string, args []any) {
	where, args = "tenant = ?", []any{tenant}
	for _, part := range []struct{ column, value string }{{"status", f.Status}, {"target", f.Target}, {"type", f.Type}} {
		if part.value != "" {
			where, args = where+" AND "+part.column+" = ?", append(args, part.value)
		}
	}
	if !f.BeforeCreatedAt.IsZero() {
		// The first condition bounds the walk of the index, the second settles ties.
		at := micros(f.BeforeCreatedAt)
		where, args = where+" AND created_at <= ? AND (created_at < ? OR id > ?)", append(args, at, at, idBytes(f.BeforeID))
	}
	return where, args
}

// Errands lists errands.
func (t *Tenant) Errands(ctx context.Context, f ErrandFilter) (list []Errand, err error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of errands needs a limit")
	}
	where, args := f.where(t.id)
	err = t.read(ctx).query("SELECT "+errandColumns+" FROM errands WHERE "+where+" ORDER BY created_at DESC, id LIMIT ?", append(args, int64(f.Limit)),
		func(rows row) error {
			e, err := scanErrand(rows)
			list = append(list, e)
			return err
		})
	return list, err
}

// Errand reads one. ErrNotFound when it was delivered or never was.
func (t *Tenant) Errand(ctx context.Context, id uuid.UUID) (e Errand, err error) {
	found := false
	err = t.read(ctx).query("SELECT "+errandColumns+" FROM errands WHERE tenant = ? AND id = ?", []any{t.id, idBytes(id)}, func(rows row) (err error) {
		found = true
		e, err = scanErrand(rows)
		return err
	})
	if err == nil && !found {
		err = problem.ErrNotFound
	}
	return e, err
}

// ReplayErrand gives an errand that was given up all its attempts again, behind what
// waits for the same target and subject by now. One that waits stays as it is, and
// replayed is false. ErrNotFound when there is none.
func (t *Tenant) ReplayErrand(ctx context.Context, id uuid.UUID, now time.Time) (replayed bool, err error) {
	err = t.Tx(ctx, func(x *Tx) error {
		replayed = false
		var status string
		l := lane{tenant: x.tenant}
		if err := one(x.c, "SELECT status, target, subject FROM errands WHERE tenant = ? AND id = ?", []any{x.tenant, idBytes(id)}, &status, &l.target, &l.subject); err != nil {
			return err
		}
		if status != ErrandDead {
			return nil
		}
		replayed = true
		return x.replay(id, l, now)
	})
	return replayed && err == nil, err
}

// ReplayErrands replays the oldest errands that were given up, at most f.Limit of
// those that f selects, and counts them. f.Status and the page do not matter.
func (t *Tenant) ReplayErrands(ctx context.Context, f ErrandFilter, now time.Time) (n int, err error) {
	f.Status, f.BeforeCreatedAt = ErrandDead, time.Time{}
	err = t.Tx(ctx, func(x *Tx) error {
		n = 0
		type dead struct {
			id uuid.UUID
			lane
		}
		var all []dead
		where, args := f.where(x.tenant)
		// Those of one lane go back in the order that they had there.
		err := x.c.query("SELECT id, target, subject FROM errands WHERE "+where+" ORDER BY created_at, seq LIMIT ?", append(args, int64(f.Limit)), func(rows row) error {
			d := dead{lane: lane{tenant: x.tenant}}
			err := rows.Scan(&d.id, &d.target, &d.subject)
			all = append(all, d)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range all {
			if err := x.replay(d.id, d.lane, now); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

func (x *Tx) replay(id uuid.UUID, l lane, now time.Time) error {
	seq, err := x.queueUp(l, now)
	if err != nil {
		return err
	}
	x.dispatched = true
	_, err = x.c.exec("UPDATE errands SET status = ?, attempts = 0, seq = ?, updated_at = ?, died_at = NULL WHERE tenant = ? AND id = ?",
		ErrandWaiting, seq, micros(now), x.tenant, idBytes(id))
	if err != nil {
		return err
	}
	// Whoever replays knows that the target is back: what stands before it goes now, too.
	_, err = x.c.exec("UPDATE errand_lanes SET next_at = ? WHERE "+ofLane+" AND leased_by IS NULL AND next_at > ?", append(l.args(micros(now)), micros(now))...)
	return err
}

// DispatchAll writes errands in a transaction of their own.
func (t *Tenant) DispatchAll(ctx context.Context, all []flow.Errand) error {
	return t.Tx(ctx, func(x *Tx) error {
		for _, e := range all {
			if err := x.Dispatch(e); err != nil {
				return err
			}
		}
		return nil
	})
}
