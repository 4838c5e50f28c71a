package errand

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/relay"
	"cardea/internal/secret"
	"cardea/internal/store"
)

// outbox is a real store as a worker sees it.
type outbox struct{ *store.System }

func (o outbox) Claim(ctx context.Context, holder string, now, until time.Time, limit int, except []string) ([]Claim, error) {
	list, err := o.ClaimErrands(ctx, holder, now, until, limit, except)
	var claims []Claim
	for _, c := range list {
		claims = append(claims, Claim{Errand: c.Errand.Errand, Attempts: c.Attempts, Lease: Lease{
			Tenant: int64(c.ErrandLease.Tenant), Target: c.ErrandLease.Target, Subject: c.ErrandLease.Subject, Errand: c.ErrandLease.ID, Holder: c.Holder, Number: c.Number,
		}})
	}
	return claims, err
}

func leased(l Lease) store.ErrandLease {
	return store.ErrandLease{Tenant: store.TenantID(l.Tenant), Target: l.Target, Subject: l.Subject, ID: l.Errand, Holder: l.Holder, Number: l.Number}
}

func (o outbox) Renew(ctx context.Context, l Lease, until time.Time) (bool, error) {
	return o.RenewErrand(ctx, leased(l), until)
}

func (o outbox) Finish(ctx context.Context, l Lease, end Outcome) error {
	return o.FinishErrand(ctx, leased(l), store.ErrandOutcome(end))
}

func (o outbox) Next(ctx context.Context) (time.Time, error) {
	next, err := o.NextErrand(ctx)
	if errors.Is(err, problem.ErrNotFound) {
		return time.Time{}, nil
	}
	return next, err
}

// desk is a store and a worker in a bubble whose time passes only when all wait.
type desk struct {
	*testing.T
	db    *store.DB
	setup *flow.Setup

	mu      sync.Mutex
	said    []string // what arrived, in order
	results map[string]int
	run     func(ctx context.Context, e flow.Errand, said string, attempt int) error
	times   map[string][]time.Time
}

func atDesk(t *testing.T, tries int, test func(*desk)) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Options{DSN: "memory"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		keys, err := secret.NewKeyring("a secret that is long enough")
		if err != nil {
			t.Fatal(err)
		}
		s := &config.Snapshot{}
		s.Cardea.Events.Delivery = config.EventDelivery{Tries: tries, MinWait: time.Second, MaxWait: time.Minute}
		test(&desk{T: t, db: db, setup: &flow.Setup{Snapshot: s, Keys: keys}, results: map[string]int{}, times: map[string][]time.Time{}})
	})
}

// Run notes what arrives; see Runner.
func (d *desk) Run(ctx context.Context, _ *flow.Setup, e flow.Errand, said []byte) error {
	d.mu.Lock()
	d.said = append(d.said, string(said))
	d.times[string(said)] = append(d.times[string(said)], clock.System{}.Now())
	attempt := len(d.times[string(said)])
	d.mu.Unlock()
	if d.run == nil {
		return nil
	}
	return d.run(ctx, e, string(said), attempt)
}

