package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/store"
)

// messageTests are about one tenant's messages.
var messageTests = []test{
	{"a message comes back as it was queued", func(c *Case) {
		m := c.enqueue("a@example.org")
		got, err := c.Message(c.Context(), m.ID)
		c.ok(err)
		same(c, "message", store.Message{Message: m, Tenant: got.Tenant, Status: store.MessageQueued, UpdatedAt: m.CreatedAt}, got)
	}},
	{"a message that nobody queued is missing", func(c *Case) {
		_, err := c.Message(c.Context(), uuid.New())
		c.missing(err)
		_, err = c.RequeueMessage(c.Context(), uuid.New(), c.now())
		c.missing(err)
	}},
	{"lists are filtered, newest first, and paged by key", func(c *Case) {
		var all []uuid.UUID
		for k := range 5 {
			if k%2 == 0 {
				c.Clock.Advance(time.Second) // every other message shares its moment with the one before
			}
			all = append(all, c.enqueue(fmt.Sprintf("%d@example.org", k%2)).ID)
		}
		slices.Reverse(all) // of the same moment, the lower id first
		order := []uuid.UUID{all[0], all[2], all[1], all[4], all[3]}
		c.finish(c.leaseOf(order[1], 0), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		for _, want := range []struct {
			filter store.MessageFilter
			ids    []uuid.UUID
		}{
			{store.MessageFilter{}, order},
			{store.MessageFilter{Status: store.MessageSent}, order[1:2]},
			{store.MessageFilter{Status: store.MessageQueued}, []uuid.UUID{order[0], order[2], order[3], order[4]}},
			{store.MessageFilter{Status: store.MessageAbandoned}, nil},
			{store.MessageFilter{Recipient: "1@example.org"}, []uuid.UUID{order[2], order[4]}},
			{store.MessageFilter{Recipient: "0@example.org", Status: store.MessageSent}, order[1:2]},
			{store.MessageFilter{Recipient: "0@EXAMPLE.org"}, nil},
		} {
			for _, size := range []int{1, 2, 10} {
				same(c, fmt.Sprintf("%+v in pages of %d", want.filter, size), want.ids, c.messagePages(want.filter, size))
			}
		}
	}},
}

// outboxTests are about sending, for two tenants at once.
var outboxTests = []test{
	{"messages of every tenant are claimed, those that wait longest first", func(c *Case) {
		var want []uuid.UUID
		for k := range 6 {
			c.Clock.Advance(time.Second)
			want = append(want, c.of(1+k%2).enqueue(fmt.Sprint(k)).ID)
		}
		same(c, "the first four", want[:4], ids(c.claim("h", 4)))
		same(c, "the rest", want[4:], ids(c.claim("h", 4)))
		same(c, "nothing is left", 0, len(c.claim("h", 4)))
	}},
	{"a claim counts the attempt and hands over what was queued", func(c *Case) {
		queued := c.of(2).enqueue("a")
		c.Clock.Advance(time.Second)
		want := store.Message{Message: queued, Tenant: 2, Status: store.MessageProcessing, SendCount: 1, UpdatedAt: c.now()}
		same(c, "claimed", []store.Message{want}, c.claim("h", 9))
		same(c, "stored", want, c.of(2).message(queued.ID))
	}},
	{"a message is due when its time has come", func(c *Case) {
		_, err := c.DB.System().NextMessage(c.Context())
		c.missing(err)
		m := c.enqueue("a")
		c.nextIs(m.CreatedAt)
		l := leaseOf(c.claim("h", 1)[0], "h")
		c.nextIs(c.now().Add(ttl))
		again := c.now().Add(10 * time.Minute)
		c.finish(l, store.MessageOutcome{Status: store.MessageQueued, Error: "not now", Now: c.now(), NextAt: again})
		c.nextIs(again)
		c.Clock.Advance(10*time.Minute - time.Microsecond)
		same(c, "a moment too early", 0, len(c.claim("h", 1)))
		c.Clock.Advance(time.Microsecond)
		same(c, "in time", 1, len(c.claim("h", 1)))
	}},
	{"the lease of a sender that died runs out, and not before", func(c *Case) {
		m := c.enqueue("a")
		first := leaseOf(c.claim("dead", 1)[0], "dead")
		c.Clock.Advance(ttl - time.Microsecond)
		same(c, "while the lease lasts", 0, len(c.claim("alive", 1)))
		c.Clock.Advance(time.Microsecond)
		taken := c.claim("alive", 1)
		same(c, "after it", []uuid.UUID{m.ID}, ids(taken))
		same(c, "attempts", 2, taken[0].SendCount)
		held, err := c.DB.System().RenewMessage(c.Context(), first, c.now().Add(ttl))
		c.ok(err)
		same(c, "the dead one still has it", false, held)
	}},
	{"a message whose sender died goes before newer ones", func(c *Case) {
		old := c.enqueue("old")
		c.claim("dead", 1)
		c.Clock.Advance(ttl)
		c.enqueue("new")
		same(c, "first", []uuid.UUID{old.ID}, ids(c.claim("alive", 1)))
	}},
	{"a renewed lease lasts longer", func(c *Case) {
		c.enqueue("a")
		l := leaseOf(c.claim("h", 1)[0], "h")
		c.Clock.Advance(ttl / 2)
		held, err := c.DB.System().RenewMessage(c.Context(), l, c.now().Add(ttl))
		c.ok(err)
		same(c, "held", true, held)
		c.Clock.Advance(ttl - time.Microsecond)
		same(c, "claimed by another", 0, len(c.claim("other", 1)))
		l.Holder = "other"
		held, err = c.DB.System().RenewMessage(c.Context(), l, c.now().Add(ttl))
		c.ok(err)
		same(c, "renewed by another", false, held)
	}},
	{"outcomes are noted, newest first", func(c *Case) {
		t := c.of(2)
		id := t.enqueue("a").ID
		c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: store.MessageQueued, Error: "busy", Now: c.now(), NextAt: c.now()})
		c.Clock.Advance(time.Second)
		c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		m := t.message(id)
		same(c, "status", store.MessageSent, m.Status)
		same(c, "attempts", 2, m.SendCount)
		same(c, "dispatches", []store.Dispatch{{CreatedAt: c.now()}, {Error: "busy", CreatedAt: c.now().Add(-time.Second)}}, withoutIDs(m.Dispatches))
		_, err := c.DB.System().NextMessage(c.Context())
		c.missing(err)
	}},
	{"a failure of a lease that passed on changes nothing", func(c *Case) {
		id := c.enqueue("a").ID
		late := leaseOf(c.claim("h", 1)[0], "h")
		c.Clock.Advance(ttl)
		c.claim("h", 1) // the same holder, but another attempt
		before := c.message(id)
		for _, status := range []string{store.MessageQueued, store.MessageAbandoned} {
			c.finish(late, store.MessageOutcome{Status: status, Error: "late", Now: c.now(), NextAt: c.now()})
			same(c, "the message", before, c.message(id))
		}
	}},
	{"a success counts whoever has the lease, and once", func(c *Case) {
		id := c.enqueue("a").ID
		late := leaseOf(c.claim("slow", 1)[0], "slow")
		c.Clock.Advance(ttl)
		other := leaseOf(c.claim("other", 1)[0], "other")
		for range 2 {
			c.finish(late, store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		}
		c.finish(other, store.MessageOutcome{Status: store.MessageQueued, Error: "late", Now: c.now(), NextAt: c.now()})
		m := c.message(id)
		same(c, "status", store.MessageSent, m.Status)
		same(c, "dispatches", 1, len(m.Dispatches))
	}},
	{"the outcome of a message that is gone is no error", func(c *Case) {
		c.finish(c.leaseOf(uuid.New(), 1), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
	}},
	{"an outcome belongs to one tenant's message", func(c *Case) {
		c.of(1).enqueue("a")
		id := c.of(2).enqueueAs(c.id(), "b").ID
		c.ok(c.of(1).Tx(c.Context(), func(x *store.Tx) error {
			_, err := x.Enqueue(flow.Message{ID: id, Channel: identity.Email, Sealed: []byte{1}, CreatedAt: c.now()})
			return err
		}))
		c.finish(store.MessageLease{Tenant: 1, ID: id}, store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		same(c, "mine", store.MessageSent, c.of(1).message(id).Status)
		same(c, "theirs", store.MessageQueued, c.of(2).message(id).Status)
	}},
	{"only an abandoned message is sent again", func(c *Case) {
		id := c.enqueue("a").ID
		c.requeue(id, false)
		l := leaseOf(c.claim("h", 1)[0], "h")
		c.requeue(id, false)
		c.finish(l, store.MessageOutcome{Status: store.MessageAbandoned, Error: "no such box", Now: c.now()})
		_, err := c.of(2).RequeueMessage(c.Context(), id, c.now())
		c.missing(err)
		c.Clock.Advance(time.Hour)
		same(c, "claimed while abandoned", 0, len(c.claim("h", 1)))
		c.requeue(id, true)
		again := c.claim("h", 1)
		same(c, "claimed", []uuid.UUID{id}, ids(again))
		same(c, "attempts", 1, again[0].SendCount)
		c.finish(leaseOf(again[0], "h"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		c.requeue(id, false)
		same(c, "dispatches", 2, len(c.message(id).Dispatches))
	}},
	{"the janitor takes messages that are through, and those alone", func(c *Case) {
		end := func(id uuid.UUID, status string) {
			c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: status, Error: "x", Now: c.now(), NextAt: c.now()})
			same(c, "status", status, c.message(id).Status)
		}
		var through []uuid.UUID
		for k := range 6 {
			through = append(through, c.enqueue(fmt.Sprint(k)).ID)
			end(through[k], []string{store.MessageSent, store.MessageAbandoned}[k%2])
		}
		trying := c.enqueue("trying").ID
		end(trying, store.MessageQueued)
		c.claim("h", 1)
		waiting := c.enqueue("waiting").ID
		c.Clock.Advance(time.Hour)
		late := c.enqueue("late").ID
		before := c.now()
		total := 0
		for more := true; more; {
			n, again, err := c.DB.System().SweepMessages(c.Context(), before, 2)
			c.ok(err)
			total, more = total+n, again
		}
		same(c, "messages deleted", len(through), total)
		for _, id := range through {
			_, err := c.Message(c.Context(), id)
			c.missing(err)
		}
		for _, id := range []uuid.UUID{trying, waiting, late} {
			c.message(id)
		}
	}},
	{"a message that was just sent stays a while", func(c *Case) {
		c.enqueue("a")
		c.Clock.Advance(time.Hour)
		c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		n, more, err := c.DB.System().SweepMessages(c.Context(), c.now().Add(-time.Minute), 9)
		c.ok(err)
		same(c, "deleted", 0, n)
		same(c, "more", false, more)
	}},
	{"64 senders claim each message exactly once", func(c *Case) {
		const messages = 640
		for k := range messages {
			c.of(1+k%2).enqueueAs(c.id(), fmt.Sprint(k))
		}
		var mu sync.Mutex
		claims := map[uuid.UUID]int{}
		var senders sync.WaitGroup
		for k := range 64 {
			senders.Go(func() {
				for {
					got, err := c.DB.System().ClaimMessages(c.Context(), fmt.Sprint(k), c.now(), c.now().Add(ttl), 7)
					if err != nil {
						c.Error(err)
					}
					if len(got) == 0 {
						return
					}
					mu.Lock()
					for _, m := range got {
						claims[m.ID]++
					}
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		same(c, "messages claimed", messages, len(claims))
		for id, n := range claims {
			if n != 1 {
				c.Errorf("%s was claimed %d times", id, n)
			}
		}
	}},
}

// ttl is how long leases last in these tests.
const ttl = time.Minute

// of is the same case for another tenant, with ids of its own.
func (c *Case) of(tenant int) *Case {
	c.ids++
	other := *c
	other.Tenant = c.DB.Tenant(store.TenantID(tenant))
	other.ids = c.ids << 32
	return &other
}

func (c *Case) enqueue(recipient string) flow.Message {
	c.Helper()
	return c.enqueueAs(c.id(), recipient)
}

func (c *Case) enqueueAs(id uuid.UUID, recipient string) flow.Message {
	c.Helper()
	m := flow.Message{ID: id, Template: "recovery_code_valid", Channel: identity.Email, Recipient: recipient, Sealed: []byte("sealed"), CreatedAt: c.now()}
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
		_, err := x.Enqueue(m)
		return err
	}))
	return m
}

func (c *Case) claim(holder string, limit int) []store.Message {
	c.Helper()
	got, err := c.DB.System().ClaimMessages(c.Context(), holder, c.now(), c.now().Add(ttl), limit)
	c.ok(err)
	return got
}

func (c *Case) finish(l store.MessageLease, o store.MessageOutcome) {
	c.Helper()
	c.ok(c.DB.System().FinishMessage(c.Context(), l, o))
}

func (c *Case) message(id uuid.UUID) store.Message {
	c.Helper()
	m, err := c.Message(c.Context(), id)
	c.ok(err)
	return m
}

// leaseOf is a lease of this tenant's message, whether or not there is one.
func (c *Case) leaseOf(id uuid.UUID, attempt int) store.MessageLease {
	c.Helper()
	l := store.MessageLease{Tenant: 1, ID: id, Attempt: attempt}
	if m, err := c.Message(c.Context(), id); err == nil {
		l.Tenant = m.Tenant
	}
	return l
}

func (c *Case) nextIs(want time.Time) {
	c.Helper()
	got, err := c.DB.System().NextMessage(c.Context())
	c.ok(err)
	same(c, "the next message is due", want, got)
}

func (c *Case) requeue(id uuid.UUID, want bool) {
	c.Helper()
	got, err := c.RequeueMessage(c.Context(), id, c.now())
	c.ok(err)
	same(c, "requeued", want, got)
}

// messagePages follows the pages of a list.
func (c *Case) messagePages(f store.MessageFilter, size int) (all []uuid.UUID) {
	c.Helper()
	for f.Limit = size; ; {
		page, err := c.Messages(c.Context(), f)
		c.ok(err)
		all = append(all, ids(page)...)
		if len(page) < size {
			return all
		}
		last := page[len(page)-1]
		f.BeforeCreatedAt, f.BeforeID = last.CreatedAt, last.ID
	}
}

func leaseOf(m store.Message, holder string) store.MessageLease {
	return store.MessageLease{Tenant: m.Tenant, ID: m.ID, Holder: holder, Attempt: m.SendCount}
}

func ids(list []store.Message) (all []uuid.UUID) {
	for _, m := range list {
		all = append(all, m.ID)
	}
	return all
}

func withoutIDs(list []store.Dispatch) []store.Dispatch {
	var all []store.Dispatch
	for _, d := range list {
		d.ID = uuid.Nil
		all = append(all, d)
	}
	return all
}
