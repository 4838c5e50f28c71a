package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
)

// SessionChanges reads lines of the feed, in order.
func (t *Tenant) SessionChanges(ctx context.Context, f session.ChangeFilter) ([]session.Change, error) {
	where, args := "tenant = ? AND changed_at >= ?", []any{t.id, micros(f.Since)}
	if !f.After.At.IsZero() {
		// The first condition bounds the walk of the key, the second settles ties.
		at, batch := micros(f.After.At), idBytes(f.After.Batch)
		where += " AND changed_at >= ? AND (changed_at > ? OR batch > ? OR batch = ? AND session_id > ?)"
		args = append(args, at, at, batch, batch, idBytes(f.After.SessionID))
	}
	if f.Ended {
		where += " AND reason <> ''"
	}
	var list []session.Change
	err := t.read(ctx).query("SELECT changed_at, batch, session_id, identity_id, reason FROM session_changes WHERE "+where+
		" ORDER BY changed_at, batch, session_id LIMIT ?", append(args, int64(f.Limit)), func(rows row) error {
		var c session.Change
		err := rows.Scan(timeAt{&c.At}, &c.Batch, &c.SessionID, &c.IdentityID, (*string)(&c.Reason))
		list = append(list, c)
		return err
	})
	return list, err
}

// told is what a transaction has written into the feed.
type told struct {
	at      time.Time
	batches []uuid.UUID
	changes []session.Change // what caches of this process have to forget

	issued uint64                       // sessions that began
	ended  map[session.EndReason]uint64 // sessions that ended
}

// batch begins a batch of lines.
func (x *Tx) batch() (at int64, id uuid.UUID) {
	if x.told.at.IsZero() {
		x.told.at = x.db.clock.Now().Truncate(time.Microsecond)
	}
	id = x.db.newID()
	x.told.batches = append(x.told.batches, id)
	return micros(x.told.at), id
}

// tell writes that something about a session is another, or about all sessions of an
// identity when the session is zero.
func (x *Tx) tell(sessionID, identityID uuid.UUID) error {
	at, batch := x.batch()
	x.forget(sessionID, identityID)
	return x.c.later(nil, "INSERT INTO session_changes (tenant, changed_at, batch, session_id, identity_id, reason) VALUES (?, ?, ?, ?, ?, ?)",
		x.tenant, at, idBytes(batch), idBytes(sessionID), idBytes(identityID), string(session.Changed))
}

// tellOf is tell for the sessions that a condition selects; it comes before the
// statement that changes them. The caller makes caches forget them.
func (x *Tx) tellOf(which ended, reason session.EndReason, where string, args ...any) error {
	at, batch := x.batch()
	err := x.c.later(outcome(func(n int64, err error) error {
		x.told.end(reason, n)
		return err
	}), "INSERT INTO session_changes (tenant, changed_at, batch, session_id, identity_id, reason) "+
		"SELECT tenant, ?, ?, id, identity_id, ? FROM sessions WHERE "+where,
		append([]any{at, idBytes(batch), string(reason)}, args...)...)
	if err != nil {
		return err
	}
	if err := x.noteEnded(which, reason, where, args); err != nil {
		return err
	}
	return x.reportEnded(reason, where, args...)
}

// tellOwner is tell for all sessions of whoever has an address. Nobody has to have
// it: that takes the same statements.
func (x *Tx) tellOwner(a identity.Address) (owner uuid.UUID, verified bool, err error) {
	at, batch := x.batch()
	const ofOwner = " FROM verifiable_addresses WHERE tenant = ? AND via = ? AND value = ?"
	err = x.c.query("SELECT identity_id, verified"+ofOwner, []any{x.tenant, string(a.Via), a.Value}, func(rows row) error {
		var id uuid.UUID
		err := rows.Scan(&id, &verified)
		x.forget(uuid.Nil, id)
		owner = id
		return err
	})
	if err != nil {
		return owner, verified, err
	}
	_, err = x.c.exec("INSERT INTO session_changes (tenant, changed_at, batch, session_id, identity_id, reason) SELECT tenant, ?, ?, ?, identity_id, ?"+ofOwner,
		at, idBytes(batch), idBytes(uuid.Nil), string(session.Changed), x.tenant, string(a.Via), a.Value)
	return owner, verified, err
}

// forget notes what caches have to forget when the transaction is over.
func (x *Tx) forget(sessionID, identityID uuid.UUID) {
	x.told.changes = append(x.told.changes, session.Change{SessionID: sessionID, IdentityID: identityID})
}

// settle makes caches forget what a transaction changed, also when it failed: then
// nobody knows for sure. Lines that became visible long after their time are given
// another, so that readers who are past it find them.
func (t *Tenant) settle(ctx context.Context, told told, err error) error {
	if err == nil {
		t.db.stats.sessions.add(told)
	}
	if len(told.changes) > 0 && t.db.changed != nil {
		t.db.changed(told.changes)
	}
	now := t.db.clock.Now()
	if err != nil || len(told.batches) == 0 || now.Sub(told.at) < session.LateCommit {
		return err
	}
	return t.db.writes.write(context.WithoutCancel(ctx), func(c conn) error {
		for _, batch := range told.batches {
			_, err := c.exec("UPDATE session_changes SET changed_at = ? WHERE tenant = ? AND changed_at = ? AND batch = ?",
				micros(t.db.clock.Now()), t.id, micros(told.at), idBytes(batch))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
