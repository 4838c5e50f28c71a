package courier

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/store"
)

// rows are a real store as a worker sees it. While down they do not answer; while
// full they keep no outcomes.
type rows struct {
	*store.System
	mu         sync.Mutex
	down, full bool
	renewed    int
}

var errDown = errors.New("the store is down")

func (r *rows) reach() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errDown
	}
	return nil
}

func (r *rows) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *rows) fill(full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
}

func (r *rows) Claim(ctx context.Context, holder string, now, until time.Time, limit int) ([]Claim, error) {
	if err := r.reach(); err != nil {
		return nil, err
	}
	list, err := r.ClaimMessages(ctx, holder, now, until, limit)
	var claims []Claim
	for _, m := range list {
		claims = append(claims, Claim{
			Envelope: Envelope{ID: m.ID, Template: m.Template, Channel: m.Channel, Recipient: m.Recipient, Status: Status(m.Status), SendCount: m.SendCount},
			Lease:    Lease{Tenant: int64(m.Tenant), Message: m.ID, Holder: holder, Attempt: m.SendCount},
			Sealed:   m.Sealed,
		})
	}
	return claims, err
}

func stored(l Lease) store.MessageLease {
	return store.MessageLease{Tenant: store.TenantID(l.Tenant), ID: l.Message, Holder: l.Holder, Attempt: l.Attempt}
}

func (r *rows) Renew(ctx context.Context, l Lease, until time.Time) (bool, error) {
	if err := r.reach(); err != nil {
		return false, err
	}
	r.mu.Lock()
	r.renewed++
	r.mu.Unlock()
	return r.RenewMessage(ctx, stored(l), until)
}

func (r *rows) Finish(ctx context.Context, l Lease, o Outcome) error {
	r.mu.Lock()
	refuse := r.down || r.full
	r.mu.Unlock()
	if refuse {
		return errDown
	}
	return r.FinishMessage(ctx, stored(l), store.MessageOutcome{Status: string(o.Status), Error: o.Error, Now: o.Now, NextAt: o.NextAt, SuppressUntil: o.SuppressUntil})
}

func (r *rows) Next(ctx context.Context) (time.Time, error) {
	if err := r.reach(); err != nil {
		return time.Time{}, err
	}
	next, err := r.NextMessage(ctx)
	if errors.Is(err, problem.ErrNotFound) {
		return time.Time{}, nil
	}
	return next, err
}

// office is a post office in a bubble whose time passes only when all wait.
type office struct {
	*testing.T
	rows    *rows
	tenant  *store.Tenant
	setup   *flow.Setup
	mu      sync.Mutex
	reports []error
}

const (
	retries  = 3
	pullWait = time.Second
)

func within(t *testing.T, test func(*office)) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Options{DSN: "memory"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(&office{T: t, rows: &rows{System: db.System()}, tenant: db.Tenant(1), setup: configured(t, "a secret that is long enough")})
	})
}

// configured is a configuration with these secrets.
func configured(t *testing.T, secrets ...string) *flow.Setup {
	t.Helper()
	snapshot, err := config.Load(config.Options{
		Defaults:         config.Development(t.TempDir()),
		PersistedSecrets: func(string) ([]string, error) { return secrets, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Courier.MessageRetries, snapshot.Courier.Worker.PullWait = retries, pullWait
	setup, err := flow.Compile(t.Context(), snapshot, func(_ context.Context, u string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(u, "base64://"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return setup
}

// enqueue puts a letter into the outbox, now, to somebody who gets no other.
func (o *office) enqueue(subject string) uuid.UUID {
	o.Helper()
	return o.enqueueTo(uuid.NewString()+"@example.org", subject)
}

func (o *office) enqueueTo(recipient, subject string) uuid.UUID {
	o.Helper()
	id := uuid.New()
	sealed, err := Seal(o.setup.Keys, rand.Reader, id, Letter{Subject: subject})
	if err != nil {
		o.Fatal(err)
	}
	m := flow.Message{ID: id, Template: "recovery_code_valid", Channel: identity.Email, Recipient: recipient, Sealed: sealed, CreatedAt: clock.System{}.Now()}
	if err := o.tenant.Tx(o.Context(), func(x *store.Tx) error {
		_, err := x.Enqueue(m)
		return err
	}); err != nil {
		o.Fatal(err)
	}
	return id
}

// deliverer is a function that delivers.
type deliverer func(ctx context.Context, e Envelope, l Letter) error

func (d deliverer) Deliver(ctx context.Context, _ *flow.Setup, e Envelope, l Letter) error {
	return d(ctx, e, l)
}

// start runs a worker; stop ends it and waits.
func (o *office) start(holder string, d deliverer) (w *Worker, stop func()) {
	ctx, cancel := context.WithCancel(o.Context())
	w = NewWorker(WorkerOptions{
		Outbox: o.rows, Deliverer: d, Setup: func() *flow.Setup { return o.setup }, Clock: clock.System{}, Rand: rand.Reader, Holder: holder,
		Report: func(_ *Envelope, err error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.reports = append(o.reports, err)
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

// pass lets time go by.
func pass(d time.Duration) {
	clock.System{}.SleepUntil(context.Background(), clock.System{}.Now().Add(d))
	synctest.Wait()
}

// want insists on a message's state, attempts and dispatches.
func (o *office) want(id uuid.UUID, status Status, attempts, dispatches int) store.Message {
	o.Helper()
	m, err := o.tenant.Message(o.Context(), id)
	if err != nil {
		o.Fatal(err)
	}
	if m.Status != string(status) || m.SendCount != attempts || len(m.Dispatches) != dispatches {
		o.Errorf("the message is %s after %d attempts with %d dispatches, want %s, %d, %d: %+v", m.Status, m.SendCount, len(m.Dispatches), status, attempts, dispatches, m.Dispatches)
	}
	return m
}

// postbox notes what arrives and when.
type postbox struct {
	mu    sync.Mutex
	times []time.Time
	got   map[string]int
}

func (p *postbox) note(l Letter) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got == nil {
		p.got = map[string]int{}
	}
	p.got[l.Subject]++
	p.times = append(p.times, clock.System{}.Now())
	return p.got[l.Subject]
}

func (p *postbox) count(subject string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got[subject]
}
