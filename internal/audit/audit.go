// Package audit owns the log of what was done to accounts: what a row says, how rows
// are chained and signed, and how that is checked.
//
// It refuses SQL, HTTP and configuration, and to decide when something has happened:
// whoever does it says so, in the transaction that does it.
//
// Invariants:
//   - a row names people by the ids of their accounts and says which parts of an account
//     have changed, never what they are or were;
//   - a row that was written is never changed; it gets a place in the chain once;
//   - the head of the chain is signed, and so is where the chain begins.
package audit

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// Entry is a row of the log. What is zero is not known, or does not apply.
type Entry struct {
	ID      uuid.UUID // see NewID
	At      time.Time // in microseconds
	Action  Action
	Outcome Outcome
	Actor   string // see the functions below
	// Identity is whose account it is about, Session which of its sessions.
	Identity, Session uuid.UUID
	Request           string // the name under which logs know the request
	IP, UserAgent     string
	// Times is how often it happened: more than 1 where many are told in one row.
	Times   int64
	Details []byte // a JSON object, or nothing
}

// Action is what was done, in words: "login.succeeded".
type Action string

// The actions besides the ends of journeys (see Ended) and those of operators (see
// Operated).
const (
	IdentityCreated   Action = "identity.created"
	IdentityUpdated   Action = "identity.updated"
	IdentityDeleted   Action = "identity.deleted"
	AddressVerified   Action = "address.verified"
	SessionRevoked    Action = "session.revoked"
	RecoveryHandedOut Action = "recovery.handed_out"
	OAuth2Accepted    Action = "oauth2.login_accepted"
	AccountExported   Action = "account.exported"
	AccountsExported  Action = "accounts.exported"
	KeyCreated        Action = "key.created"
	KeyRevoked        Action = "key.revoked"
	Configured        Action = "configuration.loaded"
	ChainAdopted      Action = "audit.adopted"
)

// Ended is the end of a journey of a kind: "login.succeeded", "settings.failed".
func Ended(kind string, failed bool) Action {
	if failed {
		return Action(kind + ".failed")
	}
	return Action(kind + ".succeeded")
}

// Operated is a change of an operator that no other action tells, by the operation of
// the API: "admin.unlockIdentity".
func Operated(operation string) Action { return Action("admin." + operation) }

// Outcome is how it ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// The actors. Operators without a key are let in by a certificate, or by an admin port
// that asks for nothing.
const (
	Anonymous   = "anonymous"
	System      = "system"
	Operator    = "operator"
	Certificate = "certificate"
)

// Person is the actor who is signed in to an account.
func Person(id uuid.UUID) string { return "identity:" + id.String() }

// Key is the actor who holds an API key.
func Key(id uuid.UUID) string { return "key:" + id.String() }

// Shell is the actor who runs a command, by the name of their account on the machine.
func Shell(user string) string {
	if user == "" {
		return "cli"
	}
	return "cli:" + user
}

// longestText bounds what clients say of themselves, in bytes.
const longestText = 256

// Cut makes a text fit for a row: short, UTF-8, and without zero bytes.
func Cut(text string) string {
	if len(text) > longestText {
		text = text[:longestText]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// NewID makes the id of a row: a UUID of version 7 (RFC 9562, section 5.7, with the
// microseconds of method 3), so that rows are ordered by their ids as they are by time.
// random gives the bits that are not time.
func NewID(at time.Time, random uuid.UUID) uuid.UUID {
	micros := at.UnixMicro()
	millis, fraction := micros/1000, micros%1000*4096/1000
	id := random
	for n := range 6 {
		id[n] = byte(millis >> (40 - 8*n))
	}
	id[6], id[7] = 0x70|byte(fraction>>8), byte(fraction)
	id[8] = id[8]&0x3f | 0x80
	return id
}
