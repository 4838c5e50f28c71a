package gate

import (
	"context"
	"sync"
	"time"

	"cardea/internal/clock"
)

// Tarpit is where refusals wait before anything is done about them, in the memory of
// the process alone. They leave one after another at a bounded rate (virtual scheduling,
// as in Flood), so whoever asks again only after an answer has come, from however many
// addresses, gets no more of the machine than that rate takes. As long as refusals are
// rare nobody waits. Safe for concurrent use.
type Tarpit struct {
	pace  Pace
	clock clock.Clock

	drained context.Context
	drain   context.CancelFunc

	mu    sync.Mutex
	after time.Time // when as many may leave at once as ever
	stats TarpitStats
}

// Pace is how refusals leave a tarpit.
type Pace struct {
	Burst   int           // so many without waiting
	Every   time.Duration // then one each
	Longest time.Duration // nobody waits for longer
	Most    int           // no more than so many wait: others leave at once
}

// TarpitStats is the work of a tarpit.
type TarpitStats struct {
	Waiting int    // now
	Waited  uint64 // so far
	Skipped uint64 // that left at once because too many waited
}

// NewTarpit makes a tarpit in which nobody waits.
func NewTarpit(p Pace, c clock.Clock) *Tarpit {
	t := &Tarpit{pace: p, clock: c}
	t.drained, t.drain = context.WithCancel(context.Background())
	return t
}

// Wait returns when a refusal may leave, when ctx is done, or when the tarpit is drained.
func (t *Tarpit) Wait(ctx context.Context) {
	until, waits := t.enter()
	if !waits {
		return
	}
	defer t.leave()
	ctx, awake := context.WithCancel(ctx)
	defer awake()
	defer context.AfterFunc(t.drained, awake)()
	t.clock.SleepUntil(ctx, until)
}

// enter takes a place in the schedule.
func (t *Tarpit) enter() (until time.Time, waits bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if t.after.Before(now) {
		t.after = now
	}
	until = t.after.Add(-time.Duration(t.pace.Burst-1) * t.pace.Every)
	waits = until.After(now)
	switch {
	case waits && t.drained.Err() != nil:
		return until, false
	case waits && t.stats.Waiting >= t.pace.Most:
		t.stats.Skipped++
		return until, false
	case waits && until.Sub(now) > t.pace.Longest:
		until = now.Add(t.pace.Longest) // takes nobody's place, so that the schedule stays near
	default:
		t.after = t.after.Add(t.pace.Every)
	}
	if waits {
		t.stats.Waiting++
		t.stats.Waited++
	}
	return until, waits
}

func (t *Tarpit) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Waiting--
}

// Drain lets everybody go, and keeps nobody from now on: the process ends.
func (t *Tarpit) Drain() { t.drain() }

// Stats is the work so far.
func (t *Tarpit) Stats() TarpitStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}
