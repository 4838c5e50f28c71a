package task

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
	"cardea/internal/store"
)

// within runs a test in a bubble whose time passes only when all wait, with a real
// store.
func within(t *testing.T, test func(t *testing.T, s *store.System)) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Options{DSN: "memory"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(t, db.System())
	})
}

func runner(s Leases, holder string, jobs ...Job) *Runner {
	return &Runner{Store: s, Clock: clock.System{}, Holder: holder, Jobs: jobs}
}

// start runs a runner in the background; stop ends it and waits.
func start(t *testing.T, r *Runner) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func pass(d time.Duration) {
	clock.System{}.SleepUntil(context.Background(), clock.System{}.Now().Add(d))
	synctest.Wait()
}

func counting(n *atomic.Int64, every time.Duration) Job {
	return Job{Name: "count", Interval: every, Run: func(context.Context) error { n.Add(1); return nil }}
}

func TestAJobRunsAtItsInterval(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		var runs atomic.Int64
		stop := start(t, runner(s, "a", counting(&runs, time.Minute)))
		pass(5*time.Minute + time.Second)
		stop()
		if n := runs.Load(); n != 6 {
			t.Errorf("it ran %d times in five minutes, want 6", n)
		}
	})
}

func TestOfManyProcessesOneRunsAJob(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		var running, most, runs atomic.Int64
		job := Job{Name: "alone", Interval: time.Minute, Run: func(ctx context.Context) error {
			runs.Add(1)
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(45*time.Second)) // longer than a lease
			running.Add(-1)
			return nil
		}}
		for _, name := range []string{"a", "b", "c", "d"} {
			defer start(t, runner(s, name, job))()
		}
		pass(10*time.Minute + time.Second)
		if most.Load() != 1 || runs.Load() != 11 {
			t.Errorf("%d ran at once, %d times in all; want 1 and 11", most.Load(), runs.Load())
		}
	})
}

func TestAnotherProcessTakesOverAtOnceAfterACleanEnd(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		var first, second atomic.Int64
		stop := start(t, runner(s, "a", counting(&first, time.Hour)))
		pass(time.Second)
		defer start(t, runner(s, "b", counting(&second, time.Hour)))()
		pass(time.Minute)
		if first.Load() != 1 || second.Load() != 0 {
			t.Fatalf("ran %d and %d times, want 1 and 0", first.Load(), second.Load())
		}
		stop()
		pass(DefaultTTL / 3)
		if second.Load() != 1 {
			t.Error("nobody took over")
		}
	})
}

// cut is a store that stops answering a process.
type cut struct {
	Leases
	off atomic.Bool
}

var errCut = errors.New("the store is gone")

func (c *cut) AcquireLease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	if c.off.Load() {
		return false, errCut
	}
	return c.Leases.AcquireLease(ctx, name, holder, now, ttl)
}

func (c *cut) ReleaseLease(ctx context.Context, name, holder string) error {
	if c.off.Load() {
		return errCut
	}
	return c.Leases.ReleaseLease(ctx, name, holder)
}

func TestAProcessThatLosesTheStoreStopsBeforeAnotherBegins(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		link := &cut{Leases: s}
		var stopped, began time.Time
		long := Job{Name: "j", Interval: time.Hour, Run: func(ctx context.Context) error {
			<-ctx.Done()
			stopped = clock.System{}.Now()
			return ctx.Err()
		}}
		var reported atomic.Int64
		a := runner(link, "a", long)
		a.Report = func(string, error) { reported.Add(1) }
		stopA := start(t, a)
		pass(time.Second)
		defer start(t, runner(s, "b", Job{Name: "j", Interval: time.Hour, Run: func(context.Context) error {
			began = clock.System{}.Now()
			return nil
		}}))()
		pass(time.Minute)
		link.off.Store(true)
		pass(2 * DefaultTTL)
		stopA()
		if stopped.IsZero() || began.IsZero() || !stopped.Before(began) {
			t.Errorf("the first stopped at %v, the second began at %v", stopped, began)
		}
		if reported.Load() == 0 {
			t.Error("nobody was told that the store is gone")
		}
	})
}

func TestAJobThatFailsOrPanicsIsReportedAndRunsAgain(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		var runs, reports atomic.Int64
		r := runner(s, "a", Job{Name: "j", Interval: time.Second, Run: func(context.Context) error {
			if runs.Add(1) == 1 {
				panic("oh")
			}
			return errors.New("no")
		}})
		r.Report = func(job string, err error) { reports.Add(1) }
		stop := start(t, r)
		pass(2500 * time.Millisecond)
		stop()
		if runs.Load() != 3 || reports.Load() != 3 {
			t.Errorf("%d runs, %d reports; want 3 and 3", runs.Load(), reports.Load())
		}
	})
}

func TestTheEndWaitsForTheRunUnderWayAndReportsNothing(t *testing.T) {
	within(t, func(t *testing.T, s *store.System) {
		var finished atomic.Bool
		r := runner(s, "a", Job{Name: "j", Interval: time.Hour, Run: func(ctx context.Context) error {
			<-ctx.Done()
			pass := clock.System{}
			pass.SleepUntil(context.Background(), pass.Now().Add(time.Second))
			finished.Store(true)
			return ctx.Err()
		}})
		r.Report = func(_ string, err error) { t.Errorf("reported %v", err) }
		stop := start(t, r)
		pass(time.Second)
		stop()
		if !finished.Load() {
			t.Error("it did not wait")
		}
		held, err := s.AcquireLease(t.Context(), "j", "b", clock.System{}.Now(), time.Minute)
		if err != nil || !held {
			t.Errorf("the lease was not given back: %v, %v", held, err)
		}
	})
}
