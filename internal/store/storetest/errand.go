package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// errandTests are about one tenant's errands.
var errandTests = []test{
	{"an errand comes back as it was written", func(c *Case) {
		e := c.dispatch("crm", c.id())
		got, err := c.Errand(c.Context(), e.ID)
		c.ok(err)
		same(c, "errand", store.Errand{Errand: e, Tenant: got.Tenant, Status: store.ErrandWaiting, UpdatedAt: e.CreatedAt}, got)
	}},
	{"an errand that nobody wrote is missing", func(c *Case) {
		_, err := c.Errand(c.Context(), uuid.New())
		c.missing(err)
		_, err = c.ReplayErrand(c.Context(), uuid.New(), c.now())
		c.missing(err)
	}},
	{"errands of a transaction that fails are not there", func(c *Case) {
		err := c.Tx(c.Context(), func(x *store.Tx) error {
			c.ok(x.Dispatch(c.errand("crm", c.id())))
			return fmt.Errorf("no")
		})
		if err == nil {
			c.Error("the transaction did not fail")
		}
		all, err := c.Errands(c.Context(), store.ErrandFilter{Limit: 10})
		c.ok(err)
		same(c, "errands", 0, len(all))
	}},
	{"lists of errands are filtered, newest first, and paged by key", func(c *Case) {
		var all []uuid.UUID
		for k := range 5 {
			c.Clock.Advance(time.Second)
			all = append(all, c.dispatch(fmt.Sprint("t", k%2), c.id()).ID)
		}
		slices.Reverse(all)
		for _, want := range []struct {
			filter store.ErrandFilter
			ids    []uuid.UUID
		}{
			{store.ErrandFilter{}, all},
			{store.ErrandFilter{Target: "t1"}, []uuid.UUID{all[1], all[3]}},
			{store.ErrandFilter{Status: store.ErrandWaiting, Type: "a.b"}, all},
			{store.ErrandFilter{Status: store.ErrandDead}, nil},
			{store.ErrandFilter{Type: "other"}, nil},
		} {
			for _, size := range []int{1, 2, 10} {
				same(c, fmt.Sprintf("%+v in pages of %d", want.filter, size), want.ids, c.errandPages(want.filter, size))
			}
		}
	}},
	{"a witness writes errands with what it is told, and only then", func(c *Case) {
		w := &witness{Case: c}
		seen := c.Tenant.Witnessed(w)
		i := c.person("a@example.org")
		c.ok(seen.CreateIdentity(c.Context(), i))
		i.AvailableAAL = "aal2"
		c.ok(seen.UpdateIdentity(c.Context(), i)) // nothing that anybody sees
		i.Traits = []byte(`{"email":"a@example.org","name":"Ann"}`)
		c.ok(seen.UpdateIdentity(c.Context(), i))
		mark := func() {
			c.ok(seen.Tx(c.Context(), func(x *store.Tx) error {
				return x.MarkAddress(identity.Address{Value: "a@example.org", Via: identity.Email}, identity.AddressCompleted, c.now())
			}))
		}
		mark()
		mark() // nothing new
		open := func() *session.Session {
			s := &session.Session{ID: c.id(), IdentityID: i.ID, Active: true, ExpiresAt: c.now().Add(time.Hour)}
			c.ok(seen.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }))
			return s
		}
		first, second := open(), open()
		c.ok(seen.RevokeSession(c.Context(), first.ID, i.ID, c.now()))
		c.ok(seen.RevokeSession(c.Context(), first.ID, i.ID, c.now())) // was revoked before
		_, err := seen.RevokeSessionsOf(c.Context(), i.ID, uuid.Nil, c.now())
		c.ok(err)
		third := open()
		c.ok(seen.DeleteSessionsOf(c.Context(), i.ID))
		fourth := open()
		_, err = seen.BulkSessions(c.Context(), store.DisableSessions, store.EverySession, nil, 10, c.now())
		c.ok(err)
		c.ok(seen.DeleteIdentity(c.Context(), i.ID))
		who, at := i.ID.String(), func(s *session.Session) string { return s.ID.String() }
		want := []string{
			"identity.created " + who, "identity.updated " + who, "identity.updated " + who,
			"session.created " + at(first), "session.created " + at(second), "session.revoked " + at(first), "session.revoked " + at(second),
			"session.created " + at(third), "session.revoked " + at(third), "session.created " + at(fourth), "session.revoked " + at(fourth),
			"identity.deleted " + who,
		}
		same(c, "told", want, w.told)
		same(c, "written", len(want), len(c.errandPages(store.ErrandFilter{}, 100)))
		same(c, "announced", len(want), w.announced)
	}},
	{"a witness hears of every identity of an import, and of none that was only tried", func(c *Case) {
		w := &witness{Case: c}
		seen := c.Tenant.Witnessed(w)
		a, b := c.person("a@example.org"), c.person("b@example.org")
		_, err := seen.CreateIdentities(c.Context(), []*identity.Identity{a, b})
		c.ok(err)
		same(c, "told", []string{"identity.created " + a.ID.String(), "identity.created " + b.ID.String()}, w.told)
		tried := c.person("c@example.org")
		c.ok(seen.Tx(c.Context(), func(x *store.Tx) error { return x.TryIdentity(tried, false, c.errand("crm", tried.ID)) }))
		same(c, "written", 2, len(c.errandPages(store.ErrandFilter{}, 100)))
		c.ok(seen.Tx(c.Context(), func(x *store.Tx) error { return x.TryIdentity(tried, true, c.errand("crm", tried.ID)) }))
		same(c, "written", 4, len(c.errandPages(store.ErrandFilter{}, 100)))
	}},
}

