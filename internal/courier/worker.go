package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/relay"
)

// DefaultConcurrency is how many messages a worker sends at the same time.
const DefaultConcurrency = 10

// sendWithin bounds one attempt, whatever the deliverer does.
const sendWithin = time.Minute

// A message that failed waits for the configured pull_wait, then growth times as
// long as before, never longer than maxBackoff.
const (
	growth     = 4
	maxBackoff = 15 * time.Minute
)

// Worker sends what is in the outbox. Any number of them may share an outbox.
// Make it with NewWorker.
//
// A message gets courier.message_retries attempts after the first one. An attempt
// counts from the moment it begins: one that ended with its process, too, so a
// message that brings senders down does not do so for ever. A permanent error ends
// the attempts at once.
type Worker struct {
	*relay.Worker[Claim]
	o WorkerOptions
}

// WorkerOptions are the parts of a worker. All but the last four are required.
type WorkerOptions struct {
	Outbox    Outbox
	Deliverer Deliverer
	Setup     func() *flow.Setup // the configuration in force
	Clock     clock.Clock
	Rand      io.Reader
	Holder    string // names this worker among all that share the outbox
	// Concurrency is how many messages are sent at the same time; 0 for
	// DefaultConcurrency.
	Concurrency int
	// Report is told what goes wrong. Message is nil for failures of the outbox
	// itself. Errors name no recipient unless a deliverer's do.
	Report func(m *Envelope, err error)
	// Delivered is told how long the deliverer took for a message, Settled what became
	// of the message after an attempt: Queued is another one. Nil for nobody.
	Delivered func(m *Envelope, took time.Duration)
	Settled   func(m *Envelope, s Status)
}

// NewWorker makes a worker that begins with Run.
func NewWorker(o WorkerOptions) *Worker {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Delivered == nil {
		o.Delivered = func(*Envelope, time.Duration) {}
	}
	if o.Settled == nil {
		o.Settled = func(*Envelope, Status) {}
	}
	w := &Worker{o: o}
	w.Worker = relay.New(relay.Options[Claim]{
		Rows: due{o.Outbox}, Clock: o.Clock, Holder: o.Holder, Concurrency: o.Concurrency, Within: sendWithin,
		Key:     func(c Claim) any { return Lease{Tenant: c.Tenant, Message: c.Message} },
		Attempt: w.attempt, Settle: w.settle,
		Pace: func() (int, time.Duration) {
			settings := o.Setup().Courier.Worker
			return settings.PullCount, settings.PullWait
		},
		Report: func(c *Claim, err error) {
			if c == nil {
				o.Report(nil, err)
				return
			}
			o.Report(&c.Envelope, err)
		},
	})
	return w
}

// due is the outbox in the words of the relay.
type due struct{ Outbox }

// Renew prolongs the lease of a message.
func (d due) Renew(ctx context.Context, c Claim, until time.Time) (bool, error) {
	return d.Outbox.Renew(ctx, c.Lease, until)
}

// hopelessError ends the attempts at a message that nobody has tried to send.
type hopelessError struct{ cause error }

func (e *hopelessError) Error() string { return e.cause.Error() }
func (e *hopelessError) Unwrap() error { return e.cause }

// errAttempts is why a message is given up without another attempt.
var errAttempts = &hopelessError{errors.New("senders ended in the middle of all attempts")}

// attempt opens a message and hands it to the deliverer.
func (w *Worker) attempt(ctx context.Context, c Claim) error {
	s := w.o.Setup()
	if c.Attempt > s.Courier.MessageRetries+1 {
		return errAttempts
	}
	letter, err := Open(s.Keys, c.ID, c.Sealed)
	if err != nil {
		return &hopelessError{fmt.Errorf("the message cannot be opened, maybe its secret was removed: %w", err)}
	}
	begun := w.o.Clock.Now()
	defer func() { w.o.Delivered(&c.Envelope, w.o.Clock.Now().Sub(begun)) }()
	return w.o.Deliverer.Deliver(ctx, s, c.Envelope, letter)
}

// settle judges what came of an attempt.
func (w *Worker) settle(c Claim, err error, now time.Time) func(context.Context) error {
	o := w.outcome(c, err, now)
	w.o.Settled(&c.Envelope, o.Status)
	if o.Status != Sent {
		w.o.Report(&c.Envelope, fmt.Errorf("attempt %d, the message is %s: %s", c.Attempt, o.Status, o.Error))
	}
	return func(ctx context.Context) error {
		defer w.Wake() // the end may have let another message go
		return w.o.Outbox.Finish(ctx, c.Lease, o)
	}
}

func (w *Worker) outcome(c Claim, err error, now time.Time) Outcome {
	settings := w.o.Setup().Courier
	var hopeless *hopelessError
	switch {
	case err == nil:
		return Outcome{Status: Sent, Now: now}
	case c.Attempt > settings.MessageRetries || Permanent(err) || errors.As(err, &hopeless):
		o := failed(Abandoned, err, now, time.Time{})
		if kept := w.o.Setup().Cardea.Courier.SuppressRejected; kept > 0 && noMailbox(err) {
			o.SuppressUntil = now.Add(kept)
		}
		return o
	}
	wait := relay.Backoff{Base: settings.Worker.PullWait, Max: maxBackoff, Growth: growth}.After(c.Attempt, w.o.Rand)
	return failed(Queued, err, now, now.Add(wait))
}
