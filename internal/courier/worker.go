package courier

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cardea/internal/clock"
	"cardea/internal/flow"
)

// DefaultConcurrency is how many messages a worker sends at the same time.
const DefaultConcurrency = 10

// Times of the worker. Those in the configuration are not here.
const (
	// leaseFor is how long a message of a worker that died waits for another one.
	// Clocks of workers must agree within a third of it.
	leaseFor = 15 * time.Second
	// sendWithin bounds one attempt, whatever the deliverer does.
	sendWithin = time.Minute
	// drainWithin is how long attempts under way may take when the worker ends.
	drainWithin = 20 * time.Second
	// recordWithin bounds one try to note an outcome.
	recordWithin = 10 * time.Second

	// A message that failed waits for the configured pull_wait, then growth times
	// as long as before, never longer than maxBackoff; half as much more or less
	// by chance, so that messages that failed together do not come back together.
	growth     = 4
	maxBackoff = 15 * time.Minute

	// A store that does not answer is asked again after a while that doubles.
	minPause = 500 * time.Millisecond
	maxPause = 15 * time.Second
)

// Worker sends what is in the outbox. Any number of them may share an outbox.
// Make it with NewWorker.
//
// A message gets courier.message_retries attempts after the first one. An attempt
// counts from the moment it begins: one that ended with its process, too, so a
// message that brings senders down does not do so for ever. A permanent error ends
// the attempts at once.
type Worker struct {
	WorkerOptions
	slots  chan struct{} // taken while a message is sent
	freed  chan struct{} // a slot was given back
	wake   chan struct{}
	mu     sync.Mutex
	active map[Lease]struct{} // without Attempt: messages that this worker has
}

// WorkerOptions are the parts of a worker. All but Concurrency are required.
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
}

// NewWorker makes a worker that begins with Run.
func NewWorker(o WorkerOptions) *Worker {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	return &Worker{
		WorkerOptions: o, slots: make(chan struct{}, o.Concurrency), freed: make(chan struct{}, 1),
		wake: make(chan struct{}, 1), active: map[Lease]struct{}{},
	}
}

// Wake tells the worker that a message was put into the outbox, so that it leaves
// at once. It costs next to nothing and never waits.
func (w *Worker) Wake() { signal(w.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run sends messages until ctx is done, then waits for those under way. It does
// not end for any failure.
func (w *Worker) Run(ctx context.Context) {
	sends, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var sending sync.WaitGroup
	pause := minPause
	for ctx.Err() == nil {
		idle, err := w.round(ctx, sends, &sending)
		switch {
		case err != nil && ctx.Err() == nil:
			w.Report(nil, err)
			w.Clock.SleepUntil(ctx, w.Clock.Now().Add(pause))
			pause = min(2*pause, maxPause)
			continue
		case err == nil && !idle.IsZero():
			w.sleep(ctx, idle, w.wake)
		}
		pause = minPause
	}
	w.drain(sends, cut, &sending)
}

// drain gives attempts under way time to end, then cuts them off.
func (w *Worker) drain(sends context.Context, cut context.CancelFunc, sending *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		sending.Wait()
		close(done)
	}()
	w.sleep(sends, w.Clock.Now().Add(drainWithin), done)
	cut()
	<-done
}

// sleep waits for a time, a signal or the end of ctx.
func (w *Worker) sleep(ctx context.Context, until time.Time, wake <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var listener sync.WaitGroup
	listener.Go(func() {
		select {
		case <-wake:
			cancel()
		case <-ctx.Done():
		}
	})
	w.Clock.SleepUntil(ctx, until)
	cancel()
	listener.Wait() // or it would take a later signal along
}

// round begins to send what is due, as far as there is room. Idle is until when
// there is nothing more to do; zero for the next round at once.
func (w *Worker) round(ctx, sends context.Context, sending *sync.WaitGroup) (idle time.Time, err error) {
	settings := w.Setup().Courier
	room := min(w.Concurrency-len(w.slots), max(settings.Worker.PullCount, 1))
	if room == 0 {
		select {
		case <-w.freed:
		case <-ctx.Done():
		}
		return time.Time{}, nil
	}
	now := w.Clock.Now()
	poll := now.Add(settings.Worker.PullWait)
	next, err := w.Outbox.Next(ctx) // reading costs less than trying to claim
	if err != nil {
		return time.Time{}, fmt.Errorf("look into the outbox: %w", err)
	}
	switch {
	case next.IsZero() || next.After(poll):
		return poll, nil
	case next.After(now):
		return next, nil
	}
	claims, err := w.Outbox.Claim(ctx, w.Holder, now, now.Add(leaseFor), room)
	if err != nil {
		return time.Time{}, fmt.Errorf("take messages from the outbox: %w", err)
	}
	for _, c := range claims {
		if !w.enter(c.Lease) {
			continue // its lease ran out while its outcome could not be noted; that goes on
		}
		sending.Go(func() {
			defer w.leave(c.Lease)
			w.send(sends, c, now)
		})
	}
	if len(claims) == 0 { // others were faster
		return poll, nil
	}
	return time.Time{}, nil
}

// enter takes a slot for a message, unless this worker has it already.
func (w *Worker) enter(l Lease) bool {
	l.Attempt = 0
	w.mu.Lock()
	_, twice := w.active[l]
	w.active[l] = struct{}{}
	w.mu.Unlock()
	if !twice {
		w.slots <- struct{}{} // there is room: only Run takes slots
	}
	return !twice
}

func (w *Worker) leave(l Lease) {
	l.Attempt = 0
	w.mu.Lock()
	delete(w.active, l)
	w.mu.Unlock()
	<-w.slots
	signal(w.freed)
}

// errAttempts is why a message is given up without another attempt.
var errAttempts = errors.New("senders ended in the middle of all attempts")

// send makes one attempt and notes how it went.
func (w *Worker) send(ctx context.Context, c Claim, claimed time.Time) {
	o := w.attempt(ctx, w.Setup(), c, claimed)
	if o.Status != Sent {
		w.Report(&c.Envelope, fmt.Errorf("attempt %d, the message is %s: %s", c.Attempt, o.Status, o.Error))
	}
	w.record(ctx, c, o)
}

// attempt hands a message to the deliverer and judges what comes of it.
func (w *Worker) attempt(ctx context.Context, s *flow.Setup, c Claim, claimed time.Time) Outcome {
	last := c.Attempt > s.Courier.MessageRetries
	if c.Attempt > s.Courier.MessageRetries+1 {
		return failed(Abandoned, errAttempts, w.Clock.Now(), time.Time{})
	}
	letter, err := Open(s.Keys, c.ID, c.Sealed)
	if err != nil {
		return failed(Abandoned, fmt.Errorf("the message cannot be opened, maybe its secret was removed: %w", err), w.Clock.Now(), time.Time{})
	}
	err = w.deliver(ctx, s, c, letter, claimed)
	now := w.Clock.Now()
	switch {
	case err == nil:
		return Outcome{Status: Sent, Now: now}
	case last || Permanent(err):
		return failed(Abandoned, err, now, time.Time{})
	}
	return failed(Queued, err, now, now.Add(w.backoff(s.Courier.Worker.PullWait, c.Attempt)))
}

// deliver runs the deliverer while the lease is held, and no longer than an
// attempt may take. A panic becomes an error.
func (w *Worker) deliver(ctx context.Context, s *flow.Setup, c Claim, l Letter, claimed time.Time) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { cancel(w.keep(ctx, c.Lease, claimed)) })
	defer keeper.Wait()
	defer cancel(nil)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the deliverer panicked: %v", v)
		}
	}()
	err = w.Deliverer.Deliver(ctx, s, c.Envelope, l)
	if err != nil && ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return err
}

