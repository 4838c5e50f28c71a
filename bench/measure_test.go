package main

import (
	"context"
	"io"
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// In these tests time is simulated, so that counts and latencies are exact.

func TestDriveCountsOnlyWhatEndsInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(time.Second) // after a warm-up
		ten := func() error { time.Sleep(10 * time.Millisecond); return nil }
		got := drive(t.Context(), []task{ten, ten}, w)
		if got.latency.total != 2*101 { // the one that ends as the window opens counts too
			t.Errorf("%d operations counted, want 202", got.latency.total)
		}
		if got.latency.max != 10*time.Millisecond {
			t.Errorf("longest operation %v, want 10ms", got.latency.max)
		}
	})
}

func TestDriveCountsRefusalsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		everyOtherRefused := func() error {
			time.Sleep(100 * time.Millisecond)
			if n++; n%2 == 0 {
				return statusError(503)
			}
			return nil
		}
		begin := time.Now()
		got := drive(t.Context(), []task{everyOtherRefused}, window{begin: begin, end: begin.Add(time.Second)})
		if got.latency.total != 5 || got.failed() != 5 || got.serverErrors() != 5 {
			t.Errorf("%d succeeded, %v failed; want 5 and 5 × status 503", got.latency.total, got.failures)
		}
	})
}

func TestDriveGivesUpOnAServerThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := drive(t.Context(), []task{func() error { return io.EOF }}, newWindow(time.Hour))
		if want := map[string]uint64{"connection closed": maxLost}; !maps.Equal(got.failures, want) {
			t.Errorf("got %v, want %v", got.failures, want)
		}
	})
}

func TestDriveReportsAnOperationThatHungBeyondTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func() error { time.Sleep(time.Minute); return context.DeadlineExceeded }
		if got := drive(t.Context(), []task{hangs}, newWindow(time.Second)); got.failed() != 1 {
			t.Errorf("got failures %v, want one", got.failures)
		}
	})
}

func TestDriveEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		drive(ctx, []task{func() error { time.Sleep(time.Millisecond); return nil }}, newWindow(time.Hour))
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("went on for %v after its context had ended", took)
		}
	})
}

func TestPaceChargesAStallToTheRequestsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		stallsOnce := func() error {
			if n++; n == 1 {
				time.Sleep(time.Second)
			}
			return nil
		}
		begin := time.Now()
		got := pace(t.Context(), []task{stallsOnce}, 100*time.Millisecond, window{begin: begin, end: begin.Add(2 * time.Second)})
		if got.latency.total != 20 {
			t.Errorf("%d requests in two seconds at ten a second, want 20", got.latency.total)
		}
		if got.latency.max != time.Second {
			t.Errorf("longest %v, want the stall's second", got.latency.max)
		}
		// Ten of the twenty waited, for 100 to 1000 ms.
		if got := got.latency.quantile(0.75); got < 500*time.Millisecond || got > 508*time.Millisecond {
			t.Errorf("the fifteenth of twenty waited %v, want 500ms: waiting requests were not charged", got)
		}
	})
}

func TestPaceSharesTheRateAmongItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := make([]task, 5)
		for i := range tasks {
			tasks[i] = func() error { return nil }
		}
		begin := time.Now()
		got := pace(t.Context(), tasks, 20*time.Millisecond, window{begin: begin, end: begin.Add(time.Second)})
		if got.latency.total != 50 {
			t.Errorf("%d requests in a second, want 50", got.latency.total)
		}
	})
}

func TestMeasureReadsTheMeterAtBothEndsOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		half := func() (time.Duration, error) { return time.Since(begun) / 2, nil } // half a core in use
		ten := func() error { time.Sleep(10 * time.Millisecond); return nil }
		m := measure(t.Context(), bareLimit, []task{ten}, half, newWindow(10*time.Second))
		got, ok := m.perOperation(m.server)
		if !ok || got < 4900*time.Microsecond || got > 5*time.Millisecond {
			t.Errorf("%v of processor time per operation, want 5ms", got)
		}
		if rate := m.perSecond(); rate < 100 || rate > 101 {
			t.Errorf("%v operations a second, want 100", rate)
		}
	})
}
