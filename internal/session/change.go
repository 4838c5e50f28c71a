package session

import (
	"time"

	"github.com/google/uuid"
)

// Change is one line of the feed of what happened to sessions. It is written in the
// transaction that did it.
type Change struct {
	At        time.Time // by the clock of the process that wrote it; commits come later
	Batch     uuid.UUID // random; changes of one batch become visible together
	SessionID uuid.UUID // zero: every session of the identity
	// IdentityID is whose session it is; zero with a zero SessionID: any session.
	IdentityID uuid.UUID
	Reason     EndReason
}

// EndReason says why a session ended.
type EndReason string

// The reasons. A session that was switched off with its identity comes back with it.
const (
	Changed          EndReason = ""                  // it did not end: something that it shows is another
	Revoked          EndReason = "revoked"           // by its owner, by an operator or by a hook
	Deleted          EndReason = "deleted"           // its row was removed
	Displaced        EndReason = "displaced"         // by a newer session, see Limits
	IdentityDisabled EndReason = "identity_disabled" // its identity may not sign in any more
	IdentityDeleted  EndReason = "identity_deleted"  // its identity is gone
)

// ID names a change for good, also when it is read twice.
func (c *Change) ID() uuid.UUID { return uuid.NewSHA1(c.Batch, c.SessionID[:]) }

// place is where a change stands in the order of the feed.
func (c *Change) place() Place { return Place{At: c.At, Batch: c.Batch, SessionID: c.SessionID} }

// Place is a position in the feed: changes are in order of time, then batch, then
// session.
type Place struct {
	At               time.Time
	Batch, SessionID uuid.UUID
}

// ChangeFilter selects lines of the feed, in order.
type ChangeFilter struct {
	Since time.Time // of this moment or later
	After Place     // behind this one; its time is zero for none
	Ended bool      // only those with a reason
	Limit int       // required
}

// Overlap is how far back readers of the feed read again what they have read. A
// transaction may take long, and what it wrote shows up behind changes with later
// times; one that took longer than LateCommit writes its times anew. The difference
// is what the clocks of processes may differ by.
const (
	Overlap    = 10 * time.Second
	LateCommit = 5 * time.Second
)

// Retention is how long changes are kept at least.
const Retention = 24 * time.Hour
