package errand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/relay"
)

const (
	// concurrency is how many errands run at the same time, perTarget how many of them
	// go to the same system: one that never answers leaves room for the others.
	concurrency, perTarget = 16, 8
	// poll is how often the outbox is looked at without being woken. What this process
	// writes wakes the worker; errands of a process that died wait longer anyway.
	poll = 5 * time.Second
	// within bounds an attempt together with what is needed to make it.
	within = 2 * Timeout
	// growth is how many times longer each pause is than the one before.
	growth = 3
	// maxError is how much of an error is kept with an errand, in bytes.
	maxError = 1 << 10
)

// WorkerOptions are the parts of a worker. All are required.
type WorkerOptions struct {
	Outbox  Outbox
	Runners map[flow.ErrandKind]Runner
	Setup   func() *flow.Setup // the configuration in force
	Clock   clock.Clock
	Rand    io.Reader
	Holder  string // names this worker among all that share the outbox
	// Report is told what goes wrong; nil for failures of the outbox itself.
	Report func(e *flow.Errand, err error)
	// Observe counts attempts by kind and result: "delivered", "retried" or "dead".
	Observe func(kind flow.ErrandKind, result string)
}

// Worker runs errands. Any number of them may share an outbox. An attempt counts
// from the moment it begins, so an errand that brings processes down does not do so
// for ever.
type Worker struct {
	*relay.Worker[Claim]
	o WorkerOptions
}

// underWay is what a worker has: the errand, not its lane, because the next errand
// of a lane is due before the one before has left the worker.
type underWay struct {
	target string
	errand uuid.UUID
}

// NewWorker makes a worker that begins with Run.
func NewWorker(o WorkerOptions) *Worker {
	w := &Worker{o: o}
	w.Worker = relay.New(relay.Options[Claim]{
		Rows: due{w}, Clock: o.Clock, Holder: o.Holder, Concurrency: concurrency, Within: within,
		Key:     func(c Claim) any { return underWay{c.Lease.Target, c.ID} },
		Attempt: w.attempt, Settle: w.settle,
		Pace: func() (int, time.Duration) { return perTarget, poll },
		Report: func(c *Claim, err error) {
			if c == nil {
				o.Report(nil, err)
				return
			}
			o.Report(&c.Errand, err)
		},
	})
	return w
}

// due are the lanes in the words of the relay.
type due struct{ w *Worker }

func (d due) Claim(ctx context.Context, holder string, now, until time.Time, limit int) ([]Claim, error) {
	return d.w.o.Outbox.Claim(ctx, holder, now, until, limit, d.w.crowded())
}

func (d due) Renew(ctx context.Context, c Claim, until time.Time) (bool, error) {
	return d.w.o.Outbox.Renew(ctx, c.Lease, until)
}

func (d due) Next(ctx context.Context) (time.Time, error) { return d.w.o.Outbox.Next(ctx) }

// crowded are the targets that have as many attempts under way as they get.
func (w *Worker) crowded() (targets []string) {
	busy := map[string]int{}
	for _, key := range w.Active() {
		if k, ok := key.(underWay); ok {
			if busy[k.target]++; busy[k.target] == perTarget {
				targets = append(targets, k.target)
			}
		}
	}
	return targets
}

// attempt opens an errand and has it run.
func (w *Worker) attempt(ctx context.Context, c Claim) error {
	s := w.o.Setup()
	if c.Attempts > s.Cardea.Events.Delivery.Tries {
		return &FinalError{errors.New("processes ended in the middle of all attempts")}
	}
	said, err := Open(s.Keys, c.ID, c.Sealed)
	if err != nil {
		return &FinalError{fmt.Errorf("it cannot be opened, maybe its secret was removed: %w", err)}
	}
	runner, ok := w.o.Runners[c.Kind]
	if !ok {
		return fmt.Errorf("nobody here runs errands of the kind %q", c.Kind)
	}
	return runner.Run(ctx, s, c.Errand, said)
}

// settle judges what came of an attempt.
func (w *Worker) settle(c Claim, err error, now time.Time) func(context.Context) error {
	o, result := w.outcome(c, err, now)
	if err != nil {
		w.o.Report(&c.Errand, fmt.Errorf("attempt %d, %s: %s", c.Attempts, result, o.Error))
	}
	w.o.Observe(c.Kind, result)
	return func(ctx context.Context) error { return w.o.Outbox.Finish(ctx, c.Lease, o) }
}

func (w *Worker) outcome(c Claim, err error, now time.Time) (o Outcome, result string) {
	settings := w.o.Setup().Cardea.Events.Delivery
	if err == nil {
		return Outcome{Delivered: true, Now: now, NextAt: now}, "delivered"
	}
	text := err.Error()
	if len(text) > maxError {
		text = text[:maxError]
	}
	if c.Attempts >= settings.Tries || Final(err) {
		return Outcome{Dead: true, Error: text, Now: now, NextAt: now}, "dead"
	}
	wait := relay.Backoff{Base: settings.MinWait, Max: settings.MaxWait, Growth: growth}.After(c.Attempts, w.o.Rand)
	return Outcome{Error: text, Now: now, NextAt: now.Add(wait)}, "retried"
}

// New begins an errand: it has ids of its own and says what it is told to say.
func New(set *flow.Setup, rand io.Reader, e flow.Errand, said []byte) (flow.Errand, error) {
	var err error
	if e.ID, err = uuid.NewRandomFromReader(rand); err != nil {
		return e, err
	}
	e.Sealed, err = Seal(set.Keys, rand, e.ID, said)
	return e, err
}
