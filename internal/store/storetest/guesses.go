package storetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cardea/internal/gate"
)

// guessKey is the key of a counter of a test's.
func guessKey(name string) (k gate.Key) {
	copy(k[:], name)
	return k
}

func counter(name string, r gate.Rule) gate.Counter {
	return gate.Counter{Subject: guessKey(name), About: guessKey("about " + name), Rule: r}
}

func (c *Case) take(at time.Time, counters ...gate.Counter) []gate.State {
	c.Helper()
	states, err := c.TakeGuesses(c.Context(), counters, at)
	c.ok(err)
	return states
}

// tight lets three through at once and six in all.
var tight = gate.Rule{Free: 3, Stop: 6, First: time.Second, Longest: 3 * time.Second, Window: time.Minute}

var guessTests = []test{
	{"pauses between guesses grow until there are none left, and time forgets", func(c *Case) {
		now, ann := c.now(), counter("ann", tight)
		for n := 1; n <= 3; n++ {
			same(c, "free", gate.State{Granted: true, Taken: n, Ends: now.Add(time.Minute)}, c.take(now, ann)[0])
		}
		for n, pause := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			what := "guess " + strconv.Itoa(4+n)
			same(c, what+" too early", gate.State{Taken: 3 + n, Until: now.Add(pause).UTC()}, utc(c.take(now.Add(pause-time.Microsecond), ann)[0]))
			now = now.Add(pause)
			same(c, what, true, c.take(now, ann)[0].Granted)
		}
		over := now.Add(time.Minute)
		same(c, "after the last", gate.State{Taken: 6, Until: over.UTC()}, utc(c.take(over.Add(-time.Microsecond), ann)[0]))
		same(c, "about somebody else", 1, c.take(now, counter("bob", tight))[0].Taken)
		same(c, "forgotten", gate.State{Granted: true, Taken: 1, Ends: over.Add(time.Minute)}, c.take(over, ann)[0])
	}},
	{"a guess that one counter refuses counts for none, unless that one is silent", func(c *Case) {
		once := gate.Rule{Free: 1, Stop: 1, Window: time.Minute}
		ann, bob := counter("ann", once), counter("bob", tight)
		same(c, "first", 1, c.take(c.now(), bob, ann)[1].Taken)
		states := c.take(c.now(), bob, ann)
		same(c, "refused", []bool{true, false}, []bool{states[0].Granted, states[1].Granted})
		same(c, "what it did not count for", 2, c.take(c.now(), bob)[0].Taken)
		ann.Silent = true
		states = c.take(c.now(), ann, bob)
		same(c, "silent", []bool{false, true}, []bool{states[0].Granted, states[1].Granted})
		same(c, "what it counted for", 3, states[1].Taken)
	}},
	{"what is about one thing is forgotten together", func(c *Case) {
		ann, pair, bob := counter("ann", tight), counter("ann from here", tight), counter("bob", tight)
		pair.About = ann.About
		c.take(c.now(), ann, pair, bob)
		c.ok(c.ForgetGuesses(c.Context()))
		c.ok(c.ForgetGuesses(c.Context(), ann.About, guessKey("nothing")))
		states := c.take(c.now(), ann, pair, bob)
		same(c, "counts", []int{1, 1, 2}, []int{states[0].Taken, states[1].Taken, states[2].Taken})
	}},
	{"of 200 parallel guesses as many count as are allowed", func(c *Case) {
		const all, allowed = 200, 7
		account := counter("ann", gate.Rule{Free: allowed + 1, Stop: allowed, Window: time.Minute})
		network := counter("10.0.0.1", gate.Rule{Free: 2 * all, Stop: 2 * all, Window: time.Minute})
		var granted atomic.Int64
		var wg sync.WaitGroup
		for range all {
			wg.Go(func() {
				states, err := c.TakeGuesses(c.Context(), []gate.Counter{network, account}, c.now())
				c.ok(err)
				if err == nil && states[0].Granted && states[1].Granted {
					granted.Add(1)
				}
			})
		}
		wg.Wait()
		same(c, "granted", int64(allowed), granted.Load())
		same(c, "counted for the account", allowed, c.take(c.now(), account)[0].Taken)
		same(c, "counted for the network", allowed+1, c.take(c.now(), network)[0].Taken)
	}},
	{"200 parallel guesses are counted one by one", func(c *Case) {
		const all = 200
		network := counter("10.0.0.1", gate.Rule{Free: 2 * all, Stop: 2 * all, Window: time.Minute})
		var wg sync.WaitGroup
		for n := range all {
			wg.Go(func() {
				_, err := c.TakeGuesses(c.Context(), []gate.Counter{network, counter("account "+strconv.Itoa(n%5), tight)}, c.now())
				c.ok(err)
			})
		}
		wg.Wait()
		// Three of each account; the others were refused and count for nobody.
		same(c, "counted", 16, c.take(c.now(), network)[0].Taken)
	}},
}

func utc(s gate.State) gate.State {
	s.Until = s.Until.UTC()
	return s
}
