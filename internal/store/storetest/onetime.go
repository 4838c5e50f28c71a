package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"cardea/internal/store"
)

const purpose = "test"

func (c *Case) consume(subject string, at time.Time, keys ...string) store.Consumption {
	c.Helper()
	var list [][]byte
	for _, k := range keys {
		list = append(list, []byte(k))
	}
	got, err := c.Consume(c.Context(), purpose, subject, list, at)
	c.ok(err)
	return got
}

func (c *Case) put(o store.OneTime) {
	c.Helper()
	o.Purpose = purpose
	if o.ExpiresAt.IsZero() {
		o.ExpiresAt = c.now().Add(time.Minute)
	}
	c.ok(c.PutOneTime(c.Context(), o))
}

var oneTimeTests = []test{
	{"what is taken in a transaction works once, and what came later can be dropped", func(c *Case) {
		for _, key := range []string{"a", "b"} {
			c.put(store.OneTime{Subject: "ann", Key: []byte(key)})
		}
		take := func(key string, at time.Time) (ok bool) {
			c.ok(c.Tx(c.Context(), func(x *store.Tx) (err error) {
				ok, err = x.TakeOneTime(purpose, "ann", []byte(key), at)
				return err
			}))
			return ok
		}
		same(c, "another", false, take("x", c.now()))
		same(c, "after its time", false, take("a", c.now().Add(time.Minute)))
		same(c, "the first time", true, take("a", c.now()))
		same(c, "the second time", false, take("a", c.now()))
		drop := func(since time.Time) {
			c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.DropOneTimesSince(purpose, "ann", since) }))
		}
		drop(c.now().Add(time.Second))
		_, err := c.PeekOneTime(c.Context(), purpose, "ann", []byte("b"), c.now())
		c.ok(err)
		drop(c.now())
		_, err = c.PeekOneTime(c.Context(), purpose, "ann", []byte("b"), c.now())
		c.missing(err)
	}},
	{"a secret works once", func(c *Case) {
		c.put(store.OneTime{Key: []byte("k"), Payload: []byte("p")})
		same(c, "other secret", store.Consumption{Outcome: store.Unknown}, c.consume("", c.now(), "x"))
		payload, err := c.PeekOneTime(c.Context(), purpose, "", []byte("k"), c.now())
		c.ok(err)
		same(c, "peek", "p", string(payload))
		same(c, "first", store.Consumption{Payload: []byte("p"), Attempts: 1, Left: -1}, c.consume("", c.now(), "k"))
		same(c, "second", store.Used, c.consume("", c.now(), "k").Outcome)
		_, err = c.PeekOneTime(c.Context(), purpose, "", []byte("k"), c.now())
		c.missing(err)
	}},
	{"a challenge is spent once", func(c *Case) {
		spend := func(purpose, key string) bool {
			won, err := c.Spend(c.Context(), purpose, []byte(key), c.now().Add(time.Minute))
			c.ok(err)
			return won
		}
		same(c, "first", true, spend(purpose, "k"))
		same(c, "second", false, spend(purpose, "k"))
		same(c, "another", true, spend(purpose, "l"))
		same(c, "for something else", true, spend("other", "k"))
	}},
	{"of parallel spenders one wins", func(c *Case) {
		var group sync.WaitGroup
		var wins atomic.Int32
		for range 8 {
			group.Go(func() {
				won, err := c.Spend(c.Context(), purpose, []byte("k"), c.now().Add(time.Minute))
				if err != nil {
					c.Errorf("spend: %v", err)
				}
				if won {
					wins.Add(1)
				}
			})
		}
		group.Wait()
		same(c, "winners", int32(1), wins.Load())
	}},
	{"a secret under a rotated key works", func(c *Case) {
		c.put(store.OneTime{Key: []byte("old")})
		same(c, "outcome", store.Consumed, c.consume("", c.now(), "new", "newer", "old").Outcome)
	}},
	{"no key consumes nothing", func(c *Case) {
		c.put(store.OneTime{Key: []byte("k")})
		same(c, "outcome", store.Unknown, c.consume("", c.now()).Outcome)
		same(c, "afterwards", store.Consumed, c.consume("", c.now(), "k").Outcome)
	}},
	{"a wrong secret does not count against others", func(c *Case) {
		c.put(store.OneTime{Key: []byte("k"), MaxAttempts: 1})
		for range 3 {
			c.consume("", c.now(), "x")
		}
		same(c, "outcome", store.Consumed, c.consume("", c.now(), "k").Outcome)
	}},
	{"a secret ends in time", func(c *Case) {
		c.put(store.OneTime{Key: []byte("k")})
		same(c, "at its end", store.Expired, c.consume("", c.now().Add(time.Minute), "k").Outcome)
		same(c, "before", store.Consumed, c.consume("", c.now().Add(time.Minute-1000), "k").Outcome)
	}},
	{"wrong guesses exhaust a code, even for the right one", func(c *Case) {
		c.put(store.OneTime{Subject: "flow", Key: []byte("123"), MaxAttempts: 3})
		for k := range 3 {
			same(c, "guess", store.Consumption{Outcome: store.Wrong, Attempts: k + 1, Left: 2 - k}, c.consume("flow", c.now(), "000"))
		}
		same(c, "right but late", store.Exhausted, c.consume("flow", c.now(), "123").Outcome)
		same(c, "other subject", store.Unknown, c.consume("other", c.now(), "123").Outcome)
	}},
	{"the last attempt may be the right one", func(c *Case) {
		c.put(store.OneTime{Subject: "flow", Key: []byte("123"), MaxAttempts: 2})
		c.consume("flow", c.now(), "000")
		same(c, "second of two", store.Consumption{Attempts: 2, Left: 0}, c.consume("flow", c.now(), "123"))
	}},
	{"two subjects can have the same code", func(c *Case) {
		c.put(store.OneTime{Subject: "a", Key: []byte("123"), Payload: []byte("A")})
		c.put(store.OneTime{Subject: "b", Key: []byte("123"), Payload: []byte("B")})
		same(c, "first", "A", string(c.consume("a", c.now(), "123").Payload))
		same(c, "second", "B", string(c.consume("b", c.now(), "123").Payload))
	}},
	{"a subject can have several codes and consumes one", func(c *Case) {
		c.put(store.OneTime{Subject: "a", Key: []byte("1"), Payload: []byte("one")})
		c.put(store.OneTime{Subject: "a", Key: []byte("2"), Payload: []byte("two")})
		same(c, "first", "two", string(c.consume("a", c.now(), "2").Payload))
		same(c, "again", store.Wrong, c.consume("a", c.now(), "2").Outcome)
		same(c, "other", "one", string(c.consume("a", c.now(), "1").Payload))
	}},
	{"a new code replaces the ones before and may keep their count", func(c *Case) {
		c.put(store.OneTime{Subject: "a", Key: []byte("1")})
		c.ok(c.ReplaceOneTime(c.Context(), store.OneTime{
			Purpose: purpose, Subject: "a", Key: []byte("2"), Attempts: 1, MaxAttempts: 2, ExpiresAt: c.now().Add(time.Minute),
		}))
		same(c, "old", store.Consumption{Outcome: store.Wrong, Attempts: 2}, c.consume("a", c.now(), "1"))
		same(c, "new", store.Exhausted, c.consume("a", c.now(), "2").Outcome)
	}},
	{"of 64 submissions at once one wins", func(c *Case) {
		c.put(store.OneTime{Key: []byte("k"), Payload: []byte("p")})
		same(c, "winners", 1, c.race("", "k", store.Consumed))
	}},
	{"of 64 guesses at once only the allowed ones count", func(c *Case) {
		c.put(store.OneTime{Subject: "a", Key: []byte("k"), MaxAttempts: 5})
		same(c, "guesses", 5, c.race("a", "x", store.Wrong))
	}},
}

// race submits a key 64 times at once and counts an outcome.
func (c *Case) race(subject, key string, outcome store.Outcome) int {
	var all sync.WaitGroup
	var count atomic.Int64
	start := make(chan struct{})
	for range 64 {
		all.Go(func() {
			<-start
			got, err := c.Consume(c.Context(), purpose, subject, [][]byte{[]byte(key)}, c.now())
			if err != nil {
				c.Error(err)
			} else if got.Outcome == outcome {
				count.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return int(count.Load())
}
