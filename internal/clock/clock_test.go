package clock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
)

func TestTheSystemsTimeIsUTC(t *testing.T) {
	if now := (clock.System{}).Now(); now.Location() != time.UTC {
		t.Errorf("the time is in %s", now.Location())
	}
}

func TestSleepingEndsAtItsTimeOrWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.System
		began := c.Now()
		c.SleepUntil(t.Context(), began.Add(time.Hour))
		if slept := c.Now().Sub(began); slept != time.Hour {
			t.Errorf("slept for %s, want an hour", slept)
		}
		began = c.Now()
		c.SleepUntil(t.Context(), began)
		c.SleepUntil(t.Context(), began.Add(-time.Hour))
		if slept := c.Now().Sub(began); slept != 0 {
			t.Errorf("slept for %s until a time that is past", slept)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c.SleepUntil(ctx, began.Add(time.Hour))
		if slept := c.Now().Sub(began); slept != time.Minute {
			t.Errorf("slept for %s, want to be woken after a minute", slept)
		}
	})
}

func TestAFakeClockStandsStill(t *testing.T) {
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600))
	c := clock.NewFake(start)
	if !c.Now().Equal(start) || c.Now().Location() != time.UTC {
		t.Errorf("it begins at %s", c.Now())
	}
	c.SleepUntil(t.Context(), start.Add(time.Hour))
	if !c.Now().Equal(start) {
		t.Errorf("sleeping moved it to %s", c.Now())
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { c.Advance(time.Second); c.Now() })
	}
	all.Wait()
	if got := c.Now().Sub(start); got != 10*time.Second {
		t.Errorf("ten seconds later it is %s later", got)
	}
}
