// Package task owns background jobs: it runs each on one process of an
// installation at a time, again and again, until the process ends.
//
// It refuses to know what the jobs do, and needs no process that is special: jobs
// are leased, and the lease of a process that died runs out.
//
// Invariant: a job's context ends before its lease can belong to somebody else.
package task

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cardea/internal/clock"
)

// DefaultTTL is how long a lease outlives a process that died.
const DefaultTTL = 30 * time.Second

// Leases are taken by name. Package store has them.
type Leases interface {
	// AcquireLease takes or renews a lease until now+ttl and says whether holder has it.
	AcquireLease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error)
	// ReleaseLease gives it back.
	ReleaseLease(ctx context.Context, name, holder string) error
}

// Job is work that is done at intervals.
type Job struct {
	Name     string        // of its lease, the same on every process
	Interval time.Duration // from the start of one run to the start of the next
	// Run does the work once. It has to return soon after its context is done.
	Run func(context.Context) error
}

// Runner runs jobs. All fields but TTL and Report are required.
type Runner struct {
	Store  Leases
	Clock  clock.Clock
	Holder string // names this process among all that share the store
	Jobs   []Job
	TTL    time.Duration // of a lease; 0 for DefaultTTL. Clocks must agree within a third of it
	// Report is told what goes wrong; a job that failed runs again in time.
	Report func(job string, err error)
}

// Run runs the jobs until ctx is done, then waits for the runs under way and gives
// the leases back.
func (r *Runner) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, job := range r.Jobs {
		all.Go(func() { r.compete(ctx, job) })
	}
	all.Wait()
}

func (r *Runner) ttl() time.Duration {
	if r.TTL > 0 {
		return r.TTL
	}
	return DefaultTTL
}

// beat is the time between attempts to take or renew a lease.
func (r *Runner) beat() time.Duration { return r.ttl() / 3 }

func (r *Runner) report(job Job, err error) {
	if err != nil && r.Report != nil {
		r.Report(job.Name, err)
	}
}

// compete tries to get a job's lease, and works while it has it.
func (r *Runner) compete(ctx context.Context, job Job) {
	for ctx.Err() == nil {
		began := r.Clock.Now()
		held, err := r.acquire(ctx, job, began)
		if held {
			r.hold(ctx, job, began)
		} else if ctx.Err() == nil {
			r.report(job, err)
		}
		r.Clock.SleepUntil(ctx, r.Clock.Now().Add(r.beat()))
	}
}

// acquire gives up after a beat, so that an answer that hangs cannot outlast the lease.
func (r *Runner) acquire(ctx context.Context, job Job, now time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.beat())
	defer cancel()
	return r.Store.AcquireLease(ctx, job.Name, r.Holder, now, r.ttl())
}

// hold runs a job at its intervals until the lease or ctx ends.
func (r *Runner) hold(ctx context.Context, job Job, since time.Time) {
	held, lose := context.WithCancel(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() {
		defer lose()
		r.keep(held, job, since)
	})
	for held.Err() == nil {
		began := r.Clock.Now()
		r.report(job, once(held, job))
		r.Clock.SleepUntil(held, began.Add(job.Interval))
	}
	lose()
	keeper.Wait()
	r.release(ctx, job)
}

// keep renews a lease until it is lost, or so close to its end that the run under
// way needs the rest of it to stop.
func (r *Runner) keep(held context.Context, job Job, renewed time.Time) {
	for {
		r.Clock.SleepUntil(held, r.Clock.Now().Add(r.beat()))
		if held.Err() != nil {
			return
		}
		now := r.Clock.Now()
		ok, err := r.acquire(held, job, now)
		switch {
		case ok:
			renewed = now
		case err == nil: // somebody else has it: this process was away for too long
			return
		case held.Err() == nil:
			r.report(job, err)
		}
		if r.Clock.Now().Sub(renewed) >= 2*r.beat() {
			return
		}
	}
}

// release works after ctx is done, too: that is when it is needed most.
func (r *Runner) release(ctx context.Context, job Job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.beat())
	defer cancel()
	r.report(job, r.Store.ReleaseLease(ctx, job.Name, r.Holder))
}

// once runs a job and turns a panic into an error. A run that was stopped is none.
func once(ctx context.Context, job Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the job panicked: %v", v)
		}
	}()
	if err = job.Run(ctx); ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
