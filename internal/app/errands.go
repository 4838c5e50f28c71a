package app

import (
	"context"
	"errors"
	"time"

	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/event"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/httpapi"
	"cardea/internal/problem"
	"cardea/internal/store"
	"cardea/internal/telemetry"
)

// errands are what tells other systems of what happens in a process: what makes
// errands, and what runs them.
type errands struct {
	publisher *event.Publisher
	spool     *errand.Spool
	worker    *errand.Worker
}

// newErrands builds it. It needs the database and what calls web hooks.
func (a *App) newErrands(metrics *telemetry.Metrics) *errands {
	e := &errands{}
	e.spool = errand.NewSpool(errand.SpoolOptions{
		Write: func(ctx context.Context, all []flow.Errand) error {
			err := a.db.Tenant(store.DefaultTenant).DispatchAll(ctx, all)
			if err == nil {
				e.worker.Wake()
			}
			return err
		},
		Clock: a.clock,
		Lost: func(n int, err error) {
			metrics.ErrandsLost(n)
			a.log.Error("events were not written", "events", n, "error", err)
		},
	})
	e.publisher = &event.Publisher{Wire: httpapi.Wire{}, Rand: a.rand, Spool: e.spool}
	sender := event.NewSender(func(s *config.Snapshot) (event.Doer, error) {
		return newFetcher(s, fetch.Options{Timeout: errand.Timeout, MaxBody: event.MaxAnswer})
	}, a.clock)
	e.worker = errand.NewWorker(errand.WorkerOptions{
		Outbox: errandOutbox{a.db.System()}, Setup: a.setup.load, Clock: a.clock, Rand: a.rand, Holder: a.holder(),
		Runners: map[flow.ErrandKind]errand.Runner{
			flow.ErrandHook: tracedRunner{a.tracer, a.hooks}, flow.ErrandEvent: tracedRunner{a.tracer, sender},
		},
		Report:  a.reportErrand,
		Observe: func(kind flow.ErrandKind, result string) { metrics.Errand(string(kind), result) },
	})
	metrics.WatchErrands(func() (waiting, dead int, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return a.db.System().CountErrands(ctx)
	})
	metrics.WatchMessages(func() (waiting, abandoned int, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return a.db.System().CountMessages(ctx)
	})
	return e
}

// reportErrand logs what went wrong with an errand.
func (a *App) reportErrand(e *flow.Errand, err error) {
	if e == nil {
		a.log.Error("errands to other systems cannot be run", "error", err)
		return
	}
	a.log.Warn("a call to another system failed", "delivery", e.ID, "kind", e.Kind, "target", e.Target, "type", e.Type, "error", err)
}

// errandOutbox is the stored outbox of errands of all tenants as the worker sees it.
type errandOutbox struct{ system *store.System }

// Claim is ClaimErrands.
func (o errandOutbox) Claim(ctx context.Context, holder string, now, until time.Time, limit int, except []string) ([]errand.Claim, error) {
	list, err := o.system.ClaimErrands(ctx, holder, now, until, limit, except)
	claims := make([]errand.Claim, len(list))
	for n, c := range list {
		claims[n] = errand.Claim{
			Errand: c.Errand.Errand, Attempts: c.Attempts,
			Lease: errand.Lease{
				Tenant: int64(c.ErrandLease.Tenant), Target: c.ErrandLease.Target, Subject: c.ErrandLease.Subject,
				Errand: c.ErrandLease.ID, Holder: c.Holder, Number: c.Number,
			},
		}
	}
	return claims, err
}

// Renew is RenewErrand.
func (o errandOutbox) Renew(ctx context.Context, l errand.Lease, until time.Time) (bool, error) {
	return o.system.RenewErrand(ctx, storedErrandLease(l), until)
}

// Finish is FinishErrand.
func (o errandOutbox) Finish(ctx context.Context, l errand.Lease, end errand.Outcome) error {
	return o.system.FinishErrand(ctx, storedErrandLease(l), store.ErrandOutcome(end))
}

// Next is NextErrand.
func (o errandOutbox) Next(ctx context.Context) (time.Time, error) {
	next, err := o.system.NextErrand(ctx)
	if errors.Is(err, problem.ErrNotFound) {
		return time.Time{}, nil
	}
	return next, err
}

func storedErrandLease(l errand.Lease) store.ErrandLease {
	return store.ErrandLease{Tenant: store.TenantID(l.Tenant), Target: l.Target, Subject: l.Subject, ID: l.Errand, Holder: l.Holder, Number: l.Number}
}

// witness tells subscriptions what transactions do to identities and sessions.
type witness struct {
	*App
}

// Wants says whether anybody has subscribed to a change. Before the first
// configuration is in force nobody has.
func (w witness) Wants(t store.ChangeType) bool {
	set := w.setup.load()
	return set != nil && w.errands.publisher.Wants(set, event.Type(t))
}

// Errands are those about a change.
func (w witness) Errands(c store.Change) ([]flow.Errand, error) {
	set, now := w.setup.load(), w.clock.Now().Truncate(time.Microsecond)
	if c.Session != nil {
		return w.errands.publisher.SessionChanged(set, event.Type(c.Type), c.Session, c.Reason, now)
	}
	return w.errands.publisher.IdentityChanged(set, event.Type(c.Type), c.Identity, c.Before, now)
}

// Dispatched wakes the worker.
func (w witness) Dispatched() { w.errands.worker.Wake() }
