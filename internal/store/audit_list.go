package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
)

// AuditFilter selects a page of the audit log, newest first. What is zero does not matter.
type AuditFilter struct {
	Identity uuid.UUID
	Actor    string
	Action   string // an action, or "login.*" for all that begin like it
	Outcome  audit.Outcome
	Since    time.Time // this moment or later
	Until    time.Time // before this moment
	Before   uuid.UUID // the last row of the page before
	Limit    int       // rows at most; required
}

// lowest and highest are the bits of ids that are not time.
var lowest, highest = uuid.UUID{}, uuid.UUID(bytes.Repeat([]byte{0xff}, 16))

func (f *AuditFilter) where(tenant int64) (where string, args []any) {
	where, args = "tenant = ?", []any{tenant}
	and := func(condition string, values ...any) { where, args = where+" AND "+condition, append(args, values...) }
	if f.Identity != uuid.Nil {
		and("identity_id = ?", idBytes(f.Identity))
	}
	if f.Actor != "" {
		and("actor = ?", f.Actor)
	}
	if group, ok := strings.CutSuffix(f.Action, "*"); ok {
		and("action >= ? AND action < ?", group, group+"\x7f")
	} else if f.Action != "" {
		and("action = ?", f.Action)
	}
	if f.Outcome != "" {
		and("outcome = ?", string(f.Outcome))
	}
	if !f.Since.IsZero() { // ids are ordered as times are; the time settles what their precision leaves open
		and("id >= ? AND at >= ?", idBytes(floor(f.Since)), micros(f.Since))
	}
	if !f.Until.IsZero() {
		and("id < ? AND at < ?", idBytes(audit.NewID(f.Until.Add(time.Microsecond), highest)), micros(f.Until))
	}
	if f.Before != uuid.Nil {
		and("id < ?", idBytes(f.Before))
	}
	return where, args
}

func floor(t time.Time) uuid.UUID { return audit.NewID(t, lowest) }

// AuditLog lists rows of the audit log. Those without a place in the chain have none.
func (t *Tenant) AuditLog(ctx context.Context, f AuditFilter) ([]audit.Link, error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of the audit log needs a limit")
	}
	where, args := f.where(t.id)
	args = append(args, int64(f.Limit))
	var all []audit.Link
	// Those that wait come first: what gets its place in between is then seen twice, and
	// not never.
	err := t.read(ctx).query("SELECT "+auditColumns+" FROM audit_tail WHERE "+where+" ORDER BY id DESC LIMIT ?", args, func(rows row) error {
		e, err := scanEntry(rows)
		all = append(all, audit.Link{Entry: e})
		return err
	})
	if err != nil {
		return nil, err
	}
	err = t.read(ctx).query("SELECT seq, hash, "+auditColumns+" FROM audit_log WHERE "+where+" ORDER BY id DESC LIMIT ?", args, func(rows row) error {
		l, err := scanLink(rows)
		all = append(all, l)
		return err
	})
	slices.SortStableFunc(all, func(a, b audit.Link) int {
		if c := bytes.Compare(b.ID[:], a.ID[:]); c != 0 {
			return c
		}
		return int(min(1, b.Seq)) - int(min(1, a.Seq)) // that with a place is the newer one
	})
	all = slices.CompactFunc(all, func(a, b audit.Link) bool { return a.ID == b.ID })
	return all[:min(len(all), f.Limit)], err
}

// AuditHead is the head of the chain; one that is not signed when nothing has a place.
func (t *Tenant) AuditHead(ctx context.Context) (audit.Head, error) {
	return readHead(t.read(ctx), t.id)
}

// AuditLinks reads the chain behind a place, in order.
func (t *Tenant) AuditLinks(ctx context.Context, after int64, limit int) (all []audit.Link, err error) {
	err = t.read(ctx).query("SELECT seq, hash, "+auditColumns+" FROM audit_log WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?",
		[]any{t.id, after, int64(limit)}, func(rows row) error {
			l, err := scanLink(rows)
			all = append(all, l)
			return err
		})
	return all, err
}

// AuditTail counts the rows that wait for a place, and tells the time of the oldest.
func (t *Tenant) AuditTail(ctx context.Context) (n int64, oldest time.Time, err error) {
	err = t.read(ctx).query("SELECT COUNT(*), COALESCE(MIN(at), 0) FROM audit_tail WHERE tenant = ?", []any{t.id}, func(rows row) error {
		return rows.Scan(&n, timeAt{&oldest})
	})
	return n, oldest, err
}

// RecordAll writes entries that no transaction writes.
func (t *Tenant) RecordAll(ctx context.Context, all []audit.Entry) error {
	return t.Tx(ctx, func(x *Tx) error {
		if x.register != nil {
			x.register.entries = append(x.register.entries, all...)
			x.register.told += len(all)
		}
		return nil
	})
}

// Record writes an entry in a transaction of its own: about what no other transaction
// is for.
func (t *Tenant) Record(ctx context.Context, e audit.Entry) error {
	if t.audited == nil || !t.audited() {
		return nil
	}
	return t.Tx(ctx, func(x *Tx) error { return x.Record(e) })
}
