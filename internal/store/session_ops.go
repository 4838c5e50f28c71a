package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The methods of this file are single writes in transactions of their own.

// RevokeSession is Tx.RevokeSession.
func (t *Tenant) RevokeSession(ctx context.Context, id, owner uuid.UUID, now time.Time) error {
	return t.Tx(ctx, func(x *Tx) error { return x.RevokeSession(id, owner, now) })
}

// RevokeSessionsOf is Tx.RevokeSessionsOf.
func (t *Tenant) RevokeSessionsOf(ctx context.Context, identityID, except uuid.UUID, now time.Time) (n int, err error) {
	err = t.Tx(ctx, func(x *Tx) (err error) {
		n, err = x.RevokeSessionsOf(identityID, except, now)
		return err
	})
	return n, err
}

// DeleteSessionsOf is Tx.DeleteSessionsOf.
func (t *Tenant) DeleteSessionsOf(ctx context.Context, identityID uuid.UUID) error {
	return t.Tx(ctx, func(x *Tx) error { return x.DeleteSessionsOf(identityID) })
}

// ExtendSession is Tx.ExtendSession.
func (t *Tenant) ExtendSession(ctx context.Context, id uuid.UUID, until, earliest, now time.Time) (extended bool, err error) {
	err = t.Tx(ctx, func(x *Tx) (err error) {
		extended, err = x.ExtendSession(id, until, earliest, now)
		return err
	})
	return extended, err
}

// BulkSessions is Tx.BulkSessions.
func (t *Tenant) BulkSessions(ctx context.Context, do BulkAction, by BulkTarget, ids []uuid.UUID, limit int, now time.Time) (n int, err error) {
	err = t.Tx(ctx, func(x *Tx) (err error) {
		n, err = x.BulkSessions(do, by, ids, limit, now)
		return err
	})
	return n, err
}

// AddToken is Tx.AddToken.
func (t *Tenant) AddToken(ctx context.Context, sessionID uuid.UUID, tokenHash []byte) error {
	return t.Tx(ctx, func(x *Tx) error { return x.AddToken(sessionID, tokenHash) })
}

// Touch notes that sessions were used. The time is coarse, so one serves a batch;
// it never moves back. Sessions that are gone are no error.
func (t *Tenant) Touch(ctx context.Context, at time.Time, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return t.Tx(ctx, func(x *Tx) error {
		for part := range slices.Chunk(ids, 512) {
			list, args := padded(part, idBytes)
			args = append([]any{micros(at), x.tenant, micros(at)}, args...)
			if _, err := x.c.exec("UPDATE sessions SET last_used_at = ? WHERE tenant = ? AND last_used_at < ? AND id IN ("+list+")", args...); err != nil {
				return err
			}
		}
		return nil
	})
}
