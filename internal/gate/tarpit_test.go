package gate_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
	"cardea/internal/gate"
)

var pace = gate.Pace{Burst: 3, Every: time.Second, Longest: 10 * time.Second, Most: 100}

// refusals sends so many at once, one behind the other, and gives how long each waited.
func refusals(t *testing.T, pit *gate.Tarpit, ctx context.Context, n int) (waited []time.Duration) {
	t.Helper()
	waited = make([]time.Duration, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			came := time.Now()
			pit.Wait(ctx)
			waited[i] = time.Since(came)
		})
		synctest.Wait()
	}
	all.Wait()
	return waited
}

func seconds(all ...int) (ds []time.Duration) {
	for _, n := range all {
		ds = append(ds, time.Duration(n)*time.Second)
	}
	return ds
}

func TestRefusalsLeaveATarpitInTheirOrderAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pit := gate.NewTarpit(pace, clock.System{})
		if got, want := refusals(t, pit, t.Context(), 7), seconds(0, 0, 0, 1, 2, 3, 4); !slices.Equal(got, want) {
			t.Errorf("they waited %v, want %v", got, want)
		}
		time.Sleep(time.Second) // room for one
		if got, want := refusals(t, pit, t.Context(), 2), seconds(0, 1); !slices.Equal(got, want) {
			t.Errorf("after a pause: %v, want %v", got, want)
		}
		if s := pit.Stats(); s != (gate.TarpitStats{Waited: 5}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestInCalmNobodyWaitsInATarpit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pit := gate.NewTarpit(pace, clock.System{})
		for range 1000 {
			if waited := refusals(t, pit, t.Context(), 1)[0]; waited != 0 {
				t.Fatalf("a refusal waited for %s", waited)
			}
			time.Sleep(pace.Every)
		}
		if s := pit.Stats(); s != (gate.TarpitStats{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestNobodyWaitsInATarpitForLongerThanTheLongestAndTheScheduleStaysNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pit := gate.NewTarpit(pace, clock.System{})
		for i, waited := range refusals(t, pit, t.Context(), 80) {
			if want := min(max(0, time.Duration(i-2)*time.Second), pace.Longest); waited != want {
				t.Errorf("refusal %d waited for %s, want %s", i+1, waited, want)
			}
		}
		time.Sleep(time.Duration(pace.Burst) * pace.Every)
		if got, want := refusals(t, pit, t.Context(), 4), seconds(0, 0, 0, 1); !slices.Equal(got, want) {
			t.Errorf("soon after: %v, want %v", got, want)
		}
	})
}

func TestNoMoreWaitInATarpitThanItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		few := pace
		few.Most = 2
		pit := gate.NewTarpit(few, clock.System{})
		if got, want := refusals(t, pit, t.Context(), 7), seconds(0, 0, 0, 1, 2, 0, 0); !slices.Equal(got, want) {
			t.Errorf("they waited %v, want %v", got, want)
		}
		if s := pit.Stats(); s != (gate.TarpitStats{Waited: 2, Skipped: 2}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhoeverGoesAwayWaitsInATarpitNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pit := gate.NewTarpit(pace, clock.System{})
		refusals(t, pit, t.Context(), 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if got := refusals(t, pit, ctx, 1)[0]; got != time.Millisecond {
			t.Errorf("waited for %s", got)
		}
		if s := pit.Stats(); s.Waiting != 0 {
			t.Errorf("%d wait", s.Waiting)
		}
	})
}

func TestADrainedTarpitLetsEverybodyGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pit := gate.NewTarpit(pace, clock.System{})
		time.AfterFunc(time.Millisecond, pit.Drain)
		for i, waited := range refusals(t, pit, t.Context(), 50) {
			if waited > time.Millisecond {
				t.Errorf("refusal %d waited for %s", i+1, waited)
			}
		}
		if got := refusals(t, pit, t.Context(), 5); slices.Max(got) != 0 {
			t.Errorf("later ones wait: %v", got)
		}
		if s := pit.Stats(); s.Waiting != 0 {
			t.Errorf("%d wait", s.Waiting)
		}
	})
}
