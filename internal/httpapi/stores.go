package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Sessions is what the wire needs of stored sessions. A row that is not there
// is problem.ErrNotFound.
type Sessions interface {
	// ByToken finds a session, with identity, addresses and devices, by the hash
	// of one of its tokens. It may be revoked or over.
	ByToken(ctx context.Context, tokenHash []byte) (*session.Session, error)
	// Others lists the active sessions of an identity but one, newest first.
	Others(ctx context.Context, identityID, except uuid.UUID, offset, limit int) ([]*session.Session, error)
	CountOthers(ctx context.Context, identityID, except uuid.UUID) (int, error)
	// RevokeOthers revokes all sessions of an identity but one and counts all
	// its other rows, also those that were over already.
	RevokeOthers(ctx context.Context, identityID, except uuid.UUID) (int, error)
	// RevokeOf revokes one session if it belongs to the identity.
	RevokeOf(ctx context.Context, identityID, id uuid.UUID) error
	// Revoke revokes one session.
	Revoke(ctx context.Context, id uuid.UUID) error
}

// SessionFeed tells what happened to sessions.
type SessionFeed interface {
	// SessionChanges reads lines of the feed, in order.
	SessionChanges(ctx context.Context, f session.ChangeFilter) ([]session.Change, error)
	// News is closed by the next change; false when it never will be.
	News() (changed <-chan struct{}, ok bool)
}

// AdminSessions are the sessions as operators see them.
type AdminSessions interface {
	SessionReader
	SessionManager
}

// SessionReader finds sessions, whoever they belong to.
type SessionReader interface {
	// Session finds a session with devices, identity and addresses.
	Session(ctx context.Context, id uuid.UUID) (*session.Session, error)
	// ListSessions lists a page of sessions, newest first, then by id.
	ListSessions(ctx context.Context, f SessionFilter) ([]*session.Session, error)
	// CountListed counts what ListSessions lists on all pages.
	CountListed(ctx context.Context, f SessionFilter) (int, error)
}

// SessionManager ends and prolongs sessions.
type SessionManager interface {
	// DeleteSessionsOf deletes the rows of an identity's sessions. ErrNotFound when
	// there is none.
	DeleteSessionsOf(ctx context.Context, identityID uuid.UUID) error
	// ExtendSession lets a session that ends before earliest end at until; others
	// stay as they are.
	ExtendSession(ctx context.Context, id uuid.UUID, until, earliest, now time.Time) (extended bool, err error)
	// ManageSessions does the same to many sessions and counts those it changed.
	ManageSessions(ctx context.Context, b SessionBulk) (int, error)
}

// SessionFilter selects a page of sessions. What is zero does not matter.
type SessionFilter struct {
	IdentityID        uuid.UUID
	Active            *bool     // active and not over at Now, or the opposite
	Now               time.Time // always set
	BeforeCreatedAt   time.Time // with BeforeID: the last session of the page before
	BeforeID          uuid.UUID
	Offset, Limit     int
	Devices, Identity bool // load them along; the identity without addresses
}

// SessionBulk is what happens to which sessions at once: those with these ids, or
// those of these identities; to any, at most Limit of them, when both are nil.
type SessionBulk struct {
	Delete      bool // rows; otherwise active sessions are revoked
	IDs         []uuid.UUID
	IdentityIDs []uuid.UUID
	Limit       int
	Now         time.Time
}

// Identities are the stored identities.
type Identities interface {
	IdentityReader
	IdentityWriter
}

// IdentityReader finds identities with addresses and credentials.
type IdentityReader interface {
	Identity(ctx context.Context, id uuid.UUID) (*identity.Identity, error)
	IdentityByExternalID(ctx context.Context, external string) (*identity.Identity, error)
	// ListIdentities lists a page of identities, ordered by id.
	ListIdentities(ctx context.Context, f IdentityFilter) ([]*identity.Identity, error)
	// CountIdentities counts what ListIdentities lists on all pages.
	CountIdentities(ctx context.Context, f IdentityFilter) (int, error)
}

// IdentityWriter changes identities. A unique value that is taken is a
// *problem.ConflictError.
type IdentityWriter interface {
	CreateIdentity(ctx context.Context, i *identity.Identity) error
	// CreateIdentities tells for each whether it conflicted; of two that want the
	// same value the first gets it. The second result is a failure of all.
	CreateIdentities(ctx context.Context, list []*identity.Identity) (conflicts []error, err error)
	// CheckIdentities tells what CreateIdentities would, and stores nothing.
	CheckIdentities(ctx context.Context, list []*identity.Identity) (conflicts []error, err error)
	// ChangeIdentity reads an identity, lets change edit it and stores the result, all
	// in one transaction. change does no slow work and may run more than once; its
	// error ends the transaction and is passed on.
	ChangeIdentity(ctx context.Context, id uuid.UUID, change func(*identity.Identity) error) error
	// DeleteIdentity deletes an identity and all that hangs on it, unless check, which
	// sees it in the same transaction, objects. check may be nil.
	DeleteIdentity(ctx context.Context, id uuid.UUID, check func(*identity.Identity) error) error
}

