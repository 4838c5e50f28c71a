// Package clock is the only place that asks the system for the time. Everybody
// else is given a Clock, so tests decide what time it is.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time, always in UTC.
type Clock interface {
	Now() time.Time
	// SleepUntil returns at t, at once when t is past, or when ctx is done.
	SleepUntil(ctx context.Context, t time.Time)
}

// System is the real clock.
type System struct{}

// Now is the current time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// SleepUntil waits for t or the end of ctx.
func (System) SleepUntil(ctx context.Context, t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Fake is a clock that stands still until it is moved. Safe for concurrent use.
type Fake struct {
	mu  sync.Mutex
	now time.Time
}

// NewFake starts a fake clock at t.
func NewFake(t time.Time) *Fake { return &Fake{now: t.UTC()} }

// Now is the time the clock was last set to.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// SleepUntil returns at once: nobody waits for a clock that stands still.
func (*Fake) SleepUntil(context.Context, time.Time) {}

// Advance moves the clock.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}
