package store

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/session"
)

// MakeRoom makes room for one more session of an identity: as many of its oldest as
// the limits have no place for end, or session.ErrTooMany refuses it. The row of the
// identity is locked, so that of many at a time none finds the same place.
func (x *Tx) MakeRoom(identityID uuid.UUID, l session.Limits, now time.Time) error {
	if l.Concurrent <= 0 {
		return nil
	}
	if err := x.c.query("SELECT 1 FROM identities WHERE tenant = ? AND id = ?"+x.db.dialect.lockRow, []any{x.tenant, idBytes(identityID)},
		func(rows row) error { return nil }); err != nil {
		return err
	}
	surplus, err := x.beyond(identityID, l, now)
	switch {
	case err != nil || len(surplus) == 0:
		return err
	case l.Refuse:
		return session.ErrTooMany
	}
	return x.displace(surplus, now)
}

// beyond lists the active sessions of an identity but the newest, of which one fewer
// than allowed stay.
func (x *Tx) beyond(identityID uuid.UUID, l session.Limits, now time.Time) (ids []uuid.UUID, err error) {
	active := true
	f := SessionFilter{IdentityID: identityID, Active: &active, Now: now, Limits: l}
	where, args := f.where(x.tenant)
	// Nobody has more sessions than a signed number of 32 bits counts.
	err = x.c.query("SELECT s.id FROM sessions s WHERE "+where+" ORDER BY s.created_at DESC, s.id LIMIT 2147483647 OFFSET ?",
		append(args, int64(l.Concurrent-1)), func(rows row) error {
			var id uuid.UUID
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// displace ends sessions for newer ones.
func (x *Tx) displace(ids []uuid.UUID, now time.Time) error {
	for part := range slices.Chunk(ids, 512) {
		list, values := padded(part, idBytes)
		where, args := "tenant = ? AND id IN ("+list+")", append([]any{x.tenant}, values...)
		for _, id := range part {
			x.forget(id, uuid.Nil)
		}
		if err := x.tellOf(ofIdentity, session.Displaced, where, args...); err != nil {
			return err
		}
		if _, err := x.c.exec("UPDATE sessions SET active = ?, updated_at = ? WHERE "+where, append([]any{flag(false), micros(now)}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
