package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
)

func scanEntry(rows row, before ...any) (e audit.Entry, err error) {
	var who, session *uuid.UUID
	var details []byte
	err = rows.Scan(append(before, &e.ID, timeAt{&e.At}, (*string)(&e.Action), (*string)(&e.Outcome), &e.Actor, idOrNil{&who}, idOrNil{&session},
		&e.Request, &e.IP, &e.UserAgent, &e.Times, &details)...)
	if who != nil {
		e.Identity = *who
	}
	if session != nil {
		e.Session = *session
	}
	if len(details) > 0 {
		e.Details = details
	}
	return e, err
}

func scanLink(rows row) (l audit.Link, err error) {
	l.Entry, err = scanEntry(rows, &l.Seq, &l.Hash)
	return l, err
}

// Unsealed implements audit.Chains.
func (s *System) Unsealed(ctx context.Context) ([]int64, error) {
	return s.tenants(ctx, "SELECT DISTINCT tenant FROM audit_tail ORDER BY tenant")
}

// Heads implements audit.Chains.
func (s *System) Heads(ctx context.Context) ([]int64, error) {
	return s.tenants(ctx, "SELECT tenant FROM audit_heads ORDER BY tenant")
}

func (s *System) tenants(ctx context.Context, query string) (all []int64, err error) {
	err = s.db.reads.on(ctx).query(query, nil, func(rows row) error {
		var t int64
		err := rows.Scan(&t)
		all = append(all, t)
		return err
	})
	return all, err
}

// Waiting implements audit.Chains.
func (s *System) Waiting(ctx context.Context, tenant int64, limit int) (all []audit.Entry, err error) {
	err = s.db.reads.on(ctx).query("SELECT "+auditColumns+" FROM audit_tail WHERE tenant = ? ORDER BY id LIMIT ?", []any{tenant, int64(limit)},
		func(rows row) error {
			e, err := scanEntry(rows)
			all = append(all, e)
			return err
		})
	return all, err
}

// Head implements audit.Chains.
func (s *System) Head(ctx context.Context, tenant int64) (audit.Head, error) {
	return readHead(s.db.reads.on(ctx), tenant)
}

func readHead(c conn, tenant int64) (audit.Head, error) {
	h := audit.NewHead(tenant)
	err := c.query("SELECT seq, hash, anchor, anchor_hash, sealed_at, key_name, signature FROM audit_heads WHERE tenant = ?", []any{tenant},
		func(rows row) error {
			return rows.Scan(&h.Seq, &h.Hash, &h.Anchor, &h.AnchorHash, timeAt{&h.SealedAt}, &h.Key, &h.Signature)
		})
	return h, err
}

// errForked undoes what somebody else was quicker with.
var errForked = errors.New("somebody else has extended the audit log")

// Extend implements audit.Chains.
func (s *System) Extend(ctx context.Context, from, to audit.Head, links []audit.Link) (bool, error) {
	return s.replaceHead(ctx, from, to, func(c conn) error {
		var rows, ids []any
		for n := range links {
			rows = append(append(rows, to.Tenant, links[n].Seq, links[n].Hash), auditRow(&links[n].Entry)...)
			ids = append(ids, idBytes(links[n].ID))
		}
		if _, err := s.db.texts.auditLinks.run(c, rows); err != nil || len(ids) == 0 {
			return err
		}
		in, values := padded(ids, func(id any) any { return id })
		n, err := c.exec("DELETE FROM audit_tail WHERE tenant = ? AND id IN ("+in+")", append([]any{to.Tenant}, values...)...)
		if err == nil && n != int64(len(links)) {
			err = errForked
		}
		return err
	})
}

// CutAt implements audit.Chains.
func (s *System) CutAt(ctx context.Context, h audit.Head, before time.Time, limit int) (at int64, hash []byte, err error) {
	whole := true // so far
	err = s.db.reads.on(ctx).query("SELECT seq, hash, at FROM audit_log WHERE tenant = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
		[]any{h.Tenant, h.Anchor, h.Seq, int64(limit)}, func(rows row) error {
			var seq int64
			var raw []byte
			var when time.Time
			if err := rows.Scan(&seq, &raw, timeAt{&when}); err != nil {
				return err
			}
			if whole = whole && when.Before(before); whole {
				at, hash = seq, raw
			}
			return nil
		})
	return at, hash, err
}

// Cut implements audit.Chains.
func (s *System) Cut(ctx context.Context, from, to audit.Head) (bool, error) {
	return s.replaceHead(ctx, from, to, func(c conn) error {
		_, err := c.exec("DELETE FROM audit_log WHERE tenant = ? AND seq > ? AND seq <= ?", from.Tenant, from.Anchor, to.Anchor)
		return err
	})
}

// replaceHead puts a head in the place of another one, together with what fn does. It
// is false, and nothing has happened, when another one is there by now.
func (s *System) replaceHead(ctx context.Context, from, to audit.Head, fn func(conn) error) (bool, error) {
	err := s.db.writes.write(ctx, func(c conn) error {
		if len(from.Signature) == 0 {
			empty := audit.NewHead(from.Tenant)
			_, err := c.exec("INSERT INTO audit_heads (tenant, seq, hash, anchor, anchor_hash, sealed_at, key_name, signature) VALUES (?, 0, ?, 0, ?, 0, '', ?)"+
				s.db.dialect.insertNew, from.Tenant, empty.Hash, empty.AnchorHash, []byte{})
			if err != nil && !s.db.dialect.unique(err) {
				return err
			}
		}
		n, err := c.exec("UPDATE audit_heads SET seq = ?, hash = ?, anchor = ?, anchor_hash = ?, sealed_at = ?, key_name = ?, signature = ? "+
			"WHERE tenant = ? AND seq = ? AND hash = ? AND anchor = ?",
			to.Seq, to.Hash, to.Anchor, to.AnchorHash, micros(to.SealedAt), to.Key, to.Signature, from.Tenant, from.Seq, from.Hash, from.Anchor)
		if err != nil {
			return err
		}
		if n != 1 {
			return errForked
		}
		return fn(c)
	})
	if errors.Is(err, errForked) {
		return false, nil
	}
	return err == nil, err
}
