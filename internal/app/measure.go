package app

import (
	"context"
	"errors"
	"time"

	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/telemetry"
	"cardea/internal/trace"
)

// watcher is the metrics in the words of the wire.
type watcher struct{ *telemetry.Metrics }

// Journey counts how a request has left a journey.
func (w watcher) Journey(e flow.Ending) {
	if e.Start {
		w.Started(string(e.Kind), string(e.Outcome))
		return
	}
	w.Submitted(string(e.Kind), e.Method, string(e.Outcome))
}

// endReasons are why sessions end before their time.
var endReasons = []session.EndReason{session.Revoked, session.Deleted, session.Displaced, session.IdentityDisabled, session.IdentityDeleted}

// measure shows what the parts of a process count themselves. It needs the database
// and the pool for hashes.
func (a *App) measure(cache *session.Cache, version string) {
	m := a.metrics
	m.Built(version)
	a.pool.Watched(hashWatch{m, a.clock}.watch)
	m.WatchHashing(func() telemetry.Hashing {
		busy, threads, queue := a.pool.Busy()
		return telemetry.Hashing{Waiting: a.pool.Waiting(), Queue: queue, Busy: busy, Threads: threads}
	})
	m.WatchCache(func() telemetry.Cache { return telemetry.Cache(cache.Stats()) })
	var reasons []string
	for _, r := range endReasons {
		reasons = append(reasons, string(r))
	}
	m.WatchSessions(reasons, func() telemetry.Sessions {
		issued, ended := a.db.SessionStats()
		s := telemetry.Sessions{Issued: issued, Ended: map[string]uint64{}}
		for reason, n := range ended {
			s.Ended[string(reason)] = n
		}
		return s
	})
	m.WatchDatabase(func() telemetry.Database {
		s := a.db.Stats()
		return telemetry.Database{Statements: s.Statements, Writes: s.Writes, Commits: s.Commits}
	})
	m.WatchPools(func() (all []telemetry.Pool) {
		for _, p := range a.db.Pools() {
			all = append(all, telemetry.Pool{
				Name: p.Name, InUse: p.InUse, Idle: p.Idle, Max: p.MaxOpenConnections,
				Waited: uint64(p.WaitCount), WaitSeconds: p.WaitDuration.Seconds(),
				ClosedIdle: uint64(p.MaxIdleClosed + p.MaxIdleTimeClosed), ClosedOld: uint64(p.MaxLifetimeClosed),
			})
		}
		return all
	})
	if a.spans != nil {
		m.WatchTraces(func() telemetry.Traces {
			sent, failed, dropped, waiting := a.spans.Stats()
			return telemetry.Traces{Sent: sent, Failed: failed, Dropped: dropped, Waiting: waiting}
		})
	}
}

// hashWatch sees password hashes through the pool: it times them and makes spans.
type hashWatch struct {
	metrics *telemetry.Metrics
	clock   clock.Clock
}

func (h hashWatch) watch(ctx context.Context) secret.Passage {
	_, span := trace.Start(ctx, "password hash")
	return &hashPassage{hashWatch: h, span: span, came: h.clock.Now()}
}

type hashPassage struct {
	hashWatch
	span        *trace.Span
	came, begun time.Time
}

// Begin notes that the hash is let in.
func (p *hashPassage) Begin() { p.begun = p.clock.Now() }

// End observes the hash.
func (p *hashPassage) End(refused error) {
	switch {
	case refused == nil:
		waited := p.begun.Sub(p.came)
		p.metrics.Hashed(waited.Seconds(), p.clock.Now().Sub(p.begun).Seconds())
		p.span.SetInt("cardea.waited_us", waited.Microseconds())
	case errors.Is(refused, secret.ErrBusy):
		p.metrics.NotHashed("refused")
		p.span.Fail("busy")
	default:
		p.metrics.NotHashed("abandoned")
	}
	p.span.Done(refused)
}
