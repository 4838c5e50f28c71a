package storetest

import (
	"time"

	"github.com/google/uuid"

	"cardea/internal/store"
)

// orderTests are about messages to one recipient, for two tenants at once.
var orderTests = []test{
	{"messages to one recipient are claimed one after another", func(c *Case) {
		chain := c.chain("ann", 3)
		for k, id := range chain {
			got := c.claim("h", 9)
			same(c, "claimed", []uuid.UUID{id}, ids(got))
			same(c, "claimed beside it", 0, len(c.claim("other", 9)))
			c.Clock.Advance(time.Second)
			c.finish(leaseOf(got[0], "h"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
			if k < len(chain)-1 {
				c.nextIs(c.message(chain[k+1]).CreatedAt)
			}
		}
	}},
	{"other recipients and other tenants do not wait", func(c *Case) {
		first := c.of(1).enqueue("ann").ID
		c.Clock.Advance(time.Second)
		c.of(1).enqueue("ann")
		want := []uuid.UUID{first, c.of(2).enqueue("ann").ID, c.of(1).enqueue("bob").ID}
		same(c, "how many are claimed", len(want), len(c.claim("h", 9)))
	}},
	{"any end of the first attempt lets the next message go", func(c *Case) {
		for _, end := range []string{store.MessageSent, store.MessageQueued, store.MessageAbandoned} {
			chain := c.chain(end, 3)
			l := leaseOf(c.claim("h", 1)[0], "h")
			c.finish(l, store.MessageOutcome{Status: end, Now: c.now(), NextAt: c.now().Add(time.Hour)})
			same(c, "claimed after one that is "+end, chain[1:2], ids(c.claim("h", 9)))
		}
	}},
	{"a second attempt lets nobody go early", func(c *Case) {
		chain := c.chain("ann", 3)
		c.finish(leaseOf(c.claim("h", 9)[0], "h"), store.MessageOutcome{Status: store.MessageQueued, Now: c.now(), NextAt: c.now().Add(-time.Second)})
		both := c.claim("h", 9)
		same(c, "the first again, and the second", chain[:2], ids(both))
		c.finish(leaseOf(both[0], "h"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		same(c, "the third while the second is on its way", 0, len(c.claim("h", 9)))
	}},
	{"a sender that died keeps the order", func(c *Case) {
		chain := c.chain("ann", 2)
		lease := func() time.Time { return c.now().Add(time.Second) }
		_, err := c.DB.System().ClaimMessages(c.Context(), "dead", c.now(), lease(), 9)
		c.ok(err)
		c.Clock.Advance(time.Second)
		taken, err := c.DB.System().ClaimMessages(c.Context(), "alive", c.now(), lease(), 9)
		c.ok(err)
		same(c, "taken over", chain[:1], ids(taken))
		c.finish(leaseOf(taken[0], "alive"), store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		same(c, "claimed then", chain[1:], ids(c.claim("alive", 9)))
	}},
	{"an end that is noted twice lets one message go", func(c *Case) {
		chain := c.chain("ann", 3)
		l := leaseOf(c.claim("h", 9)[0], "h")
		for range 2 {
			c.finish(l, store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		}
		same(c, "claimed", chain[1:2], ids(c.claim("h", 9)))
	}},
	{"a message behind one that failed before is due at once", func(c *Case) {
		c.enqueue("ann")
		c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: store.MessageQueued, Now: c.now(), NextAt: c.now().Add(time.Hour)})
		c.Clock.Advance(time.Second)
		same(c, "claimed", []uuid.UUID{c.enqueue("ann").ID}, ids(c.claim("h", 9)))
	}},
	{"a message behind one that is through is due at once", func(c *Case) {
		for _, end := range []string{store.MessageSent, store.MessageAbandoned} {
			c.enqueue(end)
			c.finish(leaseOf(c.claim("h", 1)[0], "h"), store.MessageOutcome{Status: end, Now: c.now()})
			c.Clock.Advance(time.Second)
			same(c, "claimed behind one that is "+end, []uuid.UUID{c.enqueue(end).ID}, ids(c.claim("h", 9)))
		}
	}},
	{"a message is held back as long as the one before it is on its way", func(c *Case) {
		chain := c.chain("ann", 2)
		l := leaseOf(c.claim("h", 9)[0], "h")
		for range 5 {
			held, err := c.DB.System().RenewMessage(c.Context(), l, c.now().Add(ttl))
			c.ok(err)
			same(c, "held", true, held)
			same(c, "claimed", 0, len(c.claim("h", 9)))
			c.Clock.Advance(ttl / 2)
		}
		c.finish(l, store.MessageOutcome{Status: store.MessageSent, Now: c.now()})
		same(c, "claimed then", chain[1:], ids(c.claim("h", 9)))
	}},
	{"a message that nobody let go goes by itself", func(c *Case) {
		chain := c.chain("ann", 2)
		l := leaseOf(c.claim("h", 9)[0], "h")
		c.claim("h", 9) // holds the other one back
		// As a version before the order would have noted it, without a look at the other.
		c.finish(l, store.MessageOutcome{Status: store.MessageSent, Now: c.now().Add(time.Hour)})
		c.Clock.Advance(time.Minute)
		same(c, "claimed", chain[1:], ids(c.claim("h", 9)))
	}},
	{"messages that have to wait keep nobody else waiting", func(c *Case) {
		many := c.chain("ann", 50)
		other := c.enqueue("bob").ID
		same(c, "claimed two at a time", many[:1], ids(c.claim("h", 2)))
		same(c, "claimed beside many that wait", []uuid.UUID{other}, ids(c.claim("h", 2)))
		same(c, "claimed after that", 0, len(c.claim("h", 2)))
	}},
}

// chain queues messages to one recipient, a moment after each other, the last one now.
func (c *Case) chain(recipient string, messages int) (all []uuid.UUID) {
	c.Helper()
	for range messages {
		c.Clock.Advance(time.Microsecond)
		all = append(all, c.enqueue(recipient).ID)
	}
	return all
}