func (d *desk) write(target string, subject uuid.UUID, said ...string) (ids []uuid.UUID) {
	d.Helper()
	for _, text := range said {
		e, err := New(d.setup, rand.Reader, flow.Errand{Event: uuid.New(), Kind: flow.ErrandEvent, Target: target, Type: "a.b", Subject: subject, CreatedAt: clock.System{}.Now()}, []byte(text))
		if err == nil {
			err = d.db.Tenant(1).DispatchAll(d.Context(), []flow.Errand{e})
		}
		if err != nil {
			d.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func (d *desk) start(holder string) (w *Worker, stop func()) {
	ctx, cancel := context.WithCancel(d.Context())
	w = NewWorker(WorkerOptions{
		Outbox: outbox{d.db.System()}, Runners: map[flow.ErrandKind]Runner{flow.ErrandEvent: d}, Setup: func() *flow.Setup { return d.setup },
		Clock: clock.System{}, Rand: rand.Reader, Holder: holder, Report: func(*flow.Errand, error) {},
		Observe: func(_ flow.ErrandKind, result string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.results[result]++
		},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return w, func() {
		cancel()
		<-done
	}
}

func pass(d time.Duration) {
	clock.System{}.SleepUntil(context.Background(), clock.System{}.Now().Add(d))
	synctest.Wait()
}

func (d *desk) left() (waiting, dead int) {
	d.Helper()
	waiting, dead, err := d.db.System().CountErrands(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	return waiting, dead
}

func TestErrandsOfALaneArriveInOrderAlthoughSomeFailAtFirst(t *testing.T) {
	atDesk(t, 10, func(d *desk) {
		d.run = func(_ context.Context, _ flow.Errand, said string, attempt int) error {
			if attempt == 1 {
				return errors.New("not yet")
			}
			return nil
		}
		ann, bob := uuid.New(), uuid.New()
		d.write("crm", ann, "ann 1", "ann 2", "ann 3")
		d.write("crm", bob, "bob 1")
		_, stop := d.start("w")
		pass(time.Minute)
		stop()
		var anns []string
		for _, said := range d.said {
			if said != "bob 1" {
				anns = append(anns, said)
			}
		}
		if want := []string{"ann 1", "ann 1", "ann 2", "ann 2", "ann 3", "ann 3"}; !slices.Equal(anns, want) || len(d.said) != 8 {
			t.Errorf("arrived %v", d.said)
		}
		if waiting, dead := d.left(); waiting+dead != 0 {
			t.Errorf("%d wait, %d are dead", waiting, dead)
		}
	})
}

func TestALaneIsWorkedOffWithoutWaitingForThePoll(t *testing.T) {
	atDesk(t, 3, func(d *desk) {
		ann := uuid.New()
		var want []string
		for n := range 50 {
			want = append(want, fmt.Sprint(n))
		}
		d.write("crm", ann, want...)
		_, stop := d.start("w")
		pass(time.Millisecond)
		stop()
		if !slices.Equal(d.said, want) {
			t.Errorf("arrived %v", d.said)
		}
	})
}

func TestAnErrandIsGivenUpAfterItsTriesAndHoldsUpNobody(t *testing.T) {
	atDesk(t, 3, func(d *desk) {
		d.run = func(_ context.Context, _ flow.Errand, said string, _ int) error {
			switch said {
			case "bad":
				return errors.New("no")
			case "hopeless":
				return &FinalError{errors.New("never")}
			case "panics":
				panic("oh")
			}
			return nil
		}
		d.write("crm", uuid.New(), "bad", "hopeless", "panics", "good")
		_, stop := d.start("w")
		pass(time.Hour)
		stop()
		if want := []string{"bad", "bad", "bad", "hopeless", "panics", "panics", "panics", "good"}; !slices.Equal(d.said, want) {
			t.Errorf("arrived %v", d.said)
		}
		if gap := d.times["bad"][2].Sub(d.times["bad"][1]); gap < 3*time.Second/2 {
			t.Errorf("the third attempt came %s after the second", gap)
		}
		if waiting, dead := d.left(); waiting != 0 || dead != 3 {
			t.Errorf("%d wait, %d are dead", waiting, dead)
		}
		if d.results["delivered"] != 1 || d.results["dead"] != 3 || d.results["retried"] != 4 {
			t.Errorf("counted %v", d.results)
		}
	})
}

func TestAnErrandThatNoSecretOpensIsGivenUp(t *testing.T) {
	atDesk(t, 3, func(d *desk) {
		d.write("crm", uuid.New(), "a")
		d.setup.Keys, _ = secret.NewKeyring("another secret, long enough too")
		_, stop := d.start("w")
		pass(time.Second)
		stop()
		if _, dead := d.left(); dead != 1 || len(d.said) != 0 {
			t.Errorf("%d are dead, arrived %v", dead, d.said)
		}
	})
}

func TestAProcessThatDiesLosesNothing(t *testing.T) {
	atDesk(t, 3, func(d *desk) {
		d.write("crm", uuid.New(), "a", "b")
		now := clock.System{}.Now()
		if _, err := (outbox{d.db.System()}).Claim(d.Context(), "dead", now, now.Add(relay.LeaseFor), 9, nil); err != nil {
			t.Fatal(err)
		}
		_, stop := d.start("alive")
		pass(relay.LeaseFor - time.Millisecond)
		d.mu.Lock()
		if len(d.said) != 0 {
			t.Error("it was run while another worker had it")
		}
		d.mu.Unlock()
		pass(poll)
		stop()
		if !slices.Equal(d.said, []string{"a", "b"}) {
			t.Errorf("arrived %v", d.said)
		}
	})
}

func TestASystemThatNeverAnswersLeavesRoomForOthers(t *testing.T) {
	atDesk(t, 3, func(d *desk) {
		d.run = func(ctx context.Context, _ flow.Errand, said string, _ int) error {
			if said == "slow" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		for range 3 * concurrency {
			d.write("slow", uuid.New(), "slow")
		}
		pass(time.Second)
		d.write("quick", uuid.New(), "quick")
		_, stop := d.start("w")
		pass(time.Second)
		d.mu.Lock()
		if len(d.times["quick"]) != 1 {
			t.Errorf("%d of the slow ones were begun, and the quick one was not", len(d.times["slow"]))
		}
		d.mu.Unlock()
		pass(time.Hour)
		stop()
		if waiting, dead := d.left(); waiting != 0 || dead != 3*concurrency {
			t.Errorf("%d wait, %d are dead", waiting, dead)
		}
	})
}

func TestASpoolWritesAsideAndNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written, lost, calls int
		release := make(chan struct{})
		s := NewSpool(SpoolOptions{
			Clock: clock.System{},
			Write: func(_ context.Context, all []flow.Errand) error {
				if calls++; calls == 1 {
					<-release
					return errors.New("busy")
				}
				written += len(all)
				return nil
			},
			Lost: func(n int, _ error) { lost += n },
		})
		s.Add(make([]flow.Errand, 1))
		synctest.Wait() // it is being written
		s.Add(make([]flow.Errand, waiting))
		s.Add(make([]flow.Errand, 3)) // too many
		close(release)
		s.Close()
		if written != 1+waiting || lost != 3 {
			t.Errorf("%d were written, %d lost", written, lost)
		}
	})
}

func TestASpoolThatCannotWriteGivesUpAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := 0
		s := NewSpool(SpoolOptions{
			Clock: clock.System{}, Write: func(context.Context, []flow.Errand) error { return errors.New("no") },
			Lost: func(n int, _ error) { lost += n },
		})
		s.Add(make([]flow.Errand, 5))
		s.Close()
		if lost != 5 {
			t.Errorf("%d lost", lost)
		}
	})
}
