package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// auditTests are about what one tenant's transactions write into the audit log.
var auditTests = []test{
	{"what a transaction does is in the log once it is committed, and not before", func(c *Case) {
		no := errors.New("no")
		err := c.audited().Tx(c.Context(), func(x *store.Tx) error {
			c.ok(x.CreateIdentity(c.person("gone@example.org")))
			c.ok(x.Record(audit.Entry{Action: "login.succeeded"}))
			return no
		})
		same(c, "error", true, errors.Is(err, no))
		same(c, "after a rollback", 0, len(c.log(store.AuditFilter{})))
		c.ok(c.audited().CreateIdentity(c.Context(), c.person("a@example.org")))
		same(c, "after a commit", []string{"identity.created"}, c.actions(store.AuditFilter{}))
	}},
	{"nothing is written while there is no log", func(c *Case) {
		c.ok(c.Tenant.Audited(func() bool { return false }).CreateIdentity(c.Context(), c.person("a@example.org")))
		c.ok(c.Tenant.CreateIdentity(c.Context(), c.person("b@example.org")))
		same(c, "rows", 0, len(c.log(store.AuditFilter{})))
	}},
	{"changes of identities and sessions are told by whoever makes them", func(c *Case) {
		i := c.person("a@example.org")
		c.ok(c.audited().CreateIdentity(c.Context(), i))
		i.Traits = []byte(`{"email":"a@example.org","name":"secret-name"}`)
		p := i.Credentials[identity.Password]
		p.Config = []byte(`{"hashed_password":"$2a$secret-hash"}`)
		i.Credentials[identity.Password] = p
		c.ok(c.audited().UpdateIdentity(c.Context(), i))
		c.ok(c.audited().UpdateIdentity(c.Context(), i)) // nothing new
		c.ok(c.audited().Tx(c.Context(), func(x *store.Tx) error {
			return x.MarkAddress(identity.Address{Value: "a@example.org", Via: identity.Email}, identity.AddressCompleted, c.now())
		}))
		first, second := c.session(i, "one"), c.session(i, "two")
		c.session(i, "three")
		c.ok(c.audited().RevokeSession(c.Context(), first.ID, uuid.Nil, c.now()))
		c.ok(c.audited().RevokeSession(c.Context(), first.ID, uuid.Nil, c.now())) // was revoked before
		_, err := c.audited().RevokeSessionsOf(c.Context(), i.ID, second.ID, c.now())
		c.ok(err)
		_, err = c.audited().BulkSessions(c.Context(), store.DisableSessions, store.EverySession, nil, 10, c.now())
		c.ok(err)
		c.session(i, "four")
		c.session(i, "five")
		c.ok(c.audited().DeleteIdentity(c.Context(), i.ID))
		var told []string
		for _, l := range slices.Backward(c.log(store.AuditFilter{Identity: i.ID})) {
			told = append(told, fmt.Sprint(l.Action, " ", l.Times, " ", string(l.Details)))
			if strings.Contains(string(l.Details), "secret") {
				c.Errorf("a value is told: %s", l.Details)
			}
		}
		same(c, "told", []string{
			"identity.created 1 ",
			`identity.updated 1 {"changed":["credentials.password","traits.name"]}`,
			"address.verified 1 ",
			`session.revoked 1 {"reason":"revoked"}`,
			`session.revoked 1 {"reason":"revoked"}`,
			`session.revoked 1 {"reason":"revoked"}`,
			`session.revoked 2 {"reason":"identity_deleted"}`,
			"identity.deleted 1 ",
		}, told)
		same(c, "the session that was ended alone", first.ID, c.log(store.AuditFilter{Action: "session.revoked"})[3].Session)
	}},
	{"a row says where it comes from", func(c *Case) {
		from := audit.Fixed{Actor: "key:1", Request: "r1", IP: "203.0.113.7", UserAgent: strings.Repeat("é", 300) + "\x00", Operation: "createIdentity"}
		c.ok(c.audited().CreateIdentity(audit.With(c.Context(), from), c.person("a@example.org")))
		e := c.log(store.AuditFilter{})[0].Entry
		same(c, "row", []string{"key:1", "r1", "203.0.113.7", strings.Repeat("é", 128), `{"operation":"createIdentity"}`},
			[]string{e.Actor, e.Request, e.IP, e.UserAgent, string(e.Details)})
	}},
	{"a change of an operator that tells nothing else is told as its operation", func(c *Case) {
		ctx := audit.With(c.Context(), audit.Fixed{Actor: "operator", Operation: "unlockIdentity", Target: "t", Operates: true})
		c.ok(c.audited().Tx(ctx, func(*store.Tx) error { return nil }))
		same(c, "rows", []string{"admin.unlockIdentity"}, c.actions(store.AuditFilter{}))
		c.ok(c.audited().CreateIdentity(ctx, c.person("a@example.org")))
		same(c, "rows", []string{"identity.created", "admin.unlockIdentity"}, c.actions(store.AuditFilter{}))
	}},
	{"an identity that was only tried is not told", func(c *Case) {
		try := func(keep bool) {
			i := c.person("a@example.org")
			c.ok(c.audited().Tx(c.Context(), func(x *store.Tx) error { return x.TryIdentity(i, keep) }))
		}
		try(false)
		same(c, "rows", 0, len(c.log(store.AuditFilter{})))
		try(true)
		same(c, "rows", 1, len(c.log(store.AuditFilter{})))
	}},
	{"lists of the log are filtered, newest first, and paged by key, whatever has its place", func(c *Case) {
		a, b := c.id(), c.id()
		begun := c.now()
		for n := range 7 {
			c.Clock.Advance(time.Second)
			e := audit.Entry{
				Action: []audit.Action{"login.succeeded", "login.failed", "loginless"}[n%3], Outcome: audit.Outcome([]string{"success", "failure"}[n%2]),
				Actor: []string{"key:1", "system"}[n%2], Identity: []uuid.UUID{a, b}[n/4],
			}
			c.ok(c.audited().Record(c.Context(), e))
			if n == 4 {
				c.seal()
			}
		}
		for _, want := range []struct {
			name   string
			filter store.AuditFilter
			rows   []int
		}{
			{"everything", store.AuditFilter{}, []int{6, 5, 4, 3, 2, 1, 0}},
			{"an identity", store.AuditFilter{Identity: b}, []int{6, 5, 4}},
			{"an actor", store.AuditFilter{Actor: "key:1"}, []int{6, 4, 2, 0}},
			{"an action", store.AuditFilter{Action: "login.failed"}, []int{4, 1}},
			{"actions", store.AuditFilter{Action: "login.*"}, []int{6, 4, 3, 1, 0}},
			{"an outcome", store.AuditFilter{Outcome: audit.Failure}, []int{5, 3, 1}},
			{"a time", store.AuditFilter{Since: begun.Add(2 * time.Second), Until: begun.Add(4 * time.Second)}, []int{2, 1}},
			{"all at once", store.AuditFilter{Identity: a, Actor: "system", Action: "login.*", Outcome: audit.Failure, Since: begun.Add(4 * time.Second)}, []int{3}},
			{"nothing", store.AuditFilter{Actor: "nobody"}, nil},
		} {
			for _, size := range []int{1, 2, 10} {
				var got []int
				f := want.filter
				f.Limit = size
				for {
					page, err := c.AuditLog(c.Context(), f)
					c.ok(err)
					for _, l := range page {
						got = append(got, int(l.At.Sub(begun)/time.Second)-1)
					}
					if len(page) < size {
						break
					}
					f.Before = page[len(page)-1].ID
				}
				same(c, fmt.Sprintf("%s in pages of %d", want.name, size), want.rows, got)
			}
		}
	}},
	{"sessions that end for newer ones, with a state or in numbers are told once for each identity", func(c *Case) {
		i, j := c.stored("a@example.org"), c.stored("b@example.org")
		for n := range 3 {
			c.session(i, fmt.Sprint("i", n))
			c.session(j, fmt.Sprint("j", n))
		}
		c.ok(c.audited().Tx(c.Context(), func(x *store.Tx) error {
			return x.MakeRoom(i.ID, session.Limits{Concurrent: 2}, c.now())
		}))
		_, err := c.audited().BulkSessions(c.Context(), store.DeleteSessions, store.SessionsByIdentityID, []uuid.UUID{i.ID, j.ID}, 0, c.now())
		c.ok(err)
		var told []string
		for _, l := range slices.Backward(c.log(store.AuditFilter{})) {
			told = append(told, fmt.Sprint(l.Identity == i.ID, " ", l.Times, " ", string(l.Details)))
		}
		same(c, "told", []string{`true 2 {"reason":"displaced"}`, `true 1 {"reason":"deleted"}`, `false 3 {"reason":"deleted"}`}, told)
	}},
}