// witness writes an errand about everything.
type witness struct {
	*Case
	told      []string
	announced int
}

func (*witness) Wants(store.ChangeType) bool { return true }
func (w *witness) Dispatched()               { w.announced++ }
func (w *witness) Errands(ch store.Change) ([]flow.Errand, error) {
	id := uuid.Nil
	if ch.Identity != nil {
		id = ch.Identity.ID
	}
	if ch.Session != nil {
		id = ch.Session.ID
	}
	w.told = append(w.told, fmt.Sprint(ch.Type, " ", id))
	return []flow.Errand{w.errand("crm", id)}, nil
}

// errandRunTests are about running errands, for two tenants at once.
var errandRunTests = []test{
	{"errands of one subject go one after the other, those of several at once", func(c *Case) {
		ann, bob := c.id(), c.id()
		var want []uuid.UUID
		for range 3 {
			want = append(want, c.dispatch("crm", ann).ID)
		}
		c.Clock.Advance(time.Second)
		other, elsewhere := c.of(2).dispatch("crm", bob), c.dispatch("log", ann)
		first := c.claimErrands("h", 9)
		same(c, "at once", inOrder(want[0], other.ID, elsewhere.ID), inOrder(errandIDs(first)...))
		same(c, "nothing else", 0, len(c.claimErrands("h", 9)))
		for k := range want {
			claim := first[0]
			if k > 0 {
				again := c.claimErrands("h", 9)
				if len(again) != 1 {
					c.Fatalf("%d errands are due, want 1", len(again))
				}
				claim = again[0]
			}
			same(c, "in order", want[k], claim.Errand.ID)
			c.finishErrand(claim, store.ErrandOutcome{Delivered: true, Now: c.now()})
		}
		_, err := c.Errand(c.Context(), want[0])
		c.missing(err)
		for _, claim := range first[1:] {
			c.finishErrand(claim, store.ErrandOutcome{Delivered: true, Now: c.now()})
		}
		_, err = c.DB.System().NextErrand(c.Context())
		c.missing(err)
	}},
	{"an errand that failed holds up those behind it until it is due again", func(c *Case) {
		ann := c.id()
		first, second := c.dispatch("crm", ann), c.dispatch("crm", ann)
		c.finishErrand(c.claimErrands("h", 9)[0], store.ErrandOutcome{Error: "no", Now: c.now(), NextAt: c.now().Add(time.Minute)})
		c.dispatch("crm", ann) // a newcomer does not hurry them
		same(c, "too early", 0, len(c.claimErrands("h", 9)))
		next, err := c.DB.System().NextErrand(c.Context())
		c.ok(err)
		same(c, "due", c.now().Add(time.Minute), next)
		c.Clock.Advance(time.Minute)
		again := c.claimErrands("h", 9)
		same(c, "again", []uuid.UUID{first.ID}, errandIDs(again))
		same(c, "attempts and error", "2 no", fmt.Sprint(again[0].Attempts, " ", again[0].Error))
		c.finishErrand(again[0], store.ErrandOutcome{Dead: true, Error: "never", Now: c.now()})
		same(c, "behind the dead one", []uuid.UUID{second.ID}, errandIDs(c.claimErrands("h", 9)))
		dead, err := c.Errand(c.Context(), first.ID)
		c.ok(err)
		same(c, "dead", "dead never", dead.Status+" "+dead.Error)
	}},
	{"the lease of a lane runs out, and its old holder decides nothing any more", func(c *Case) {
		e := c.dispatch("crm", c.id())
		old := c.claimErrands("dead", 1)[0]
		c.Clock.Advance(ttl - time.Microsecond)
		same(c, "while the lease lasts", 0, len(c.claimErrands("alive", 1)))
		c.Clock.Advance(time.Microsecond)
		now := c.claimErrands("alive", 1)
		same(c, "after it", []uuid.UUID{e.ID}, errandIDs(now))
		held, err := c.DB.System().RenewErrand(c.Context(), old.ErrandLease, c.now().Add(ttl))
		c.ok(err)
		same(c, "the old one still holds", false, held)
		c.finishErrand(old, store.ErrandOutcome{Dead: true, Now: c.now()})
		got, err := c.of(1).Errand(c.Context(), e.ID)
		c.ok(err)
		same(c, "status", store.ErrandWaiting, got.Status)
		held, err = c.DB.System().RenewErrand(c.Context(), now[0].ErrandLease, c.now().Add(2*ttl))
		c.ok(err)
		same(c, "the new one holds", true, held)
		c.Clock.Advance(ttl)
		same(c, "while it was renewed", 0, len(c.claimErrands("other", 1)))
		c.finishErrand(old, store.ErrandOutcome{Delivered: true, Now: c.now()}) // it had arrived after all
		_, err = c.Errand(c.Context(), e.ID)
		c.missing(err)
		c.finishErrand(now[0], store.ErrandOutcome{Delivered: true, Now: c.now()})
	}},
	{"a dead errand is replayed behind what waits, with all its attempts", func(c *Case) {
		ann := c.id()
		first, second := c.dispatch("crm", ann), c.dispatch("crm", ann)
		c.finishErrand(c.claimErrands("h", 1)[0], store.ErrandOutcome{Dead: true, Error: "no", Now: c.now()})
		replayed, err := c.ReplayErrand(c.Context(), first.ID, c.now())
		c.ok(err)
		same(c, "replayed", true, replayed)
		replayed, err = c.ReplayErrand(c.Context(), first.ID, c.now())
		c.ok(err)
		same(c, "again", false, replayed)
		for _, want := range []uuid.UUID{second.ID, first.ID} {
			claim := c.claimErrands("h", 9)
			same(c, "order", []uuid.UUID{want}, errandIDs(claim))
			same(c, "attempts", 1, claim[0].Attempts)
			c.finishErrand(claim[0], store.ErrandOutcome{Dead: true, Error: "no", Now: c.now()})
		}
		n, err := c.ReplayErrands(c.Context(), store.ErrandFilter{Target: "crm", Limit: 10}, c.now())
		c.ok(err)
		same(c, "replayed together", 2, n)
		same(c, "of another tenant", 0, func() int {
			n, err := c.of(2).ReplayErrands(c.Context(), store.ErrandFilter{Limit: 10}, c.now())
			c.ok(err)
			return n
		}())
	}},
	{"what waits for its next attempt goes at once when something behind it is replayed, and not while somebody has it", func(c *Case) {
		ann := c.id()
		first, second := c.dispatch("crm", ann), c.dispatch("crm", ann)
		c.finishErrand(c.claimErrands("h", 1)[0], store.ErrandOutcome{Dead: true, Error: "no", Now: c.now()})
		c.finishErrand(c.claimErrands("h", 1)[0], store.ErrandOutcome{Error: "no", Now: c.now(), NextAt: c.now().Add(time.Hour)})
		same(c, "before", 0, len(c.claimErrands("h", 1)))
		_, err := c.ReplayErrand(c.Context(), first.ID, c.now())
		c.ok(err)
		claim := c.claimErrands("h", 1)
		same(c, "at once", []uuid.UUID{second.ID}, errandIDs(claim))
		c.finishErrand(claim[0], store.ErrandOutcome{Dead: true, Error: "no", Now: c.now()})
		claim = c.claimErrands("h", 1)
		_, err = c.ReplayErrand(c.Context(), second.ID, c.now())
		c.ok(err)
		same(c, "taken twice", 0, len(c.claimErrands("other", 1)))
		c.finishErrand(claim[0], store.ErrandOutcome{Delivered: true, Now: c.now()})
	}},
	{"the targets that are left out stay where they are", func(c *Case) {
		c.dispatch("slow", c.id())
		e := c.dispatch("quick", c.id())
		got, err := c.DB.System().ClaimErrands(c.Context(), "h", c.now(), c.now().Add(ttl), 9, []string{"slow", "other"})
		c.ok(err)
		same(c, "claimed", []uuid.UUID{e.ID}, errandIDs(got))
	}},
	{"the janitor takes errands that were given up long ago, and no others", func(c *Case) {
		ann := c.id()
		old, waiting := c.dispatch("crm", ann), c.dispatch("crm", ann)
		c.finishErrand(c.claimErrands("h", 1)[0], store.ErrandOutcome{Dead: true, Now: c.now()})
		c.Clock.Advance(time.Hour)
		young := c.dispatch("log", ann)
		for _, claim := range c.claimErrands("h", 9) {
			c.finishErrand(claim, store.ErrandOutcome{Dead: claim.Errand.ID == young.ID, Now: c.now(), NextAt: c.now()})
		}
		n, err := c.DB.System().SweepErrands(c.Context(), c.now(), 10)
		c.ok(err)
		same(c, "swept", 1, n)
		_, err = c.Errand(c.Context(), old.ID)
		c.missing(err)
		w, d, err := c.DB.System().CountErrands(c.Context())
		c.ok(err)
		same(c, "left", "1 1", fmt.Sprint(w, " ", d))
		_, err = c.Errand(c.Context(), waiting.ID)
		c.ok(err)
	}},
	{"of many holders and writers at once, each errand goes to one, in order", func(c *Case) {
		const subjects, each = 8, 12
		var mu sync.Mutex
		arrived := map[uuid.UUID][]string{}
		var all sync.WaitGroup
		subject := make([]uuid.UUID, subjects)
		for k := range subject {
			subject[k] = c.id()
			ids := make([]uuid.UUID, each)
			for n := range ids {
				ids[n] = c.id()
			}
			all.Go(func() {
				for n := range each {
					e := c.errand("crm", subject[k])
					e.ID, e.Type = ids[n], fmt.Sprintf("%02d", n)
					if err := c.DispatchAll(c.Context(), []flow.Errand{e}); err != nil {
						c.Error(err)
					}
				}
			})
		}
		count := func() (n int) {
			mu.Lock()
			defer mu.Unlock()
			for _, list := range arrived {
				n += len(list)
			}
			return n
		}
		for k := range 8 {
			all.Go(func() {
				for count() < subjects*each && !c.Failed() {
					got, err := c.DB.System().ClaimErrands(c.Context(), fmt.Sprint(k), c.now(), c.now().Add(ttl), 3, nil)
					if err != nil {
						c.Error(err)
					}
					for _, claim := range got {
						mu.Lock()
						arrived[claim.Errand.Subject] = append(arrived[claim.Errand.Subject], claim.Type)
						mu.Unlock()
						if err := c.DB.System().FinishErrand(c.Context(), claim.ErrandLease, store.ErrandOutcome{Delivered: true, Now: c.now()}); err != nil {
							c.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		for _, list := range arrived {
			if len(list) != each || !slices.IsSorted(list) {
				c.Errorf("arrived %v", list)
			}
		}
	}},
}

func (c *Case) errand(target string, subject uuid.UUID) flow.Errand {
	id := uuid.New()
	return flow.Errand{ID: id, Event: uuid.New(), Kind: flow.ErrandEvent, Target: target, Type: "a.b", Subject: subject, Sealed: []byte("sealed"), CreatedAt: c.now()}
}

func (c *Case) dispatch(target string, subject uuid.UUID) flow.Errand {
	c.Helper()
	e := c.errand(target, subject)
	e.ID, e.Event = c.id(), c.id()
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.Dispatch(e) }))
	return e
}

func (c *Case) claimErrands(holder string, limit int) []store.ErrandClaim {
	c.Helper()
	got, err := c.DB.System().ClaimErrands(c.Context(), holder, c.now(), c.now().Add(ttl), limit, nil)
	c.ok(err)
	return got
}

func (c *Case) finishErrand(claim store.ErrandClaim, o store.ErrandOutcome) {
	c.Helper()
	c.ok(c.DB.System().FinishErrand(c.Context(), claim.ErrandLease, o))
}

// errandPages follows the pages of a list.
func (c *Case) errandPages(f store.ErrandFilter, size int) (all []uuid.UUID) {
	c.Helper()
	for f.Limit = size; ; {
		page, err := c.Errands(c.Context(), f)
		c.ok(err)
		for _, e := range page {
			all = append(all, e.ID)
		}
		if len(page) < size {
			return all
		}
		last := page[len(page)-1]
		f.BeforeCreatedAt, f.BeforeID = last.CreatedAt, last.ID
	}
}

func errandIDs(list []store.ErrandClaim) (all []uuid.UUID) {
	for _, e := range list {
		all = append(all, e.Errand.ID)
	}
	return all
}

func inOrder(ids ...uuid.UUID) []uuid.UUID {
	return slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
}
