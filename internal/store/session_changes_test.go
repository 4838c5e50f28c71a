package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// TestWhoRemembersSessionsIsToldOfEveryChange: at the latest when the caller learns
// that it happened, also when it failed and nobody can be sure.
func TestWhoRemembersSessionsIsToldOfEveryChange(t *testing.T) {
	var told []session.Change
	now := clock.NewFake(start)
	db, err := Open(t.Context(), Options{DSN: "memory", Clock: now, Changed: func(c []session.Change) { told = append(told, c...) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tenant, ctx := db.Tenant(1), t.Context()
	i := person("a@example.org")
	s := &session.Session{IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start.Add(time.Hour), Active: true}
	if err := tenant.Tx(ctx, func(x *Tx) error {
		err := x.CreateIdentity(i)
		s.IdentityID = i.ID
		return errors.Join(err, x.CreateSession(s, []byte("h")))
	}); err != nil {
		t.Fatal(err)
	}
	if len(told) > 0 {
		t.Errorf("something new is not a change, but %v were told", told)
	}
	ofSession, ofIdentity := session.Change{SessionID: s.ID}, session.Change{IdentityID: i.ID}
	ids := []uuid.UUID{s.ID}
	for _, step := range []struct {
		name string
		want session.Change
		do   func() error
	}{
		{"update", session.Change{SessionID: s.ID, IdentityID: i.ID}, func() error { return tenant.Tx(ctx, func(x *Tx) error { return x.UpdateSession(s) }) }},
		{"extend", ofSession, func() error { _, err := tenant.ExtendSession(ctx, s.ID, start, start, start); return err }},
		{"revoke", ofSession, func() error { return tenant.RevokeSession(ctx, s.ID, i.ID, start) }},
		{"revoke all", ofIdentity, func() error { _, err := tenant.RevokeSessionsOf(ctx, i.ID, uuid.Nil, start); return err }},
		{"bulk", ofSession, func() error {
			_, err := tenant.BulkSessions(ctx, DisableSessions, SessionsByID, ids, 0, start)
			return err
		}},
		{"bulk by identity", ofIdentity, func() error {
			_, err := tenant.BulkSessions(ctx, DisableSessions, SessionsByIdentityID, []uuid.UUID{i.ID}, 0, start)
			return err
		}},
		{"bulk of all", ofSession, func() error {
			_, err := tenant.BulkSessions(ctx, DeleteSessions, EverySession, nil, 10, start)
			return err
		}},
		{"mark an address", ofIdentity, func() error {
			return tenant.Tx(ctx, func(x *Tx) error {
				return x.MarkAddress(identity.Address{Via: identity.Email, Value: "a@example.org"}, identity.AddressSent, start)
			})
		}},
		{"update the identity", ofIdentity, func() error { return tenant.UpdateIdentity(ctx, i) }},
		{"a failure", ofIdentity, func() error {
			failed := errors.New("no")
			if err := tenant.Tx(ctx, func(x *Tx) error { return errors.Join(x.UpdateIdentity(i), failed) }); !errors.Is(err, failed) {
				return err
			}
			return nil
		}},
		{"delete sessions", ofIdentity, func() error { _ = tenant.DeleteSessionsOf(ctx, i.ID); return nil }},
		{"delete the identity", ofIdentity, func() error { return tenant.DeleteIdentity(ctx, i.ID) }},
	} {
		told = nil
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if !slices.Contains(told, step.want) {
			t.Errorf("%s: told %v, want %v", step.name, told, step.want)
		}
	}
}

func TestTheFeedOutlivesTheRowsItTellsOf(t *testing.T) {
	now := clock.NewFake(start)
	db, err := Open(t.Context(), Options{DSN: "memory", Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tenant, ctx := db.Tenant(1), t.Context()
	i := person("a@example.org")
	if err := errors.Join(tenant.CreateIdentity(ctx, i), tenant.UpdateIdentity(ctx, i)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		before time.Duration
		kept   int
	}{{session.Retention, 1}, {session.Retention + time.Second, 0}} {
		if _, _, err := db.System().Sweep(ctx, Before{Rows: start.Add(step.before), Sessions: start.Add(step.before)}, 10); err != nil {
			t.Fatal(err)
		}
		list, err := tenant.SessionChanges(ctx, session.ChangeFilter{Since: start, Limit: 10})
		if err != nil || len(list) != step.kept {
			t.Errorf("%d lines are left of what ended %s ago, want %d (%v)", len(list), step.before, step.kept, err)
		}
	}
}