// IdentityFilter selects a page of identities. Conditions that are set all hold; of
// Identifiers one is enough.
type IdentityFilter struct {
	IDs            []uuid.UUID // nil for any
	OrganizationID *uuid.UUID
	Identifiers    []IdentifierMatch
	Traits         []identity.SearchMatch
	State          identity.State
	SchemaID       string
	Verified       *bool     // has a verified address, or has none
	CreatedAfter   time.Time // this moment or later
	CreatedBefore  time.Time // before this moment
	UpdatedAfter   time.Time
	UpdatedBefore  time.Time
	After          uuid.UUID // the last id of the page before
	Offset, Limit  int
	Credentials    bool // load them along
}

// IdentifierMatch selects credentials of any of the types with any of the
// identifiers, or with identifiers that begin like them.
type IdentifierMatch struct {
	Types  []identity.CredentialType
	Values []string
	Prefix bool
}

// Importer hashes plain passwords as a configuration says, and judges hashes that
// come from elsewhere. A password that the hasher cannot take is secret.ErrTooLong,
// a hash that is refused a *problem.Error with status 400.
type Importer interface {
	Hash(ctx context.Context, s *config.Snapshot, password string) (string, error)
	CheckImport(encoded string) error
}

// Errors keeps the errors that pages show.
type Errors interface {
	// Error reads an error container and marks it as seen.
	Error(ctx context.Context, id uuid.UUID) (*ErrorContainer, error)
}

// ErrorContainer is an error that a page explains.
type ErrorContainer struct {
	ID        uuid.UUID
	Problem   *problem.Error // its public part
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Deliveries are what other systems are still to be told, as operators see it.
type Deliveries interface {
	// ListDeliveries lists a page of deliveries, newest first, then by id.
	ListDeliveries(ctx context.Context, f DeliveryFilter) ([]*Delivery, error)
	Delivery(ctx context.Context, id uuid.UUID) (*Delivery, error)
	// ReplayDelivery gives one that was given up all its attempts again. One that
	// waits stays as it is, and replayed is false.
	ReplayDelivery(ctx context.Context, id uuid.UUID, now time.Time) (replayed bool, err error)
	// ReplayDeliveries does so with the oldest that a filter selects, at most its
	// limit, and counts them.
	ReplayDeliveries(ctx context.Context, f DeliveryFilter, now time.Time) (int, error)
}

// DeliveryFilter selects a page of deliveries. What is zero does not matter.
type DeliveryFilter struct {
	Status, Target, Type string
	BeforeCreatedAt      time.Time // with BeforeID: the last delivery of the page before
	BeforeID             uuid.UUID
	Limit                int
}

// Delivery is an event or a web hook that has not arrived.
type Delivery struct {
	ID, Event, Subject uuid.UUID
	Kind, Target, Type string
	Status             string // "waiting" or "dead"
	Attempts           int
	Error              string // of the last attempt; "" for none
	CreatedAt          time.Time
	UpdatedAt          time.Time
}

// Courier is the outbox as operators see it.
type Courier interface {
	// ListMessages lists a page of messages, newest first, then by id, without
	// their dispatches.
	ListMessages(ctx context.Context, f MessageFilter) ([]*Message, error)
	Message(ctx context.Context, id uuid.UUID) (*Message, error)
	// RequeueMessage gives an abandoned message all its attempts again. One in
	// another state stays as it is, and requeued is false.
	RequeueMessage(ctx context.Context, id uuid.UUID, now time.Time) (requeued bool, err error)
}

// MessageFilter selects a page of messages. What is zero does not matter.
type MessageFilter struct {
	Status, Recipient string
	BeforeCreatedAt   time.Time // with BeforeID: the last message of the page before
	BeforeID          uuid.UUID
	Limit             int
}

// Message is a message to somebody, sent or waiting.
type Message struct {
	ID         uuid.UUID
	Template   string
	Channel    identity.Channel
	Recipient  string
	Status     string
	SendCount  int
	Dispatches []Dispatch // newest first
	CreatedAt  time.Time
	UpdatedAt  time.Time
	// Content opens what the message says. Both are empty when it cannot be opened
	// any more.
	Content func() (subject, text string)
}

// Dispatch is one attempt to send a message.
type Dispatch struct {
	ID        uuid.UUID
	Error     string // "" for a success
	CreatedAt time.Time
}