// audited is the tenant with a log, a little later: rows of one moment have no order.
func (c *Case) audited() *store.Tenant {
	c.Clock.Advance(time.Millisecond)
	return c.Tenant.Audited(func() bool { return true })
}

func (c *Case) log(f store.AuditFilter) []audit.Link {
	c.Helper()
	f.Limit = 1000
	all, err := c.AuditLog(c.Context(), f)
	c.ok(err)
	return all
}

func (c *Case) actions(f store.AuditFilter) (all []string) {
	c.Helper()
	for _, l := range c.log(f) {
		all = append(all, string(l.Action))
	}
	return all
}

func testKeys(n byte) audit.Keys { return audit.NewKeys([][]byte{seed(n)}) }

// alone seals for one tenant.
type alone struct {
	*store.System
	tenant store.TenantID
}

func (a alone) Unsealed(context.Context) ([]int64, error) { return []int64{int64(a.tenant)}, nil }
func (a alone) Heads(context.Context) ([]int64, error)    { return []int64{int64(a.tenant)}, nil }

func (c *Case) sealer() *audit.Sealer {
	return &audit.Sealer{Chains: alone{c.DB.System(), c.Mine}, Keys: func() audit.Keys { return testKeys(1) }, Clock: c.Clock}
}

// seal gives everything its place.
func (c *Case) seal() {
	c.Helper()
	c.ok(c.sealer().Seal(c.Context()))
}
