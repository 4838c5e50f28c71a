// Package storetest owns the contract of package store as tests that every
// database has to pass.
//
// Each case runs twice on one database, for one tenant and then, with the very
// same ids, identifiers and tokens, for another. The second run can pass only if
// it sees nothing of the first, and afterwards the first tenant's rows have to be
// as they were: so isolation is part of every case. A database that can be given
// Twins proves more: the case runs once more while another tenant has a copy of
// every row that the case ever makes, as it was at first; no statement may touch
// one of them.
package storetest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/store"
)

// Start is when every test begins.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// Open gives an empty, migrated database that tells the time by c and is closed
// when the test ends, and its Twins or nil.
type Open func(t *testing.T, c clock.Clock) (*store.DB, Twins)

// Twins watch a database from behind the store's back.
type Twins interface {
	// Raise replaces all rows by one tenant's: for every row that tenant 1 ever had
	// there is one of tenant 2, with the values that were inserted.
	Raise(t *testing.T)
	// Dump gives all rows of tenant 2 by table.
	Dump(t *testing.T) map[string][]string
}

// Run runs the contract.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		cases []test
	}{
		{"identities", identityTests},
		{"identity lists", listTests},
		{"sessions", sessionTests},
		{"changes of sessions", changeTests},
		{"limits of sessions", roomTests},
		{"flows", flowTests},
		{"one-time things", oneTimeTests},
		{"guesses", guessTests},
		{"the past of sign-ins", pastTests},
		{"journeys", journeyTests},
		{"messages", messageTests},
		{"sending", sendingTests},
		{"errands", errandTests},
		{"searching", searchTests},
		{"API keys", apiKeyTests},
		{"organizations", organizationTests},
		{"audit log", auditTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { twice(t, open, c.run) })
			}
		})
	}
	t.Run("background jobs", func(t *testing.T) {
		for _, c := range slices.Concat(systemTests, outboxTests, orderTests, sendingRunTests, errandRunTests, chainTests) {
			t.Run(c.name, func(t *testing.T) {
				now := clock.NewFake(Start)
				db, _ := open(t, now)
				c.run(&Case{T: t, Tenant: db.Tenant(1), DB: db, Clock: now, Mine: 1})
			})
		}
	})
}

type test struct {
	name string
	run  func(*Case)
}

// Case is what one run of a test works with.
type Case struct {
	*testing.T
	*store.Tenant
	DB    *store.DB
	Clock *clock.Fake
	Mine  store.TenantID // of Tenant
	ids   uint64
}

func twice(t *testing.T, open Open, run func(*Case)) {
	now := clock.NewFake(Start)
	db, twins := open(t, now)
	from := func(tenant store.TenantID) {
		now.Advance(Start.Sub(now.Now()))
		run(&Case{T: t, Tenant: db.Tenant(tenant), DB: db, Clock: now, Mine: tenant})
	}
	from(1)
	before := snapshot(t, db.Tenant(1))
	from(2)
	if diff := cmp.Diff(before, snapshot(t, db.Tenant(1))); diff != "" {
		t.Errorf("one tenant's work changed another tenant's rows (-before +after):\n%s", diff)
	}
	if twins == nil {
		return
	}
	twins.Raise(t)
	untouched := twins.Dump(t)
	from(1)
	if diff := cmp.Diff(untouched, twins.Dump(t)); diff != "" {
		t.Errorf("one tenant's work changed the twins of its rows (-before +after):\n%s", diff)
	}
}

type rows struct {
	Identities []*identity.Identity
	Sessions   []*session.Session
	Messages   []store.Message
	Errands    []store.Errand
}

func snapshot(t *testing.T, tenant *store.Tenant) (r rows) {
	t.Helper()
	var err, err2, err3, err4 error
	r.Identities, err = tenant.Identities(t.Context(), store.IdentityFilter{Limit: 1000, Credentials: true})
	r.Sessions, err2 = tenant.Sessions(t.Context(), store.SessionFilter{Limit: 1000, Expand: store.WithAddresses})
	r.Messages, err3 = tenant.Messages(t.Context(), store.MessageFilter{Limit: 1000})
	r.Errands, err4 = tenant.Errands(t.Context(), store.ErrandFilter{Limit: 1000})
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return r
}

// id makes ids that are the same in every run.
func (c *Case) id() (id uuid.UUID) {
	c.ids++
	binary.BigEndian.PutUint64(id[8:], c.ids)
	return id
}

func (c *Case) now() time.Time { return c.Clock.Now() }

// person is an identity with one of everything.
func (c *Case) person(mail string) *identity.Identity {
	return &identity.Identity{
		ID: c.id(), ExternalID: "ext-" + mail, SchemaID: "default", State: identity.Active,
		Traits: json.RawMessage(`{"email":"` + mail + `"}`), MetadataPublic: json.RawMessage(`{"plan":"free"}`),
		AvailableAAL: "aal1", CreatedAt: c.now(), UpdatedAt: c.now(),
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Password: {
				ID: c.id(), Type: identity.Password, Identifiers: []string{mail},
				Config: json.RawMessage(`{"hashed_password":"$2a$"}`), CreatedAt: c.now(), UpdatedAt: c.now(),
			},
			identity.OIDC: {
				ID: c.id(), Type: identity.OIDC, Identifiers: []string{"a:" + mail, "b:" + mail},
				Config: json.RawMessage(`{"providers":[]}`), Version: 1, CreatedAt: c.now(), UpdatedAt: c.now(),
			},
		},
		VerifiableAddresses: []identity.VerifiableAddress{{
			ID: c.id(), Value: mail, Via: identity.Email, Status: identity.AddressPending, CreatedAt: c.now(), UpdatedAt: c.now(),
		}},
		RecoveryAddresses: []identity.RecoveryAddress{{
			ID: c.id(), Value: mail, Via: identity.Email, CreatedAt: c.now(), UpdatedAt: c.now(),
		}},
	}
}

// stored is person, stored.
func (c *Case) stored(mail string) *identity.Identity {
	c.Helper()
	i := c.person(mail)
	c.ok(c.CreateIdentity(c.Context(), i))
	return i
}

func (c *Case) session(i *identity.Identity, token string) *session.Session {
	c.Helper()
	ip, agent := "203.0.113.7", "Test/1.0"
	s := &session.Session{
		ID: c.id(), IdentityID: i.ID, Active: true, AAL: session.AAL1,
		Methods:  []session.Method{{Method: "password", AAL: session.AAL1, CompletedAt: c.now()}},
		IssuedAt: c.now(), AuthenticatedAt: c.now(), ExpiresAt: c.now().Add(time.Hour), LastUsedAt: c.now(),
		CreatedAt: c.now(), UpdatedAt: c.now(),
		Devices: []session.Device{{ID: c.id(), IPAddress: &ip, UserAgent: &agent}},
	}
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, []byte(token)) }))
	return s
}

func (c *Case) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("unexpected failure: %v", err)
	}
}

func (c *Case) missing(err error) {
	c.Helper()
	if !errors.Is(err, problem.ErrNotFound) {
		c.Fatalf("got %v, want problem.ErrNotFound", err)
	}
}

func (c *Case) taken(err error, want problem.ConflictError) {
	c.Helper()
	var got *problem.ConflictError
	if !errors.As(err, &got) {
		c.Fatalf("got %v, want a conflict about the %s", err, want.What)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		c.Errorf("conflict (-want +got):\n%s", diff)
	}
}

func same[T any](c *Case, what string, want, got T) {
	c.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		c.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
