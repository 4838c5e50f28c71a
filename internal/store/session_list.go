package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/session"
)

// SessionExpand says what to load along with sessions.
type SessionExpand int

// What can be loaded with a list of sessions. Each includes the ones before it.
const (
	SessionOnly   SessionExpand = iota
	WithDevices                 // devices
	WithIdentity                // devices, identity without addresses
	WithAddresses               // devices, identity with addresses
)

// SessionFilter selects a page of sessions, newest first, then by id.
type SessionFilter struct {
	IdentityID uuid.UUID      // sessions of one identity; zero for all
	Except     uuid.UUID      // a session to leave out; zero for none
	Active     *bool          // active and unexpired at Now, or the opposite; nil for both
	Now        time.Time      // required with Active
	Limits     session.Limits // that end sessions before their time, with Active

	// The last session of the page before, for paging by key; zero for the first page.
	BeforeCreatedAt time.Time
	BeforeID        uuid.UUID

	Offset int // rows to skip, for paging by number
	Limit  int // rows at most; required for Sessions
	Expand SessionExpand
}

// Sessions lists sessions.
func (t *Tenant) Sessions(ctx context.Context, f SessionFilter) ([]*session.Session, error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of sessions needs a limit")
	}
	head := [...]string{
		SessionOnly: t.db.texts.sessionBare, WithDevices: t.db.texts.session,
		WithIdentity: t.db.texts.sessionWithIdentity, WithAddresses: t.db.texts.sessionWhole,
	}[f.Expand]
	where, args := f.where(t.id)
	page, bounds := window(f.Limit, f.Offset)
	args = append(args, bounds...)
	var list []*session.Session
	err := t.read(ctx).query(head+where+" ORDER BY s.created_at DESC, s.id"+page, args, func(rows row) error {
		r := newSessionRow(f.Expand >= WithDevices, f.Expand >= WithIdentity, f.Expand >= WithAddresses)
		if err := rows.Scan(r.dest...); err != nil {
			return err
		}
		s, err := r.session()
		list = append(list, s)
		return err
	})
	return list, err
}

// CountSessions counts the sessions that a filter selects on all pages.
func (t *Tenant) CountSessions(ctx context.Context, f SessionFilter) (n int, err error) {
	f.BeforeCreatedAt = time.Time{}
	where, args := f.where(t.id)
	err = one(t.read(ctx), "SELECT count(*) FROM sessions s WHERE "+where, args, &n)
	return n, err
}

// alive is the condition of what Active asks for.
func (f *SessionFilter) alive() (condition string, args []any) {
	is, join, since := []string{"active = ?", "expires_at > ?"}, " AND ", " > ?"
	if !*f.Active {
		is, join, since = []string{"active = ?", "expires_at <= ?"}, " OR ", " <= ?"
	}
	args = []any{flag(*f.Active), micros(f.Now)}
	for _, l := range []struct {
		column string
		limit  time.Duration
	}{{"last_used_at", f.Limits.Idle}, {"issued_at", f.Limits.Absolute}} {
		if l.limit > 0 {
			is, args = append(is, l.column+since), append(args, micros(f.Now.Add(-l.limit)))
		}
	}
	return "(s." + strings.Join(is, join+"s.") + ")", args
}

func (f *SessionFilter) where(tenant int64) (where string, args []any) {
	where, args = "s.tenant = ?", []any{tenant}
	add := func(condition string, values []any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if f.IdentityID != uuid.Nil {
		add("s.identity_id = ?", []any{idBytes(f.IdentityID)})
	}
	if f.Except != uuid.Nil {
		add("s.id <> ?", []any{idBytes(f.Except)})
	}
	if f.Active != nil {
		add(f.alive())
	}
	if !f.BeforeCreatedAt.IsZero() {
		// The first condition bounds the walk of the index, the second settles ties.
		at := micros(f.BeforeCreatedAt)
		add("s.created_at <= ? AND (s.created_at < ? OR s.id > ?)", []any{at, at, idBytes(f.BeforeID)})
	}
	return where, args
}