var (
	errSlow = fmt.Errorf("the attempt was not over after %s", sendWithin)
	errLost = errors.New("the lease of the message was lost")
)

// keep renews a lease until ctx is done, and says why the attempt has to stop
// before that: it takes too long, or the lease may soon be somebody else's.
func (w *Worker) keep(ctx context.Context, l Lease, renewed time.Time) error {
	const beat = leaseFor / 3
	end := renewed.Add(sendWithin)
	for {
		w.Clock.SleepUntil(ctx, earlier(w.Clock.Now().Add(beat), end))
		now := w.Clock.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case !now.Before(end):
			return errSlow
		}
		held, err := w.renew(ctx, l, now, beat)
		switch {
		case held:
			renewed = now
		case err == nil:
			return errLost
		}
		if w.Clock.Now().Sub(renewed) >= 2*beat {
			return errLost
		}
	}
}

// renew gives up after a beat, so that an answer that hangs cannot outlast the lease.
func (w *Worker) renew(ctx context.Context, l Lease, now time.Time, beat time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	return w.Outbox.Renew(ctx, l, now.Add(leaseFor))
}

// record notes an outcome, again and again until it is noted or the worker is cut
// off: a message that was handed over must not be sent once more because the store
// did not answer.
func (w *Worker) record(ctx context.Context, c Claim, o Outcome) {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := w.finish(ctx, c.Lease, o)
		if err == nil {
			return
		}
		w.Report(&c.Envelope, fmt.Errorf("note that the message is %s: %w", o.Status, err))
		if ctx.Err() != nil {
			return
		}
		w.Clock.SleepUntil(ctx, w.Clock.Now().Add(pause))
	}
}

// finish works after ctx is done, too: attempts that were cut off are noted.
func (w *Worker) finish(ctx context.Context, l Lease, o Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	return w.Outbox.Finish(ctx, l, o)
}

// backoff is how long to wait after an attempt that failed; the first is 1.
func (w *Worker) backoff(base time.Duration, attempt int) time.Duration {
	wait := min(max(base, time.Millisecond), maxBackoff)
	for ; attempt > 1 && wait < maxBackoff; attempt-- {
		wait *= growth
	}
	wait = min(wait, maxBackoff)
	var chance [8]byte
	if _, err := io.ReadFull(w.Rand, chance[:]); err != nil {
		return wait // without chance it is still long enough
	}
	jitter := time.Duration(binary.LittleEndian.Uint64(chance[:]) % uint64(wait))
	return min(wait/2+jitter, maxBackoff)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
