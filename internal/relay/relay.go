// Package relay hands on what waits in a table: it takes what is due under a lease
// that runs out, runs one attempt at each, and notes how that went. Messages to
// people and calls to other systems both leave this way.
//
// It refuses to know what is handed on, to whom, and how often that is tried.
//
// Invariants: as long as clocks agree within a third of LeaseFor exactly one worker
// has an item at a time, and an attempt ends before its lease can belong to somebody
// else; an outcome is noted again and again until the table has it, so that an item
// is handed on twice only when a worker dies between the two.
package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"cardea/internal/clock"
)

// Times of a worker.
const (
	// LeaseFor is how long an item of a worker that died waits for another one.
	LeaseFor = 15 * time.Second
	// DrainWithin is how long attempts under way may take when the worker ends.
	DrainWithin = 20 * time.Second
	// MaxPause is the longest pause after which a table that does not answer is asked
	// again; the first is minPause, and each is twice the one before.
	MaxPause = 15 * time.Second
	minPause = 500 * time.Millisecond
	// recordWithin bounds one try to note an outcome.
	recordWithin = 10 * time.Second
)

// Rows are the items of a table. T is one of them together with its lease.
type Rows[T any] interface {
	// Claim leases at most limit items that are due until a time, those that wait
	// longest first. No item goes to two holders while a lease lasts.
	Claim(ctx context.Context, holder string, now, until time.Time, limit int) ([]T, error)
	// Renew prolongs a lease and says whether it is still held.
	Renew(ctx context.Context, item T, until time.Time) (held bool, err error)
	// Next is when the next item is due; it may be past. Zero when none waits.
	Next(ctx context.Context) (time.Time, error)
}

// Options are the parts of a worker. All are required.
type Options[T any] struct {
	Rows  Rows[T]
	Clock clock.Clock
	// Holder names this worker among all that share the table.
	Holder string
	// Key names an item, whatever its lease is: a comparable value.
	Key func(T) any
	// Attempt hands an item on. Its context ends after Within, and when the lease may
	// soon be somebody else's.
	Attempt func(ctx context.Context, item T) error
	Within  time.Duration
	// Settle decides what becomes of an item after an attempt. The result notes that,
	// and may be called until it succeeds.
	Settle func(item T, err error, now time.Time) (note func(context.Context) error)
	// Pace is asked in every round: how many items to take at once, and how often to
	// look when nobody wakes the worker.
	Pace func() (batch int, poll time.Duration)
	// Concurrency is how many attempts run at the same time.
	Concurrency int
	// Report is told that an outcome could not be noted or, with nil, that the table
	// does not answer.
	Report func(item *T, err error)
}

// Worker hands items on. Any number of them may share a table. Make it with New.
type Worker[T any] struct {
	Options[T]
	slots  chan struct{} // taken during an attempt
	wake   chan struct{} // something may be due, or there is room
	mu     sync.Mutex
	active map[any]struct{} // keys of what this worker has
}

// New makes a worker that begins with Run.
func New[T any](o Options[T]) *Worker[T] {
	return &Worker[T]{
		Options: o, slots: make(chan struct{}, o.Concurrency), wake: make(chan struct{}, 1), active: map[any]struct{}{},
	}
}

// Wake tells the worker that something new is due, so that it leaves at once. It
// costs next to nothing and never waits.
func (w *Worker[T]) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx is done, then waits for the attempts under way. It does not
// end for any failure.
func (w *Worker[T]) Run(ctx context.Context) {
	attempts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var running sync.WaitGroup
	pause := minPause
	for ctx.Err() == nil {
		idle, err := w.round(ctx, attempts, &running)
		switch {
		case err != nil && ctx.Err() == nil:
			w.Report(nil, err)
			w.Clock.SleepUntil(ctx, w.Clock.Now().Add(pause))
			pause = min(2*pause, MaxPause)
			continue
		case err == nil && !idle.IsZero():
			w.sleep(ctx, idle, w.wake)
		}
		pause = minPause
	}
	w.drain(attempts, cut, &running)
}

// drain gives attempts under way time to end, then cuts them off.
func (w *Worker[T]) drain(attempts context.Context, cut context.CancelFunc, running *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	w.sleep(attempts, w.Clock.Now().Add(DrainWithin), done)
	cut()
	<-done
}

