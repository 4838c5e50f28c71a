package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// Errand is an errand that has not arrived yet.
type Errand struct {
	flow.Errand
	Tenant    TenantID
	Status    string // one of those below
	Attempts  int    // that began since it was written or replayed
	Error     string // of the last attempt; "" for none
	UpdatedAt time.Time
}

// The states of an errand. One that was delivered is deleted.
const (
	ErrandWaiting = "waiting"
	ErrandDead    = "dead"
)

// ErrandLease is the right to run the first errand of a lane. The number tells a
// holder's lease from the next one on the same lane.
type ErrandLease struct {
	Tenant  TenantID
	Target  string
	Subject uuid.UUID
	ID      uuid.UUID // of the errand
	Holder  string
	Number  int64
}

// ErrandClaim is an errand with its lease.
type ErrandClaim struct {
	Errand
	ErrandLease
}

// ErrandOutcome is how an attempt ended: delivered, dead, or neither for another
// attempt at NextAt.
type ErrandOutcome struct {
	Delivered, Dead bool
	Error           string // "" for delivered
	Now, NextAt     time.Time
}

// lane is the key of a lane.
type lane struct {
	tenant  int64
	target  string
	subject uuid.UUID
}

const ofLane = "tenant = ? AND target = ? AND subject = ?"

func (l lane) args(before ...any) []any {
	return append(before, l.tenant, l.target, idBytes(l.subject))
}

const errandColumns = "tenant, id, event, kind, target, type, subject, status, attempts, sealed, error, created_at, updated_at"

func scanErrand(rows row) (e Errand, err error) {
	err = rows.Scan(&e.Tenant, &e.ID, &e.Event, (*string)(&e.Kind), &e.Target, &e.Type, &e.Subject, &e.Status, &e.Attempts, &e.Sealed,
		textOrEmpty{&e.Error}, timeAt{&e.CreatedAt}, timeAt{&e.UpdatedAt})
	return e, err
}

// Dispatch writes an errand behind those of its lane.
func (x *Tx) Dispatch(e flow.Errand) error {
	seq, err := x.queueUp(lane{x.tenant, e.Target, e.Subject}, e.CreatedAt)
	if err != nil {
		return err
	}
	x.dispatched = true
	_, err = x.c.exec("INSERT INTO errands (tenant, id, event, kind, target, type, subject, seq, status, sealed, created_at, updated_at) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", x.tenant, idBytes(e.ID), idBytes(e.Event), string(e.Kind), e.Target, e.Type, idBytes(e.Subject),
		seq, ErrandWaiting, e.Sealed, micros(e.CreatedAt), micros(e.CreatedAt))
	return err
}

// queueUp gives the next number of a lane. The lane's row is locked from here to
// the end of the transaction, so that numbers follow the order of commits.
func (x *Tx) queueUp(l lane, now time.Time) (seq int64, err error) {
	const further = "UPDATE errand_lanes SET last_seq = last_seq + 1 WHERE " + ofLane
	n, err := x.c.exec(further, l.args()...)
	if n == 0 && err == nil {
		n, err = x.c.exec("INSERT INTO errand_lanes (tenant, target, subject, last_seq, next_at) VALUES (?, ?, ?, 1, ?)"+x.db.dialect.insertNew,
			append(l.args(), micros(now))...)
		if err != nil && x.db.dialect.unique(err) {
			n, err = 0, nil
		}
		if n == 0 && err == nil { // somebody was quicker
			err = touched(x.c.exec(further, l.args()...))
		}
	}
	if err != nil {
		return 0, err
	}
	return seq, one(x.c, "SELECT last_seq FROM errand_lanes WHERE "+ofLane, l.args(), &seq)
}

