package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Suppression is an address that gets nothing any more.
type Suppression struct {
	ID        uuid.UUID
	Address   string // normalised
	Via       identity.Channel
	Reason    string // bounce, complaint, rejected or manual
	Note      string // for operators
	CreatedAt time.Time
	ExpiresAt *time.Time // nil: never
}

// SuppressionFilter selects a page of suppressions, newest first, then by id.
type SuppressionFilter struct {
	Address string // normalised; "" for any
	Now     time.Time
	// The last one of the page before; zero for the first page.
	BeforeCreatedAt time.Time
	BeforeID        uuid.UUID
	Limit           int // rows at most; required
}

const suppressionColumns = "id, via, address, reason, note, created_at, expires_at"

// suppressionNews are the columns that an address gets anew which is on the list.
var suppressionNews = []string{"reason", "note", "created_at", "expires_at"}

func scanSuppression(rows row) (p Suppression, err error) {
	var via string
	err = rows.Scan(&p.ID, &via, &p.Address, &p.Reason, &p.Note, timeAt{&p.CreatedAt}, timeOrNil{&p.ExpiresAt})
	p.Via = identity.Channel(via)
	return p, err
}

// Suppress puts addresses on the list; one that is on it keeps its id and gets the rest.
// Of one that is named twice, the last counts. Rows are written in the order of their
// keys, so that no two transactions wait for each other.
func (t *Tenant) Suppress(ctx context.Context, list []Suppression) error {
	type key struct {
		address string
		via     identity.Channel
	}
	last := map[key]Suppression{}
	for _, p := range list {
		last[key{p.Address, p.Via}] = p
	}
	keys := slices.SortedStableFunc(maps.Keys(last), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.via, b.via))
	})
	return t.Tx(ctx, func(x *Tx) error {
		var args []any
		for _, k := range keys {
			args = append(args, suppressionRow(x.tenant, last[k])...)
		}
		_, err := x.db.texts.suppressions.run(x.c, args)
		return err
	})
}

func suppressionRow(tenant any, p Suppression) []any {
	return []any{tenant, idBytes(p.ID), string(p.Via), p.Address, p.Reason, p.Note, micros(p.CreatedAt), microsOrNull(p.ExpiresAt)}
}

// Suppressions lists those that have not ended.
func (t *Tenant) Suppressions(ctx context.Context, f SuppressionFilter) (list []Suppression, err error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of suppressions needs a limit")
	}
	where, order, args := "tenant = ? AND (expires_at IS NULL OR expires_at > ?)", "created_at DESC, id", []any{t.id, micros(f.Now)}
	if f.Address != "" { // at most one for each channel
		where, order = where+" AND address = ?", "via"
		args = append(args, f.Address)
	}
	if !f.BeforeCreatedAt.IsZero() {
		at := micros(f.BeforeCreatedAt)
		where += " AND created_at <= ? AND (created_at < ? OR id > ?)"
		args = append(args, at, at, idBytes(f.BeforeID))
	}
	err = t.read(ctx).query("SELECT "+suppressionColumns+" FROM suppressions WHERE "+where+" ORDER BY "+order+" LIMIT ?", append(args, int64(f.Limit)),
		func(rows row) error {
			p, err := scanSuppression(rows)
			list = append(list, p)
			return err
		})
	return list, err
}

// Unsuppress takes an address off the list. problem.ErrNotFound when it is not on it.
func (t *Tenant) Unsuppress(ctx context.Context, id uuid.UUID) error {
	return t.Tx(ctx, func(x *Tx) error {
		n, err := x.c.exec("DELETE FROM suppressions WHERE tenant = ? AND id = ?", x.tenant, idBytes(id))
		if err == nil && n == 0 {
			err = problem.ErrNotFound
		}
		return err
	})
}

// suppressRecipient puts the recipient of a message on the list. One that is on it for
// longer stays there as it is.
func (s *System) suppressRecipient(c conn, l MessageLease, o MessageOutcome) error {
	var via, recipient string
	err := one(c, "SELECT channel, recipient FROM messages WHERE tenant = ? AND id = ?", []any{int64(l.Tenant), idBytes(l.ID)}, &via, &recipient)
	if err != nil {
		return err
	}
	recipient = identity.NormalizeIdentifier(recipient)
	var there int
	err = one(c, "SELECT COUNT(*) FROM suppressions WHERE tenant = ? AND via = ? AND address = ? AND (expires_at IS NULL OR expires_at > ?)",
		[]any{int64(l.Tenant), via, recipient, micros(o.SuppressUntil)}, &there)
	if err != nil || there > 0 {
		return err
	}
	_, err = s.db.texts.suppressions.run(c, suppressionRow(int64(l.Tenant), Suppression{
		ID: s.db.newID(), Via: identity.Channel(via), Address: recipient, Reason: "rejected", Note: o.Error, CreatedAt: o.Now, ExpiresAt: &o.SuppressUntil,
	}))
	return err
}
