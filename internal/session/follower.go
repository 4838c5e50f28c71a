package session

import (
	"context"
	"sync"
	"time"

	"cardea/internal/clock"
)

// Follower reads the feed as it grows, and tells what is new: to caches, and to those
// who wait for something to happen.
type Follower struct {
	Read  func(context.Context, ChangeFilter) ([]Change, error)
	Clock clock.Clock
	// Heard is told of changes, each once unless the follower was away.
	Heard func([]Change)
	// Current is told that everything before a moment was heard.
	Current func(time.Time)
	// Report is told when the feed cannot be read any more, once each time; nil for
	// nobody.
	Report func(error)

	seen  map[mark]time.Time
	since time.Time // the last look
	lost  bool

	mu    sync.Mutex
	news  chan struct{} // closed by the next change
	alive bool          // Run is running
}

// Run follows until ctx is done.
func (f *Follower) Run(ctx context.Context) {
	f.live(true)
	defer f.live(false)
	for ctx.Err() == nil {
		began := f.Clock.Now()
		look, cancel := context.WithTimeout(ctx, Trust)
		err := f.Look(look)
		cancel()
		if err != nil && !f.lost && ctx.Err() == nil && f.Report != nil {
			f.Report(err)
		}
		f.lost = err != nil
		f.Clock.SleepUntil(ctx, began.Add(Pace))
	}
}

// Look reads what is new. It is not for concurrent use.
func (f *Follower) Look(ctx context.Context) error {
	now := f.Clock.Now()
	from := f.since
	if from.IsZero() || now.Sub(from) > Retention {
		from = now
	}
	filter := ChangeFilter{Since: from.Add(-Overlap), Limit: readChunk}
	var fresh []Change
	for {
		chunk, err := f.Read(ctx, filter)
		if err != nil {
			return err
		}
		for _, one := range chunk {
			filter.After = one.place()
			if _, ok := f.seen[markOf(one.Batch)]; !ok {
				fresh = append(fresh, one)
			}
		}
		if len(chunk) < filter.Limit {
			break
		}
	}
	f.note(fresh, now)
	f.since = now
	if len(fresh) > 0 {
		f.Heard(fresh)
		f.wake()
	}
	f.Current(now)
	return nil
}

// note remembers what was heard for as long as it is read again.
func (f *Follower) note(fresh []Change, now time.Time) {
	if f.seen == nil {
		f.seen = map[mark]time.Time{}
	}
	for m, at := range f.seen {
		if now.Sub(at) > 2*Overlap {
			delete(f.seen, m)
		}
	}
	for _, one := range fresh {
		f.seen[markOf(one.Batch)] = now
	}
}

// News is closed by the next change. ok is false when nobody follows the feed here:
// then waiting for it is of no use.
func (f *Follower) News() (changed <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news == nil {
		f.news = make(chan struct{})
	}
	return f.news, f.alive
}

// wake tells those who wait.
func (f *Follower) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news != nil {
		close(f.news)
		f.news = nil
	}
}

func (f *Follower) live(alive bool) {
	f.mu.Lock()
	f.alive = alive
	f.mu.Unlock()
	f.wake() // nobody waits for one that has ended
}