// ClaimErrands leases lanes whose first errand is due to a holder until a time,
// those that wait longest first, and counts the attempt. Lanes of the targets in
// except stay. No lane is given to two holders.
func (s *System) ClaimErrands(ctx context.Context, holder string, now, until time.Time, limit int, except []string) (claimed []ErrandClaim, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		claimed = nil
		lanes, err := s.dueLanes(c, now, limit, except)
		if err != nil {
			return err
		}
		for _, l := range lanes {
			claim, err := s.claimLane(c, l, holder, now, until)
			if err != nil {
				return err
			}
			if claim != nil {
				claimed = append(claimed, *claim)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func (s *System) dueLanes(c conn, now time.Time, limit int, except []string) (lanes []lane, err error) {
	where, args := "next_at <= ?", []any{micros(now)}
	if len(except) > 0 {
		names, values := padded(except, func(t string) any { return t })
		where, args = where+" AND target NOT IN ("+names+")", append(args, values...)
	}
	err = c.query("SELECT tenant, target, subject FROM errand_lanes WHERE "+where+" ORDER BY next_at LIMIT ?"+s.db.dialect.lockFree,
		append(args, int64(limit)), func(rows row) error {
			var l lane
			err := rows.Scan(&l.tenant, &l.target, &l.subject)
			lanes = append(lanes, l)
			return err
		})
	return lanes, err
}

// claimLane leases a lane that is still due; nil when it is not, or is empty.
func (s *System) claimLane(c conn, l lane, holder string, now, until time.Time) (*ErrandClaim, error) {
	n, err := c.exec("UPDATE errand_lanes SET next_at = ?, leased_by = ?, lease = lease + 1 WHERE "+ofLane+" AND next_at <= ?",
		append(l.args(micros(until), holder), micros(now))...)
	if n == 0 || err != nil {
		return nil, err
	}
	claim := &ErrandClaim{ErrandLease: ErrandLease{Tenant: TenantID(l.tenant), Target: l.target, Subject: l.subject, Holder: holder}}
	if err := one(c, "SELECT lease FROM errand_lanes WHERE "+ofLane, l.args(), &claim.Number); err != nil {
		return nil, err
	}
	found := false
	err = c.query("SELECT "+errandColumns+" FROM errands WHERE "+ofLane+" AND status = ? ORDER BY seq LIMIT 1",
		append(l.args(), ErrandWaiting), func(rows row) (err error) {
			found = true
			claim.Errand, err = scanErrand(rows)
			return err
		})
	if err != nil {
		return nil, err
	}
	if !found {
		_, err := c.exec("DELETE FROM errand_lanes WHERE "+ofLane, l.args()...)
		return nil, err
	}
	claim.ErrandLease.ID = claim.Errand.ID
	claim.Attempts, claim.UpdatedAt = claim.Attempts+1, timeOf(micros(now))
	_, err = c.exec("UPDATE errands SET attempts = attempts + 1, updated_at = ? WHERE tenant = ? AND id = ?", micros(now), l.tenant, idBytes(claim.Errand.ID))
	return claim, err
}

const whileHeld = ofLane + " AND leased_by = ? AND lease = ?"

func (l ErrandLease) lane() lane { return lane{int64(l.Tenant), l.Target, l.Subject} }

func (l ErrandLease) held(before ...any) []any {
	return append(l.lane().args(before...), l.Holder, l.Number)
}

// RenewErrand prolongs a lease and says whether the holder still has it.
func (s *System) RenewErrand(ctx context.Context, l ErrandLease, until time.Time) (held bool, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		n, err := c.exec("UPDATE errand_lanes SET next_at = ? WHERE "+whileHeld, l.held(micros(until))...)
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// FinishErrand ends an attempt and notes how it went. It may be called again when
// its own outcome is not known. A delivery counts even after the lease has passed
// on, because it cannot be undone; any other outcome of a lease that is not held any
// more changes nothing.
func (s *System) FinishErrand(ctx context.Context, l ErrandLease, o ErrandOutcome) error {
	return s.db.writes.write(ctx, func(c conn) error {
		// The lane is touched first: its lock keeps newcomers out until it is decided
		// whether the lane goes.
		n, err := c.exec("UPDATE errand_lanes SET leased_by = NULL, next_at = ? WHERE "+whileHeld, l.held(micros(o.NextAt))...)
		held := n > 0
		if err != nil || !held && !o.Delivered {
			return err
		}
		switch {
		case o.Delivered:
			_, err = c.exec("DELETE FROM errands WHERE tenant = ? AND id = ?", int64(l.Tenant), idBytes(l.ID))
		case o.Dead:
			_, err = c.exec("UPDATE errands SET status = ?, error = ?, updated_at = ?, died_at = ? WHERE tenant = ? AND id = ?",
				ErrandDead, textOrNull(o.Error), micros(o.Now), micros(o.Now), int64(l.Tenant), idBytes(l.ID))
		default:
			_, err = c.exec("UPDATE errands SET error = ?, updated_at = ? WHERE tenant = ? AND id = ?",
				textOrNull(o.Error), micros(o.Now), int64(l.Tenant), idBytes(l.ID))
			return err
		}
		if err != nil || !held {
			return err
		}
		return leaveLane(c, l.lane(), o.Now)
	})
}

// leaveLane lets the next errand of a lane go, or the lane itself.
func leaveLane(c conn, l lane, now time.Time) error {
	var seq int64
	err := one(c, "SELECT seq FROM errands WHERE "+ofLane+" AND status = ? ORDER BY seq LIMIT 1", append(l.args(), ErrandWaiting), &seq)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		_, err = c.exec("DELETE FROM errand_lanes WHERE "+ofLane, l.args()...)
	case err == nil:
		_, err = c.exec("UPDATE errand_lanes SET next_at = ? WHERE "+ofLane, l.args(micros(now))...)
	}
	return err
}

// NextErrand is when the next lane is due; it may be past. problem.ErrNotFound when
// none waits.
func (s *System) NextErrand(ctx context.Context) (next time.Time, err error) {
	return next, one(s.db.reads.on(ctx), "SELECT next_at FROM errand_lanes WHERE next_at >= ? ORDER BY next_at LIMIT 1", []any{int64(0)}, timeAt{&next})
}

// SweepErrands deletes errands that were given up before a time, at most batch.
func (s *System) SweepErrands(ctx context.Context, before time.Time, batch int) (deleted int, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		n, err := c.exec(s.db.texts.deadErrands, micros(before), int64(batch))
		deleted = int(n)
		return err
	})
	return deleted, err
}

// CountErrands counts the errands that wait and those that were given up.
func (s *System) CountErrands(ctx context.Context) (waiting, dead int, err error) {
	err = s.db.reads.on(ctx).query("SELECT status, COUNT(*) FROM errands GROUP BY status", nil, func(rows row) error {
		var status string
		var n int
		err := rows.Scan(&status, &n)
		if status == ErrandDead {
			dead = n
		} else {
			waiting += n
		}
		return err
	})
	return waiting, dead, err
}
