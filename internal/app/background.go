package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"cardea/internal/config"
	"cardea/internal/secret"
	"cardea/internal/store"
	"cardea/internal/task"
)

// reloadInterval is how often configuration files are looked at.
const reloadInterval = 2 * time.Second

// keepEnded is how long rows stay after their end, so that a client that comes
// late hears "expired" instead of "never heard of it".
const keepEnded = 24 * time.Hour

// watchConfig puts changed configurations in force. One that cannot be used is
// told to the log, and the old one stays.
func (a *App) watchConfig(ctx context.Context) {
	a.config.Watch(ctx, reloadInterval, func(s *config.Snapshot, err error) {
		if err == nil {
			err = a.use(ctx, s)
		}
		a.metrics.Reloaded(err == nil)
		if err != nil {
			a.log.Error("the changed configuration was not put in force; the old one stays", "error", err)
			return
		}
		a.log.Info("the changed configuration is in force")
		for _, w := range s.Warnings {
			a.log.Warn(w.Reason, "key", w.Key, "source", w.Source)
		}
	})
}

// background are the jobs that one process of an installation does for all.
func (a *App) background() *task.Runner {
	s := a.config.Current()
	return &task.Runner{
		Store: a.db.System(), Clock: a.clock, Holder: a.holder(),
		Jobs: []task.Job{
			{Name: "janitor", Interval: s.Cardea.Janitor.Interval, Run: a.sweep},
			{Name: "audit seal", Interval: sealInterval, Run: a.auditing.sealer.Seal},
			{Name: "audit janitor", Interval: s.Cardea.Janitor.Interval, Run: a.cutAudit},
			{Name: "search index", Interval: searchInterval, Run: a.indexSearch},
		},
		Report: func(job string, err error) { a.log.Error("a background job failed", "job", job, "error", err) },
	}
}

// holder names this process, in this life of it, among all that share a database.
func (a *App) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), secret.Token(a.rand, "", 8))
}

// sweep deletes what has ended, in small batches until nothing is left.
func (a *App) sweep(ctx context.Context) error {
	s, now := a.config.Current(), a.clock.Now()
	kept := max(keepEnded, s.Database.Cleanup.OlderThan)
	remembered := kept
	if len(s.Cardea.Risk.Policies) > 0 {
		remembered = max(kept, s.Cardea.Risk.History)
	}
	err := inBatches(ctx, now.Add(-kept), s.Database.Cleanup.BatchSize, func(ctx context.Context, before time.Time, size int) (int, bool, error) {
		return a.db.System().Sweep(ctx, store.Before{Rows: before, Sessions: now.Add(-remembered)}, size)
	})
	if kept := s.Cardea.Courier.MessageRetention; err == nil && kept > 0 {
		err = inBatches(ctx, now.Add(-kept), s.Database.Cleanup.BatchSize, a.db.System().SweepMessages)
	}
	if err != nil {
		return err
	}
	return a.sweepErrands(ctx, s.Database.Cleanup.BatchSize)
}

// sweepErrands deletes what was given up so long ago that nobody will replay it.
func (a *App) sweepErrands(ctx context.Context, batch int) error {
	before := a.clock.Now().Add(-a.config.Current().Cardea.Events.Delivery.Keep)
	for n := batch; n == batch && ctx.Err() == nil; {
		var err error
		if n, err = a.db.System().SweepErrands(ctx, before, batch); err != nil {
			return err
		}
	}
	return nil
}

// inBatches deletes until nothing is left that ended before a time.
func inBatches(ctx context.Context, before time.Time, size int, sweep func(context.Context, time.Time, int) (int, bool, error)) error {
	for ctx.Err() == nil {
		if _, more, err := sweep(ctx, before, size); err != nil || !more {
			return err
		}
	}
	return nil
}
