package store

import (
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// Witness is told what transactions do to identities and sessions, whoever asked for
// it, and says what other systems are to be told of it in the same transaction.
type Witness interface {
	// Wants is asked first: what nobody wants to know costs no statement.
	Wants(ChangeType) bool
	// Errands is called once per change, after it was written, and again when the
	// transaction runs again.
	Errands(Change) ([]flow.Errand, error)
	// Dispatched says that errands of a transaction are durable.
	Dispatched()
}

// ChangeType is what happened to a row.
type ChangeType string

// What a witness is told of. Sessions that end with their identity come before it.
const (
	IdentityCreated ChangeType = "identity.created"
	IdentityUpdated ChangeType = "identity.updated"
	IdentityDeleted ChangeType = "identity.deleted"
	SessionCreated  ChangeType = "session.created"
	SessionRevoked  ChangeType = "session.revoked"
)

// Change is what a witness is told. A session that was revoked has nothing but its
// id and that of its identity.
type Change struct {
	Type     ChangeType
	Identity *identity.Identity // of the changes of identities; as it is now or, deleted, was
	Before   *identity.Identity // of an update
	Session  *session.Session   // of the changes of sessions
	Reason   session.EndReason  // of the end of a session
}

// Witnessed is the same tenant with somebody who is told of its changes.
func (t *Tenant) Witnessed(w Witness) *Tenant {
	witnessed := *t
	witnessed.witness = w
	return &witnessed
}

func (x *Tx) witnessed(t ChangeType) bool { return x.witness != nil && x.witness.Wants(t) }

// report writes what the witness wants to be sent about a change.
func (x *Tx) report(c Change) error {
	if !x.witnessed(c.Type) {
		return nil
	}
	errands, err := x.witness.Errands(c)
	if err != nil {
		return err
	}
	for _, e := range errands {
		if err := x.Dispatch(e); err != nil {
			return err
		}
	}
	return nil
}

// reportEnded tells of the end of the active sessions that a condition selects. It
// comes before the statement that ends them.
func (x *Tx) reportEnded(why session.EndReason, where string, args ...any) error {
	if why == session.Changed || !x.witnessed(SessionRevoked) {
		return nil
	}
	var all []*session.Session
	err := x.c.query("SELECT id, identity_id FROM sessions WHERE "+where, args, func(rows row) error {
		s := &session.Session{}
		err := rows.Scan(&s.ID, &s.IdentityID)
		all = append(all, s)
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := x.report(Change{Type: SessionRevoked, Session: s, Reason: why}); err != nil {
			return err
		}
	}
	return nil
}

// unprovedOwner is whose address is about to be proved for the first time, with the
// identity as it is; nil when nobody wants to know, or nothing will change.
func (x *Tx) unprovedOwner(via identity.Channel, value string) (before *identity.Identity, err error) {
	if !x.witnessed(IdentityUpdated) {
		return nil, nil
	}
	var owner *uuid.UUID
	err = x.c.query("SELECT identity_id FROM verifiable_addresses WHERE tenant = ? AND via = ? AND value = ? AND verified = 0",
		[]any{x.tenant, string(via), value}, func(rows row) error { return rows.Scan(idOrNil{&owner}) })
	if err != nil || owner == nil {
		return nil, err
	}
	return x.Identity(*owner)
}
