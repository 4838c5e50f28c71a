// Package errand owns calls to other systems that nobody waits for: they are written
// with what caused them, sealed, and run by a worker until they arrive.
//
// It refuses to know what a call says and how an answer is judged: runners do, one
// for each kind.
//
// Invariants: what an errand says is sealed wherever it is stored; what a target is
// told about one subject arrives in the order in which it was written, at least once,
// and every attempt carries the same id; an errand that was given up is kept, and
// holds up nobody.
package errand

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/secret"
)

// Timeout bounds one attempt.
const Timeout = 30 * time.Second

// Lease is the right to run the first errand of a lane.
type Lease struct {
	Tenant  int64
	Target  string
	Subject uuid.UUID
	Errand  uuid.UUID
	Holder  string
	Number  int64
}

// Claim is an errand that a worker has by a lease.
type Claim struct {
	flow.Errand
	Lease
	Attempts int // that began, this one included
}

// Outcome is how an attempt ended: delivered, dead, or neither for another attempt.
type Outcome struct {
	Delivered, Dead bool
	Error           string // for operators; "" for delivered
	Now, NextAt     time.Time
}

// Outbox is where errands wait. Package store has it.
type Outbox interface {
	// Claim leases lanes whose first errand is due; see relay.Rows. Lanes of the
	// targets in except stay where they are.
	Claim(ctx context.Context, holder string, now, until time.Time, limit int, except []string) ([]Claim, error)
	// Renew prolongs a lease and says whether it is still held.
	Renew(ctx context.Context, l Lease, until time.Time) (held bool, err error)
	// Finish ends an attempt. It may be called again when its own outcome is not known.
	Finish(ctx context.Context, l Lease, o Outcome) error
	// Next is when the next lane is due; it may be past. Zero when none waits.
	Next(ctx context.Context) (time.Time, error)
}

// Runner runs errands of one kind.
type Runner interface {
	// Run makes one attempt. An error that Final recognises is not worth another.
	Run(ctx context.Context, set *flow.Setup, e flow.Errand, said []byte) error
}

// FinalError is a failure that no further attempt will change.
type FinalError struct{ Cause error }

// Error tells the cause.
func (e *FinalError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *FinalError) Unwrap() error { return e.Cause }

// Final says whether an error ends the attempts.
func Final(err error) bool {
	var f *FinalError
	return errors.As(err, &f)
}

// label separates errands from everything else that the secrets seal.
const label secret.Label = "errand"

// Seal encrypts what an errand says, tied to it.
func Seal(keys *secret.Keyring, rand io.Reader, id uuid.UUID, said []byte) ([]byte, error) {
	return keys.Seal(rand, label, said, id[:])
}

// Open is the way back from Seal.
func Open(keys *secret.Keyring, id uuid.UUID, sealed []byte) ([]byte, error) {
	return keys.Open(label, sealed, id[:])
}
