package app

import (
	"context"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/httpapi"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// storage is the default tenant's rows, with the questions of the wire put into
// the words of the store.
type storage struct {
	*store.Tenant
	clock  clock.Clock
	limits func() session.Limits
}

// ByToken is SessionByToken.
func (s storage) ByToken(ctx context.Context, tokenHash []byte) (*session.Session, error) {
	return s.SessionByToken(ctx, tokenHash)
}

func (s storage) others(identityID, except uuid.UUID) store.SessionFilter {
	active := true
	return store.SessionFilter{IdentityID: identityID, Except: except, Active: &active, Now: s.clock.Now(), Limits: s.limits()}
}

// Others lists the active sessions of an identity but one, newest first.
func (s storage) Others(ctx context.Context, identityID, except uuid.UUID, offset, limit int) ([]*session.Session, error) {
	f := s.others(identityID, except)
	f.Offset, f.Limit, f.Expand = offset, limit, store.WithIdentity
	return s.Sessions(ctx, f)
}

// CountOthers counts what Others lists.
func (s storage) CountOthers(ctx context.Context, identityID, except uuid.UUID) (int, error) {
	return s.CountSessions(ctx, s.others(identityID, except))
}

// RevokeOthers revokes all sessions of an identity but one, and counts all its
// other rows.
func (s storage) RevokeOthers(ctx context.Context, identityID, except uuid.UUID) (int, error) {
	n, err := s.CountSessions(ctx, store.SessionFilter{IdentityID: identityID, Except: except})
	if err != nil {
		return 0, err
	}
	_, err = s.RevokeSessionsOf(ctx, identityID, except, s.clock.Now())
	return n, err
}

// RevokeOf revokes a session if it belongs to the identity.
func (s storage) RevokeOf(ctx context.Context, identityID, id uuid.UUID) error {
	return s.RevokeSession(ctx, id, identityID, s.clock.Now())
}

// Revoke revokes a session, whoever it belongs to.
func (s storage) Revoke(ctx context.Context, id uuid.UUID) error {
	return s.RevokeSession(ctx, id, uuid.Nil, s.clock.Now())
}

// Error reads an error container.
func (s storage) Error(ctx context.Context, id uuid.UUID) (*httpapi.ErrorContainer, error) {
	c, err := s.StoredError(ctx, id, s.clock.Now())
	if err != nil {
		return nil, err
	}
	return &httpapi.ErrorContainer{ID: c.ID, Problem: c.Problem, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}, nil
}

// ListSessions lists a page of sessions.
func (s storage) ListSessions(ctx context.Context, f httpapi.SessionFilter) ([]*session.Session, error) {
	return s.Sessions(ctx, s.sessionFilter(f))
}

// CountListed counts what ListSessions lists on all pages.
func (s storage) CountListed(ctx context.Context, f httpapi.SessionFilter) (int, error) {
	return s.CountSessions(ctx, s.sessionFilter(f))
}

func (s storage) sessionFilter(f httpapi.SessionFilter) store.SessionFilter {
	expand := store.SessionOnly
	switch {
	case f.Identity:
		expand = store.WithIdentity
	case f.Devices:
		expand = store.WithDevices
	}
	return store.SessionFilter{
		IdentityID: f.IdentityID, Active: f.Active, Now: f.Now, BeforeCreatedAt: f.BeforeCreatedAt, BeforeID: f.BeforeID,
		Offset: f.Offset, Limit: f.Limit, Expand: expand, Limits: s.limits(),
	}
}

// ManageSessions does the same to many sessions and counts those it changed.
func (s storage) ManageSessions(ctx context.Context, b httpapi.SessionBulk) (int, error) {
	do, by, ids := store.DisableSessions, store.EverySession, []uuid.UUID(nil)
	if b.Delete {
		do = store.DeleteSessions
	}
	switch {
	case b.IDs != nil:
		by, ids = store.SessionsByID, b.IDs
	case b.IdentityIDs != nil:
		by, ids = store.SessionsByIdentityID, b.IdentityIDs
	}
	return s.BulkSessions(ctx, do, by, ids, b.Limit, b.Now)
}

// ListIdentities lists a page of identities.
func (s storage) ListIdentities(ctx context.Context, f httpapi.IdentityFilter) ([]*identity.Identity, error) {
	return s.Identities(ctx, identityFilter(f))
}

// CountIdentities counts what ListIdentities lists on all pages.
func (s storage) CountIdentities(ctx context.Context, f httpapi.IdentityFilter) (int, error) {
	return s.CountMatching(ctx, identityFilter(f))
}

func identityFilter(f httpapi.IdentityFilter) store.IdentityFilter {
	filter := store.IdentityFilter{
		IDs: f.IDs, OrganizationID: f.OrganizationID, Traits: f.Traits, State: f.State, SchemaID: f.SchemaID, Verified: f.Verified,
		CreatedAfter: f.CreatedAfter, CreatedBefore: f.CreatedBefore, UpdatedAfter: f.UpdatedAfter, UpdatedBefore: f.UpdatedBefore,
		After: f.After, Offset: f.Offset, Limit: f.Limit, Credentials: f.Credentials,
	}
	for _, m := range f.Identifiers {
		filter.Identifiers = append(filter.Identifiers, store.IdentifierMatch(m))
	}
	return filter
}

// DeleteIdentity deletes an identity, unless check objects.
func (s storage) DeleteIdentity(ctx context.Context, id uuid.UUID, check func(*identity.Identity) error) error {
	return s.DeleteIdentityIf(ctx, id, check)
}

// ChangeIdentity edits an identity in one transaction. A second factor that is taken
// away leaves its sessions. Whoever moves to another organization loses them: they
// come in again as that one wants it.
func (s storage) ChangeIdentity(ctx context.Context, id uuid.UUID, change func(*identity.Identity) error) error {
	return s.Tx(ctx, func(x *store.Tx) error {
		i, err := x.Identity(id)
		if err != nil {
			return err
		}
		factors, home := i.SecondFactors(), i.OrganizationID
		if err := change(i); err != nil {
			return err
		}
		if err := x.UpdateIdentity(i); err != nil {
			return err
		}
		if !samePlace(home, i.OrganizationID) {
			_, err := x.RevokeSessionsOf(id, uuid.Nil, s.clock.Now())
			return err
		}
		if lost := i.Lost(factors); len(lost) > 0 {
			return x.WithdrawEvidence(id, lost, s.clock.Now())
		}
		return nil
	})
}

// samePlace says whether two accounts belong to the same organization, or to none.
func samePlace(a, b *uuid.UUID) bool {
	return a == b || a != nil && b != nil && *a == *b
}