// sleep waits for a time, a signal or the end of ctx.
func (w *Worker[T]) sleep(ctx context.Context, until time.Time, wake <-chan struct{}) {
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

// round begins with what is due, as far as there is room. Idle is until when there
// is nothing more to do; zero for the next round at once.
func (w *Worker[T]) round(ctx, attempts context.Context, running *sync.WaitGroup) (idle time.Time, err error) {
	batch, interval := w.Pace()
	room := min(w.Concurrency-len(w.slots), max(batch, 1))
	if room == 0 {
		select {
		case <-w.wake:
		case <-ctx.Done():
		}
		return time.Time{}, nil
	}
	now := w.Clock.Now()
	poll := now.Add(interval)
	next, err := w.Rows.Next(ctx) // reading costs less than trying to claim
	if err != nil {
		return time.Time{}, fmt.Errorf("look for what is due: %w", err)
	}
	switch {
	case next.IsZero() || next.After(poll):
		return poll, nil
	case next.After(now):
		return next, nil
	}
	claims, err := w.Rows.Claim(ctx, w.Holder, now, now.Add(LeaseFor), room)
	if err != nil {
		return time.Time{}, fmt.Errorf("take what is due: %w", err)
	}
	for _, item := range claims {
		if !w.enter(item) {
			continue // its lease ran out while its outcome could not be noted; that goes on
		}
		running.Go(func() {
			defer w.leave(item)
			w.handOn(attempts, item, now)
		})
	}
	if len(claims) == 0 { // others were faster
		return poll, nil
	}
	return time.Time{}, nil
}

// enter takes a slot for an item, unless this worker has it already.
func (w *Worker[T]) enter(item T) bool {
	key := w.Key(item)
	w.mu.Lock()
	_, twice := w.active[key]
	w.active[key] = struct{}{}
	w.mu.Unlock()
	if !twice {
		w.slots <- struct{}{} // there is room: only Run takes slots
	}
	return !twice
}

// Active are the keys of what this worker has at the moment.
func (w *Worker[T]) Active() []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.active))
}

func (w *Worker[T]) leave(item T) {
	w.mu.Lock()
	delete(w.active, w.Key(item))
	w.mu.Unlock()
	<-w.slots
	w.Wake() // what waited for this one is due now
}

// handOn makes one attempt and notes how it went, again and again until that is
// noted or the worker is cut off.
func (w *Worker[T]) handOn(ctx context.Context, item T, claimed time.Time) {
	note := w.Settle(item, w.attempt(ctx, item, claimed), w.Clock.Now())
	for pause := minPause; ; pause = min(2*pause, MaxPause) {
		err := finish(ctx, note)
		if err == nil {
			return
		}
		w.Report(&item, fmt.Errorf("note how an attempt ended: %w", err))
		if ctx.Err() != nil {
			return
		}
		w.Clock.SleepUntil(ctx, w.Clock.Now().Add(pause))
	}
}

// finish works after ctx is done, too: attempts that were cut off are noted.
func finish(ctx context.Context, note func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	return note(ctx)
}

// attempt runs an attempt while the lease is held. A panic becomes an error.
func (w *Worker[T]) attempt(ctx context.Context, item T, claimed time.Time) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { cancel(w.keep(ctx, item, claimed)) })
	defer keeper.Wait()
	defer cancel(nil)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the attempt panicked: %v", v)
		}
	}()
	err = w.Attempt(ctx, item)
	if err != nil && ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return err
}

var (
	errSlow = errors.New("the attempt took too long")
	errLost = errors.New("the lease was lost")
)

// keep renews a lease until ctx is done, and says why the attempt has to stop
// before that: it takes too long, or the lease may soon be somebody else's.
func (w *Worker[T]) keep(ctx context.Context, item T, renewed time.Time) error {
	const beat = LeaseFor / 3
	end := renewed.Add(w.Within)
	for {
		w.Clock.SleepUntil(ctx, earlier(w.Clock.Now().Add(beat), end))
		now := w.Clock.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case !now.Before(end):
			return errSlow
		}
		held, err := w.renew(ctx, item, now, beat)
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
func (w *Worker[T]) renew(ctx context.Context, item T, now time.Time, beat time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	return w.Rows.Renew(ctx, item, now.Add(LeaseFor))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Backoff says how long to wait between attempts: Base after the first, then Growth
// times as long as before, never longer than Max; half as much more or less by
// chance, so that what failed together does not come back together.
type Backoff struct {
	Base, Max time.Duration
	Growth    int
}

// After is the wait after an attempt that failed; the first is 1.
func (b Backoff) After(attempt int, rand io.Reader) time.Duration {
	wait := min(max(b.Base, time.Millisecond), b.Max)
	for ; attempt > 1 && wait < b.Max; attempt-- {
		wait *= time.Duration(b.Growth)
	}
	wait = min(wait, b.Max)
	var chance [8]byte
	if _, err := io.ReadFull(rand, chance[:]); err != nil {
		return wait // without chance it is still long enough
	}
	jitter := time.Duration(binary.LittleEndian.Uint64(chance[:]) % uint64(wait))
	return min(wait/2+jitter, b.Max)
}
