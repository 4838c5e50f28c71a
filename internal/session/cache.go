package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// What a cache promises with the pace below: a session that another process ended is
// refused within a second. While the feed cannot be read the cache is off.
const (
	// Pace is the time between two looks at the feed.
	Pace = 250 * time.Millisecond
	// Trust is how long the cache works after the feed was read.
	Trust = 700 * time.Millisecond
	// Freshness is how long an entry counts, whatever is heard.
	Freshness = 10 * time.Second
)

// shards is how many parts a cache has, so that requests seldom wait for each other.
const shards = 16

// Cache keeps sessions by the hashes of their tokens. What it gives is shared: nobody
// may change it. Safe for concurrent use.
type Cache struct {
	trusted atomic.Int64 // until when, in nanoseconds since 1970
	shards  [shards]shard
	most    int // entries of a shard

	bypassed atomic.Uint64 // lookups while it was off
}

type shard struct {
	mu         sync.RWMutex
	epoch      uint64 // how often anything was forgotten
	evictions  uint64
	hits       atomic.Uint64
	misses     atomic.Uint64
	byToken    map[tokenHash]entry
	bySession  map[uuid.UUID]map[tokenHash]struct{}
	byIdentity map[uuid.UUID]map[tokenHash]struct{}
}

// tokenHash is HashToken as a key.
type tokenHash [32]byte

type entry struct {
	session *Session
	until   int64 // in nanoseconds since 1970
}

// NewCache makes a cache for at most so many sessions. It is off until Trusted.
func NewCache(most int) *Cache {
	c := &Cache{most: max(1, most/shards)}
	for i := range c.shards {
		c.shards[i].clear()
	}
	return c
}

func (s *shard) clear() {
	s.byToken = map[tokenHash]entry{}
	s.bySession = map[uuid.UUID]map[tokenHash]struct{}{}
	s.byIdentity = map[uuid.UUID]map[tokenHash]struct{}{}
}

// Trusted says that everything was forgotten that changed before a moment.
func (c *Cache) Trusted(at time.Time) { c.trusted.Store(at.Add(Trust).UnixNano()) }

// Find gives the session that a token leads to, from memory or as read tells.
func (c *Cache) Find(ctx context.Context, hash []byte, now time.Time, read func(context.Context, []byte) (*Session, error)) (*Session, error) {
	at := now.UnixNano()
	if len(hash) != len(tokenHash{}) || at >= c.trusted.Load() {
		c.bypassed.Add(1)
		return read(ctx, hash)
	}
	key := tokenHash(hash)
	part := &c.shards[key[0]%shards]
	part.mu.RLock()
	known, ok := part.byToken[key]
	epoch := part.epoch
	part.mu.RUnlock()
	if ok && at < known.until {
		part.hits.Add(1)
		return known.session, nil
	}
	part.misses.Add(1)
	found, err := read(ctx, hash)
	if err == nil && found.Active {
		part.keep(key, entry{found, now.Add(Freshness).UnixNano()}, epoch, c.most)
	}
	return found, err
}

// keep stores an entry, unless something was forgotten since it was read: it could
// be what that was about.
func (s *shard) keep(key tokenHash, e entry, epoch uint64, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		return
	}
	s.drop(key)
	for other := range s.byToken {
		if len(s.byToken) < most {
			break
		}
		s.evictions++
		s.drop(other) // any: a map gives them in no order
	}
	s.byToken[key] = e
	add(s.bySession, e.session.ID, key)
	add(s.byIdentity, e.session.IdentityID, key)
}

// CacheStats is the work of a cache since it was made.
type CacheStats struct {
	Hits, Misses, Bypassed, Evictions uint64
	Entries, Capacity                 int
}

// Stats reads the counters, shard by shard.
func (c *Cache) Stats() CacheStats {
	s := CacheStats{Bypassed: c.bypassed.Load(), Capacity: c.most * shards}
	for i := range c.shards {
		part := &c.shards[i]
		s.Hits += part.hits.Load()
		s.Misses += part.misses.Load()
		part.mu.RLock()
		s.Evictions += part.evictions
		s.Entries += len(part.byToken)
		part.mu.RUnlock()
	}
	return s
}

func add(index map[uuid.UUID]map[tokenHash]struct{}, id uuid.UUID, key tokenHash) {
	keys := index[id]
	if keys == nil {
		keys = make(map[tokenHash]struct{}, 1)
		index[id] = keys
	}
	keys[key] = struct{}{}
}

func (s *shard) drop(key tokenHash) {
	e, ok := s.byToken[key]
	if !ok {
		return
	}
	delete(s.byToken, key)
	remove(s.bySession, e.session.ID, key)
	remove(s.byIdentity, e.session.IdentityID, key)
}

func remove(index map[uuid.UUID]map[tokenHash]struct{}, id uuid.UUID, key tokenHash) {
	if delete(index[id], key); len(index[id]) == 0 {
		delete(index, id)
	}
}

// Forget drops what changed. Whoever asks afterwards is told what is stored then.
func (c *Cache) Forget(changes []Change) {
	for i := range c.shards {
		c.shards[i].forget(changes)
	}
}

func (s *shard) forget(changes []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	for _, one := range changes {
		switch {
		case one.SessionID != uuid.Nil:
			for key := range s.bySession[one.SessionID] {
				s.drop(key)
			}
		case one.IdentityID != uuid.Nil:
			for key := range s.byIdentity[one.IdentityID] {
				s.drop(key)
			}
		default:
			s.clear()
		}
	}
}
