package storetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/store"
)

// budget is a counter of messages.
func budget(scope gate.Scope, name string, messages int) gate.Counter {
	return gate.Counter{Scope: scope, Subject: guessKey(name), About: guessKey(name), Kept: true, Rule: gate.Bucket(messages, time.Hour)}
}

// send queues a message and tells what withheld it.
func (c *Case) send(to string, at time.Time, budgets ...gate.Counter) (withheld gate.Scope) {
	c.Helper()
	m := flow.Message{ID: uuid.New(), Template: "recovery_code_valid", Channel: identity.Email, Recipient: to, Sealed: []byte{1}, CreatedAt: at, Budgets: budgets}
	c.ok(c.Tx(c.Context(), func(x *store.Tx) (err error) {
		withheld, err = x.Enqueue(m)
		return err
	}))
	return withheld
}

// queued counts the messages of the outbox.
func (c *Case) queued() int {
	c.Helper()
	list, err := c.Messages(c.Context(), store.MessageFilter{Limit: 500})
	c.ok(err)
	return len(list)
}

var sendingTests = []test{
	{"a message beyond a budget is not queued, and counts for none of the others", func(c *Case) {
		now := c.now()
		ann, all := budget(gate.SendRecipient, "ann", 2), budget(gate.SendTotal, "all", 3)
		for n, want := range []gate.Scope{"", "", gate.SendRecipient, gate.SendRecipient} {
			same(c, "message "+strconv.Itoa(n+1), want, c.send("ann@cardea.test", now, ann, all))
		}
		same(c, "to somebody else", "", c.send("bob@cardea.test", now, budget(gate.SendRecipient, "bob", 2), all))
		same(c, "in all", gate.SendTotal, c.send("carl@cardea.test", now, budget(gate.SendRecipient, "carl", 2), all))
		same(c, "queued", 3, c.queued())
		same(c, "half an hour later", "", c.send("ann@cardea.test", now.Add(30*time.Minute), ann))
		same(c, "and another one", gate.SendRecipient, c.send("ann@cardea.test", now.Add(30*time.Minute), ann))
	}},
	{"what a transaction that fails would have sent is not counted", func(c *Case) {
		ann := budget(gate.SendRecipient, "ann", 1)
		err := c.Tx(c.Context(), func(x *store.Tx) error {
			_, err := x.Enqueue(flow.Message{ID: uuid.New(), Channel: identity.Email, Recipient: "ann@cardea.test", Sealed: []byte{1}, CreatedAt: c.now(), Budgets: []gate.Counter{ann}})
			c.ok(err)
			return problem.ErrNotFound
		})
		c.missing(err)
		same(c, "the next one", "", c.send("ann@cardea.test", c.now(), ann))
	}},
	{"of 200 parallel messages as many are queued as the budgets allow", func(c *Case) {
		ann, all := budget(gate.SendRecipient, "ann", 7), budget(gate.SendTotal, "all", 1000)
		var sent atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if c.send("ann@cardea.test", c.now(), ann, all) == "" {
					sent.Add(1)
				}
			})
		}
		wg.Wait()
		same(c, "sent", int64(7), sent.Load())
		same(c, "queued", 7, c.queued())
	}},
	{"an address on the suppression list gets nothing, until it ends or somebody takes it off", func(c *Case) {
		now := c.now()
		end := now.Add(time.Hour)
		ann := store.Suppression{ID: uuid.New(), Via: identity.Email, Address: "ann@cardea.test", Reason: "complaint", CreatedAt: now}
		bob := store.Suppression{ID: uuid.New(), Via: identity.Email, Address: "bob@cardea.test", Reason: "manual", Note: "asked for it", CreatedAt: now.Add(time.Second), ExpiresAt: &end}
		c.ok(c.Suppress(c.Context(), []store.Suppression{ann, bob}))
		same(c, "however it is written", gate.Suppressed, c.send(" Ann@CARDEA.test", now))
		same(c, "before the end", gate.Suppressed, c.send("bob@cardea.test", end.Add(-time.Microsecond)))
		same(c, "after the end", "", c.send("bob@cardea.test", end))
		same(c, "somebody else", "", c.send("carl@cardea.test", now))
		list, err := c.Suppressions(c.Context(), store.SuppressionFilter{Now: now, Limit: 10})
		c.ok(err)
		same(c, "newest first", []string{"bob@cardea.test", "ann@cardea.test"}, []string{list[0].Address, list[1].Address})
		again := ann
		again.ID, again.Reason = uuid.New(), "bounce"
		c.ok(c.Suppress(c.Context(), []store.Suppression{again}))
		list, err = c.Suppressions(c.Context(), store.SuppressionFilter{Now: end, Address: "ann@cardea.test", Limit: 10})
		c.ok(err)
		same(c, "once", 1, len(list))
		same(c, "which one", ann.ID, list[0].ID)
		same(c, "why", "bounce", list[0].Reason)
		list, err = c.Suppressions(c.Context(), store.SuppressionFilter{Now: end, Limit: 10})
		c.ok(err)
		same(c, "that last", 1, len(list))
		c.ok(c.Unsuppress(c.Context(), ann.ID))
		c.missing(c.Unsuppress(c.Context(), ann.ID))
		same(c, "after it was taken off", "", c.send("ann@cardea.test", now))
	}},
	{"a long list of addresses is taken at once, and of one that is named twice the last counts", func(c *Case) {
		now, all := c.now(), []store.Suppression{}
		add := func(name, reason string) {
			all = append(all, store.Suppression{ID: uuid.New(), Via: identity.Email, Address: name + "@cardea.test", Reason: reason, CreatedAt: now})
		}
		for n := range 100 {
			add("somebody-"+strconv.Itoa(n), "bounce")
		}
		add("somebody-7", "complaint")
		for range 2 { // the second time all of them are on it
			c.ok(c.Suppress(c.Context(), all))
			list, err := c.Suppressions(c.Context(), store.SuppressionFilter{Now: now, Limit: 500})
			c.ok(err)
			same(c, "on the list", 100, len(list))
			list, err = c.Suppressions(c.Context(), store.SuppressionFilter{Now: now, Address: "somebody-7@cardea.test", Limit: 10})
			c.ok(err)
			same(c, "why", "complaint", list[0].Reason)
		}
	}},
}

