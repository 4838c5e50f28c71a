package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// Readings are asked for when the metrics are: they cost requests nothing.

func (m *Metrics) gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

func (m *Metrics) counter(name, help string, labels map[string]string, read func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(read()) }))
}

// Built says what is running.
func (m *Metrics) Built(version string) {
	m.gauge("cardea_build_info", "Always 1: what is running, in the labels.", map[string]string{"version": version, "go": runtime.Version()}, func() float64 { return 1 })
}

// Cache is the work of the cache of sessions.
type Cache struct {
	Hits, Misses, Bypassed, Evictions uint64
	Entries, Capacity                 int
}

// WatchCache shows the work of the cache of sessions.
func (m *Metrics) WatchCache(read func() Cache) {
	const name, help = "cardea_session_lookups_total", "Sessions looked up by those who only look (whoami), by source: memory (a hit of the cache), database (a miss), bypass (the cache was off)."
	m.counter(name, help, map[string]string{"source": "memory"}, func() uint64 { return read().Hits })
	m.counter(name, help, map[string]string{"source": "database"}, func() uint64 { return read().Misses })
	m.counter(name, help, map[string]string{"source": "bypass"}, func() uint64 { return read().Bypassed })
	m.counter("cardea_session_cache_evictions_total", "Sessions that left the cache to make room.", nil, func() uint64 { return read().Evictions })
	m.gauge("cardea_session_cache_entries", "Sessions in the cache, by token.", nil, func() float64 { return float64(read().Entries) })
	m.gauge("cardea_session_cache_capacity", "Sessions that the cache takes.", nil, func() float64 { return float64(read().Capacity) })
}

// Refusals is the work of the tarpit in which submissions wait that are not looked at.
type Refusals struct {
	Waiting         int
	Waited, Skipped uint64
}

// WatchRefusals shows how many submissions wait to be refused.
func (m *Metrics) WatchRefusals(read func() Refusals) {
	const name, help = "cardea_refusals_held_total", "Refused submissions that were to wait because there were too many, by result: waited, skipped (too many waited already)."
	m.counter(name, help, map[string]string{"result": "waited"}, func() uint64 { return read().Waited })
	m.counter(name, help, map[string]string{"result": "skipped"}, func() uint64 { return read().Skipped })
	m.gauge("cardea_refusals_waiting", "Submissions that wait to be refused.", nil, func() float64 { return float64(read().Waiting) })
}

// Sessions are those that began and ended in this process.
type Sessions struct {
	Issued uint64
	Ended  map[string]uint64 // by reason
}

// WatchSessions shows how many sessions begin and end; reasons are all there are.
func (m *Metrics) WatchSessions(reasons []string, read func() Sessions) {
	m.counter("cardea_sessions_issued_total", "Sessions that began.", nil, func() uint64 { return read().Issued })
	for _, reason := range reasons {
		m.counter("cardea_sessions_ended_total", "Sessions that were ended before their time, by reason.", map[string]string{"reason": reason}, func() uint64 { return read().Ended[reason] })
	}
}

// Pool is the work of one pool of connections, in the words of database/sql.
type Pool struct {
	Name                          string
	InUse, Idle, Max              int
	Waited, ClosedIdle, ClosedOld uint64
	WaitSeconds                   float64
}

// WatchPools shows the pools of connections to the database. The names are those of
// the first reading.
func (m *Metrics) WatchPools(read func() []Pool) {
	for i, p := range read() {
		labels := map[string]string{"pool": p.Name}
		now := func() Pool { return read()[i] }
		for state, count := range map[string]func(Pool) int{
			"in_use": func(p Pool) int { return p.InUse }, "idle": func(p Pool) int { return p.Idle },
		} {
			m.gauge("cardea_database_connections", "Open connections to the database by pool and state.", map[string]string{"pool": p.Name, "state": state}, func() float64 { return float64(count(now())) })
		}
		m.gauge("cardea_database_connections_max", "Connections that a pool may open; 0 for any number.", labels, func() float64 { return float64(now().Max) })
		m.counter("cardea_database_waits_total", "Times that a connection had to be waited for.", labels, func() uint64 { return now().Waited })
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "cardea_database_wait_seconds_total", Help: "Time spent waiting for connections.", ConstLabels: labels,
		}, func() float64 { return now().WaitSeconds }))
		m.counter("cardea_database_connections_closed_total", "Connections that were closed because they were idle or old.", labels, func() uint64 { return now().ClosedIdle + now().ClosedOld })
	}
}

// Database is the work that a database was given.
type Database struct{ Statements, Writes, Commits uint64 }

// WatchDatabase shows the work that the database was given.
func (m *Metrics) WatchDatabase(read func() Database) {
	m.counter("cardea_database_statements_total", "Statements run, without those that begin and end transactions.", nil, func() uint64 { return read().Statements })
	m.counter("cardea_database_writes_total", "Transactions asked for.", nil, func() uint64 { return read().Writes })
	m.counter("cardea_database_commits_total", "Transactions committed; fewer than asked for where they travel together.", nil, func() uint64 { return read().Commits })
}

// Traces is the work of the exporter of traces.
type Traces struct {
	Sent, Failed, Dropped uint64
	Waiting               int
}

// WatchTraces shows the work of the exporter of traces.
func (m *Metrics) WatchTraces(read func() Traces) {
	const name, help = "cardea_trace_spans_total", "Spans by result: sent, failed (the collector did not take them), dropped (too many waited)."
	m.counter(name, help, map[string]string{"result": "sent"}, func() uint64 { return read().Sent })
	m.counter(name, help, map[string]string{"result": "failed"}, func() uint64 { return read().Failed })
	m.counter(name, help, map[string]string{"result": "dropped"}, func() uint64 { return read().Dropped })
	m.gauge("cardea_trace_spans_waiting", "Spans that wait to be sent.", nil, func() float64 { return float64(read().Waiting) })
}
