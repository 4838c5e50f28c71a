package courier

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Outbox is where messages wait. Package store has it.
type Outbox interface {
	// Claim leases messages that are due until a time, those that wait longest
	// first, and counts the attempt. No message goes to two holders while a lease
	// lasts, and none to one recipient while the one queued before it waits for its
	// first attempt to end. None is leased only when none is due.
	Claim(ctx context.Context, holder string, now, until time.Time, limit int) ([]Claim, error)
	// Renew prolongs a lease and says whether it is still held.
	Renew(ctx context.Context, l Lease, until time.Time) (held bool, err error)
	// Finish ends an attempt. It may be called again when its own outcome is not
	// known. A message that was sent stays so whoever has the lease by now; any
	// other outcome counts only while the lease is held.
	Finish(ctx context.Context, l Lease, o Outcome) error
	// Next is when the next message is due; it may be past. Zero when none waits.
	Next(ctx context.Context) (time.Time, error)
}

// Claim is a message that a sender has by a lease.
type Claim struct {
	Envelope
	Lease
	Sealed []byte // see Open
}

// Lease is the right to send a message, for one attempt.
type Lease struct {
	Tenant  int64
	Message uuid.UUID
	Holder  string
	Attempt int
}

// Outcome is how an attempt ended.
type Outcome struct {
	Status Status // Sent, Abandoned, or Queued for another attempt
	Error  string // what went wrong, for operators; "" for Sent
	Now    time.Time
	NextAt time.Time // of the next attempt; for Queued
	// SuppressUntil puts the recipient on the suppression list until then, as one whose
	// address was rejected; zero for not at all.
	SuppressUntil time.Time
}

// maxError is how much of an error is kept with a message, in bytes.
const maxError = 1 << 10

// failed is the outcome of an attempt that did not work.
func failed(s Status, err error, now, next time.Time) Outcome {
	text := err.Error()
	if len(text) > maxError {
		text = text[:maxError]
	}
	return Outcome{Status: s, Error: text, Now: now, NextAt: next}
}
