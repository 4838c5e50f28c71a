package store

import (
	"database/sql"
	"maps"
	"sync"
	"sync/atomic"

	"cardea/internal/session"
)

// counters count work since the database was opened.
type counters struct {
	statements, writes, commits, trips atomic.Uint64
	sessions                           sessionCounters
}

// Stats is the work done since the database was opened.
type Stats struct {
	Statements uint64 // statements run, without those that begin and end transactions
	Writes     uint64 // transactions asked for
	Commits    uint64 // transactions committed by the database; fewer when writes travelled together
	Trips      uint64 // times a server was waited for; 0 for a database that is embedded
}

// Stats reads the counters.
func (db *DB) Stats() Stats {
	return Stats{db.stats.statements.Load(), db.stats.writes.Load(), db.stats.commits.Load(), db.stats.trips.Load()}
}

// sessionCounters count the sessions that committed transactions began and ended.
type sessionCounters struct {
	mu     sync.Mutex
	issued uint64
	ended  map[session.EndReason]uint64
}

func (c *sessionCounters) add(t told) {
	if t.issued == 0 && len(t.ended) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issued += t.issued
	if c.ended == nil {
		c.ended = map[session.EndReason]uint64{}
	}
	for reason, n := range t.ended {
		c.ended[reason] += n
	}
}

// end notes that sessions ended; a mere change ends none.
func (t *told) end(reason session.EndReason, n int64) {
	if reason == session.Changed || n <= 0 {
		return
	}
	if t.ended == nil {
		t.ended = map[session.EndReason]uint64{}
	}
	t.ended[reason] += uint64(n)
}

// SessionStats are the sessions that this process has begun and, by reason, ended
// since the database was opened. Those that just expire are in neither.
func (db *DB) SessionStats() (issued uint64, ended map[session.EndReason]uint64) {
	c := &db.stats.sessions
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.issued, maps.Clone(c.ended)
}

// PoolStats is the work of one pool of connections.
type PoolStats struct {
	Name string // "all" where reads and writes share one; else "reads" and "writes"
	sql.DBStats
}

// Pools are the pools of connections, always in the same order.
func (db *DB) Pools() []PoolStats {
	w, own := db.writes.(tracedWriter).writer.(*groupWriter)
	if !own {
		return []PoolStats{{"all", db.reads.work()}}
	}
	return []PoolStats{{"reads", db.reads.work()}, {"writes", w.c.db.Stats()}}
}
