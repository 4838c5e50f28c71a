package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// maxOperations bounds one worker's loop, whatever the clock says.
	maxOperations = 50_000_000
	// maxLost bounds how often in a row a worker may fail without any answer;
	// then the server is gone and trying on would only spin.
	maxLost = 20
	// maxWarmUp bounds the time before the window in which nothing is counted.
	maxWarmUp = 500 * time.Millisecond
	// grace is how long an operation may run on after its window.
	grace = 30 * time.Second
)

// A task performs one complete operation. It is called again and again by one
// goroutine.
type task func() error

// A window is the span of time whose completed operations count.
type window struct{ begin, end time.Time }

// newWindow opens after a short warm-up and lasts for d.
func newWindow(d time.Duration) window {
	begin := time.Now().Add(min(maxWarmUp, d/4))
	return window{begin: begin, end: begin.Add(d)}
}

func (w window) length() time.Duration { return w.end.Sub(w.begin) }

// deadline is when a connection gives up on an operation begun in the window.
func (w window) deadline() time.Time { return w.end.Add(grace) }

// A tally is what a group of tasks did within a window.
type tally struct {
	latency  histogram         // of the operations that succeeded
	failures map[string]uint64 // by kind
	usedUp   time.Time         // when there was nothing left to do; zero if there always was
}

func newTally() *tally { return &tally{failures: map[string]uint64{}} }

func (t *tally) merge(other *tally) {
	t.latency.merge(&other.latency)
	for kind, n := range other.failures {
		t.failures[kind] += n
	}
	if other.usedUp.After(t.usedUp) {
		t.usedUp = other.usedUp
	}
}

func (t *tally) failed() (n uint64) {
	for _, count := range t.failures {
		n += count
	}
	return n
}

// drive repeats every task in a goroutine of its own, each operation as soon as
// the one before has ended, until the window closes or ctx ends.
func drive(ctx context.Context, tasks []task, w window) *tally {
	return together(tasks, func(_ int, t task) *tally {
		own := newTally()
		last, lost := time.Now(), 0
		for range maxOperations {
			err := t()
			now := time.Now()
			if ctx.Err() != nil || lost == maxLost {
				break
			}
			if errors.Is(err, errUsedUp) {
				own.usedUp = now
				break
			}
			answered := own.count(err, now.Sub(last), now, w)
			if now.After(w.end) {
				break
			}
			last = now
			if lost++; answered {
				lost = 0
			}
		}
		return own
	})
}

// count notes one operation that ended at now, and says whether the server
// answered. A lost one is noted even when it ended outside the window: a server
// that stops answering must not look as if nobody had asked.
func (t *tally) count(err error, took time.Duration, now time.Time, w window) (answered bool) {
	inside := !now.Before(w.begin) && !now.After(w.end)
	if err == nil {
		if inside {
			t.latency.record(took)
		}
		return true
	}
	var status statusError
	answered = errors.As(err, &status)
	if inside || !answered {
		t.failures[failureKind(err)]++
	}
	return answered
}

// pace starts one operation every interval, by turns on each task, until the
// window closes. An operation's latency counts from the moment it was due, so
// that a stalled server is charged for the requests that had to wait behind it.
func pace(ctx context.Context, tasks []task, interval time.Duration, w window) *tally {
	turn := time.Duration(len(tasks)) * interval
	return together(tasks, func(i int, t task) *tally {
		own := newTally()
		due := w.begin.Add(time.Duration(i) * interval)
		for ; due.Before(w.end); due = due.Add(turn) {
			if !wait(ctx, time.Until(due)) {
				break
			}
			if err := t(); err != nil {
				own.failures[failureKind(err)]++
				continue
			}
			own.latency.record(time.Since(due))
		}
		return own
	})
}

// together runs one goroutine per task and adds up what they return.
func together(tasks []task, run func(int, task) *tally) *tally {
	tallies := make([]*tally, len(tasks))
	var group sync.WaitGroup
	for i, t := range tasks {
		group.Go(func() { tallies[i] = run(i, t) })
	}
	group.Wait()
	sum := newTally()
	for _, t := range tallies {
		sum.merge(t)
	}
	return sum
}

// wait reports false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A meter reads the processor time that a process has used so far.
type meter func() (time.Duration, error)

// A usage is the processor time used within a window.
type usage struct {
	time  time.Duration
	known bool // false where the system does not tell
}

// watch starts reading a meter at the beginning and the end of a window. The
// function it returns waits for the second reading. Without a meter nothing is known.
func watch(ctx context.Context, read meter, w window) func() usage {
	if read == nil {
		return func() usage { return usage{} }
	}
	done := make(chan usage, 1)
	go func() {
		var at [2]time.Duration
		for i, when := range []time.Time{w.begin, w.end} {
			var err error
			if !wait(ctx, time.Until(when)) {
				done <- usage{}
				return
			}
			if at[i], err = read(); err != nil {
				done <- usage{}
				return
			}
		}
		done <- usage{time: at[1] - at[0], known: true}
	}()
	return func() usage { return <-done }
}

// A measurement is one operation's row in the report.
type measurement struct {
	name, title string
	window      time.Duration
	tally       *tally
	server      usage
	generator   usage   // of this process, the load generator
	hashes      float64 // bare hashes per second, measured by turns with this; 0 for none
	amount      int     // of what is counted in one operation; 0 for 1
	peak        int64   // highest resident set of the server meanwhile, in bytes; 0: not known
}

// lengthUntil is how much of the window was used.
func (w window) lengthUntil(usedUp time.Time) time.Duration {
	if usedUp.After(w.begin) && usedUp.Before(w.end) {
		return usedUp.Sub(w.begin)
	}
	return w.length()
}

// add makes two measurements of the same one.
func (m *measurement) add(other measurement) {
	if m.tally == nil {
		*m = other
		return
	}
	m.window += other.window
	m.tally.merge(other.tally)
	m.server, m.generator = m.server.plus(other.server), m.generator.plus(other.generator)
	m.peak = max(m.peak, other.peak)
}

func (u usage) plus(other usage) usage {
	return usage{time: u.time + other.time, known: u.known && other.known}
}

// measure drives the tasks for one window and reads both processes' meters;
// server is nil when the work is done in this process.
func measure(ctx context.Context, op label, tasks []task, server meter, w window) measurement {
	serverUsage, ownUsage := watch(ctx, server, w), watch(ctx, ownCPU, w)
	t := drive(ctx, tasks, w)
	return measurement{
		name: op.name, title: op.title, window: w.lengthUntil(t.usedUp),
		tally: t, server: serverUsage(), generator: ownUsage(),
	}
}

// perSecond is the rate of what is counted in successful operations.
func (m measurement) perSecond() float64 {
	return float64(m.tally.latency.total) * float64(max(m.amount, 1)) / m.window.Seconds()
}

// perOperation divides processor time by what was answered in the window; what was
// refused costs the server work too.
func (m measurement) perOperation(u usage) (time.Duration, bool) {
	n := (m.tally.latency.total + m.tally.failed()) * uint64(max(m.amount, 1))
	if n == 0 || !u.known {
		return 0, false
	}
	return u.time / time.Duration(n), true
}
