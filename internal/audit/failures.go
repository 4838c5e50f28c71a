package audit

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// window is the time in which failures that look the same share a row.
const window = time.Minute

// kept is how many rows are kept besides twice the limit while none can be written.
const kept = 64

// Failures collects what has failed, which no transaction writes. The first of those
// that look the same is written soon; the others of a minute share one more row. A
// flood from everywhere costs no more than Limit rows a minute and two for each action.
type Failures struct {
	Write func(ctx context.Context, all []Entry) error
	Now   func() time.Time
	NewID func() uuid.UUID
	Limit func() int

	mu      sync.Mutex
	since   time.Time // when the window began
	seen    map[likeness]*Entry
	told    int // of the limit, in this window
	pending []Entry
	writing sync.Mutex
}

// likeness is what failures that share a row have in common.
type likeness struct {
	action    Action
	actor, ip string
	identity  uuid.UUID
	details   string
}

// Add takes a failure and never waits. kind is its details without what differs each
// time.
func (f *Failures) Add(e Entry, kind Details) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Now()
	f.roll(now)
	like := likeness{e.Action, e.Actor, e.IP, e.Identity, string(kind.JSON())}
	if again := f.seen[like]; again != nil {
		f.again(again, now)
		return
	}
	if f.told++; f.told > f.Limit() { // from here on they are only counted
		like = likeness{action: e.Action}
		if again := f.seen[like]; again != nil {
			f.again(again, now)
			return
		}
		e = Entry{Action: e.Action, Outcome: e.Outcome, Actor: Anonymous, Details: Details{Reason: "flood"}.JSON()}
	}
	e.At, e.Times = now.Truncate(time.Microsecond), 1
	e.ID = NewID(e.At, f.NewID())
	f.pending = append(f.pending, e)
	e.Times, e.Request, e.Session = 0, "", uuid.Nil
	if e.Details != nil && like.details != "" {
		e.Details = []byte(like.details)
	}
	f.seen[like] = &e
}

// Tell takes something else that no transaction writes; it gets a row of its own.
func (f *Failures) Tell(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.At, e.Times = f.Now().Truncate(time.Microsecond), 1
	e.ID = NewID(e.At, f.NewID())
	f.pending = append(f.pending, e)
}

func (f *Failures) again(e *Entry, now time.Time) {
	e.Times++
	e.At = now.Truncate(time.Microsecond)
}

// roll ends a window whose time is over: what was repeated in it is to be written.
func (f *Failures) roll(now time.Time) {
	if f.seen != nil && now.Sub(f.since) < window && !now.Before(f.since) {
		return
	}
	f.end()
	f.since = now
}

func (f *Failures) end() {
	for _, e := range f.seen {
		if e.Times > 0 {
			e.ID = NewID(e.At, f.NewID())
			f.pending = append(f.pending, *e)
		}
	}
	f.seen, f.told = map[likeness]*Entry{}, 0
}

// Flush writes what is due. What cannot be written is kept for the next time.
func (f *Failures) Flush(ctx context.Context) error { return f.flush(ctx, false) }

// Close writes all that there is.
func (f *Failures) Close(ctx context.Context) error { return f.flush(ctx, true) }

func (f *Failures) flush(ctx context.Context, all bool) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	if all {
		f.end()
	} else if f.seen != nil {
		f.roll(f.Now())
	}
	due := f.pending
	f.pending = nil
	f.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	err := f.Write(ctx, due)
	if err != nil {
		f.mu.Lock()
		// While the database is away memory has to stay bounded, too.
		room := max(0, 2*f.Limit()+kept-len(f.pending))
		f.pending = append(due[:min(len(due), room)], f.pending...)
		f.mu.Unlock()
	}
	return err
}