// sendingRunTests are about what senders find out.
var sendingRunTests = []test{
	{"a recipient that was rejected is suppressed with the end of the attempt", func(c *Case) {
		now := c.now()
		same(c, "the first", "", c.send("ann@cardea.test", now))
		claimed, err := c.DB.System().ClaimMessages(c.Context(), "h", now, now.Add(time.Minute), 1)
		c.ok(err)
		lease := store.MessageLease{Tenant: claimed[0].Tenant, ID: claimed[0].ID, Holder: "h", Attempt: 1}
		c.ok(c.DB.System().FinishMessage(c.Context(), lease, store.MessageOutcome{Status: store.MessageAbandoned, Error: "no such mailbox", Now: now, SuppressUntil: now.Add(time.Hour)}))
		same(c, "the next", gate.Suppressed, c.send("ann@cardea.test", now))
		same(c, "an hour later", "", c.send("ann@cardea.test", now.Add(time.Hour)))
	}},
	{"a recipient that was rejected stays on the list for as long as somebody wants it to", func(c *Case) {
		now := c.now()
		for n, already := range []time.Duration{0, time.Minute, 2 * time.Hour} {
			name := "somebody-" + strconv.Itoa(n) + "@cardea.test"
			c.send(name, now)
			end := now.Add(already)
			entry := store.Suppression{ID: uuid.New(), Via: identity.Email, Address: name, Reason: "manual", CreatedAt: now}
			if already > 0 { // otherwise for ever
				entry.ExpiresAt = &end
			}
			c.ok(c.Suppress(c.Context(), []store.Suppression{entry}))
			claimed, err := c.DB.System().ClaimMessages(c.Context(), "h", now, now.Add(time.Minute), 1)
			c.ok(err)
			lease := store.MessageLease{Tenant: claimed[0].Tenant, ID: claimed[0].ID, Holder: "h", Attempt: 1}
			c.ok(c.DB.System().FinishMessage(c.Context(), lease, store.MessageOutcome{Status: store.MessageAbandoned, Error: "no such mailbox", Now: now, SuppressUntil: now.Add(time.Hour)}))
			list, err := c.Suppressions(c.Context(), store.SuppressionFilter{Now: now, Address: name, Limit: 10})
			c.ok(err)
			same(c, "entries of "+name, 1, len(list))
			same(c, "which one of "+name, entry.ID, list[0].ID)
			same(c, "why "+name, []string{"manual", "rejected", "manual"}[n], list[0].Reason)
		}
	}},
}
