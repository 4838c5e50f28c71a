package session

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// maxUses bounds the uses that wait to be written down.
const maxUses = 100_000

// Uses collects which sessions are in use, so that their last use is written down in
// batches by somebody else than the requests. Safe for concurrent use.
type Uses struct {
	mu    sync.Mutex
	since time.Time // of the first of the batch
	ids   map[uuid.UUID]struct{}
}

// Note notes the use of a session, unless its last use is recent enough.
func (u *Uses) Note(s *Session, l *Limits, now time.Time) {
	if now.Sub(s.LastUsedAt) < l.Coarseness() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids, u.since = map[uuid.UUID]struct{}{}, now
	}
	if len(u.ids) < maxUses {
		u.ids[s.ID] = struct{}{}
	}
}

// Flush writes the uses down. All get the time of the first of them: a last use is
// never later than it was. Those that could not be written are forgotten; whoever
// goes on using the session is noted again.
func (u *Uses) Flush(ctx context.Context, touch func(ctx context.Context, at time.Time, ids ...uuid.UUID) error) error {
	u.mu.Lock()
	batch, since := u.ids, u.since
	u.ids = nil
	u.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, 0, len(batch))
	for id := range batch {
		ids = append(ids, id)
	}
	return touch(ctx, since, ids...)
}
