package app

import (
	"context"
	"time"

	"cardea/internal/session"
)

// sessionFeed is what happened to the sessions of the default tenant, and the cache
// that has to hear of it.
type sessionFeed struct {
	storage
	*session.Follower
	cache *session.Cache
}

// newSessionFeed follows the feed of a database. The cache was told to the database
// when it was opened: what this process does itself is forgotten at once.
func (a *App) newSessionFeed(rows storage, cache *session.Cache) *sessionFeed {
	return &sessionFeed{storage: rows, cache: cache, Follower: &session.Follower{
		Read: rows.SessionChanges, Clock: a.clock, Heard: cache.Forget,
		Current: func(at time.Time) {
			if a.config.Current().Cardea.Session.Cache.Enabled {
				cache.Trusted(at)
			}
		},
		Report: func(err error) {
			a.log.Error("what other processes do to sessions is not heard; every check asks the database", "error", err)
		},
	}}
}

// Known finds a session like ByToken, and may answer from memory. What it gives is
// shared and must not be changed.
func (f *sessionFeed) Known(ctx context.Context, tokenHash []byte) (*session.Session, error) {
	return f.cache.Find(ctx, tokenHash, f.clock.Now(), f.SessionByToken)
}

// usesInterval is how long the last use of a session waits to be written down.
const usesInterval = 10 * time.Second

// writeUses writes down which sessions were used until ctx is done, and once more.
func (a *App) writeUses(ctx context.Context) {
	for ctx.Err() == nil {
		a.clock.SleepUntil(ctx, a.clock.Now().Add(usesInterval))
		if err := a.uses.Flush(context.WithoutCancel(ctx), a.feed.Touch); err != nil {
			a.log.Error("the last use of sessions was not written down", "error", err)
		}
	}
}
