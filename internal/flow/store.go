package flow

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Tx is what one transaction of the pipeline may write. All of it happens or
// none of it. A function that is given a Tx does nothing else and may run twice.
type Tx interface {
	IdentityWriter
	SessionWriter
	FlowWriter
	SideWriter
	ExchangeWriter
}

// Store is what the engine needs of storage beside its transactions.
// Reads of a missing row answer problem.ErrNotFound.
type Store interface {
	Flow(ctx context.Context, id uuid.UUID) (*Flow, error)
	Identity(ctx context.Context, id uuid.UUID) (*identity.Identity, error)
	Session(ctx context.Context, id uuid.UUID) (*session.Session, error)
	IdentityByIdentifier(ctx context.Context, t identity.CredentialType, identifiers ...string) (*identity.Identity, error)
	IdentityByIdentifiers(ctx context.Context, types []identity.CredentialType, identifiers ...string) (*identity.Identity, error)
	// CreateFlow stores a flow on its own, outside of any transaction.
	CreateFlow(ctx context.Context, f *Flow) error
	// CreateError keeps the public part of an error for the error page.
	CreateError(ctx context.Context, id uuid.UUID, p *problem.Error, now time.Time) error
	ExchangeStore
	OrganizationStore
	gate.Ledger
	Pasts
	// Consume uses a one-time thing up: one conditional update that commits on its
	// own. The payload is there only for Right.
	ConsumeCode(ctx context.Context, purpose, subject string, keys [][]byte, now time.Time) ([]byte, Outcome, error)
	// PeekOneTime reads the payload of what ConsumeCode would use up.
	PeekOneTime(ctx context.Context, purpose, subject string, key []byte, now time.Time) ([]byte, error)
	// Spend marks something that proves itself as used, until a time at which it
	// counts no more. It commits on its own; false when it was used before.
	Spend(ctx context.Context, purpose string, key []byte, until time.Time) (bool, error)
	// IdentityByRecoveryAddress and IdentityByVerifiableAddress find an identity by
	// a normalised address.
	IdentityByRecoveryAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error)
	IdentityByVerifiableAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error)
	// Write runs fn in one transaction.
	Write(ctx context.Context, fn func(Tx) error) error
}

// SideWriter writes what steps want written beside their flow.
type SideWriter interface {
	// ReplaceOneTimes drops all one-time things of a purpose and subject and
	// stores these. Submissions of the dropped ones keep counting.
	ReplaceOneTimes(purpose, subject string, all []OneTime) error
	// AddOneTimes stores these beside those that are there.
	AddOneTimes(purpose, subject string, all []OneTime) error
	// TakeOneTime uses a one-time thing up within the transaction; false when it does
	// not count any more. DropOneTimesSince drops those that were stored at a moment or
	// later.
	TakeOneTime(purpose, subject string, key []byte, now time.Time) (bool, error)
	DropOneTimesSince(purpose, subject string, since time.Time) error
	// Enqueue puts a message into the outbox, unless something withholds it: a budget
	// that is used up, or an address that gets nothing any more. Nobody who asked for the
	// message hears of that.
	Enqueue(m Message) (withheld gate.Scope, err error)
	// Dispatch writes an errand, to be run after the transaction.
	Dispatch(e Errand) error
	// Record writes into the audit log what the transaction is for.
	Record(e audit.Entry) error
	// MarkAddress notes that a proof was sent to a verifiable address, or that it
	// was given. An address that nobody has is no error.
	MarkAddress(a identity.Address, status identity.AddressStatus, now time.Time) error
}

// IdentityWriter changes identities.
type IdentityWriter interface {
	Identity(id uuid.UUID) (*identity.Identity, error) // with credentials and addresses; ErrNotFound
	CreateIdentity(i *identity.Identity) error         // *problem.ConflictError when a unique value is taken
	// TryIdentity does the work of CreateIdentity, and writes errands about it; nothing
	// of it stays unless keep is set. How many statements run does not depend on keep.
	TryIdentity(i *identity.Identity, keep bool, errands ...Errand) error
	UpdateIdentity(i *identity.Identity) error // replaces row, credentials and addresses; ErrNotFound, *problem.ConflictError
}

// SessionWriter changes sessions.
type SessionWriter interface {
	// CreateSession stores the session with its first device and token.
	// tokenHash is session.HashToken of the token; it may be nil.
	CreateSession(s *session.Session, tokenHash []byte) error
	// UpdateSession stores level, methods, times and the active flag.
	UpdateSession(s *session.Session) error
	// WithdrawEvidence takes the evidence of second factors that are gone out of all
	// active sessions of an identity: see session.Session.Withdraw.
	WithdrawEvidence(identityID uuid.UUID, methods []string, now time.Time) error
	// MakeRoom makes room for one more session of an identity, as the limits say:
	// the oldest end, or it is session.ErrTooMany.
	MakeRoom(identityID uuid.UUID, l session.Limits, now time.Time) error
	// DropSession removes a session, so that nothing is compared with it any more. One
	// that is gone is no error.
	DropSession(id uuid.UUID, now time.Time) error
	// RevokeSessionsOf revokes all active sessions of an identity but one.
	RevokeSessionsOf(identityID uuid.UUID, except uuid.UUID, now time.Time) (int, error)
}

// FlowWriter changes flows.
type FlowWriter interface {
	InsertFlow(f *Flow) error
	UpdateFlow(f *Flow) error      // ErrNotFound when it is gone
	DeleteFlow(id uuid.UUID) error // the same
}
