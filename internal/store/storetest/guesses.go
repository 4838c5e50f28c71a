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

// miss makes guesses wrong ones.
func (c *Case) miss(at time.Time, want bool, counters ...gate.Counter) {
	c.Helper()
	var subjects []gate.Key
	for _, one := range counters {
		subjects = append(subjects, one.Subject)
	}
	counted, err := c.MissGuesses(c.Context(), subjects, at)
	c.ok(err)
	same(c, "counted as wrong", want, counted)
}

// tight lets three through at once and six in all.
var tight = gate.Rule{Free: 3, Stop: 6, First: time.Second, Longest: 3 * time.Second, Window: time.Minute}

var guessTests = []test{
	{"pauses between guesses grow until there are none left, and time forgets", func(c *Case) {
		now, ann := c.now(), counter("ann", tight)
		for n := 1; n <= 3; n++ {
			same(c, "free", gate.State{Granted: true, Taken: n, Held: 1, Ends: now.Add(gate.Lease).UTC()}, utc(c.take(now, ann)[0]))
			c.miss(now, true, ann)
		}
		for n, pause := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			what := "guess " + strconv.Itoa(4+n)
			same(c, what+" too early", gate.State{Taken: 3 + n, Until: now.Add(pause).UTC()}, utc(c.take(now.Add(pause-time.Microsecond), ann)[0]))
			now = now.Add(pause)
			same(c, what, true, c.take(now, ann)[0].Granted)
			c.miss(now, true, ann)
		}
		over := now.Add(time.Minute)
		same(c, "after the last", gate.State{Taken: 6, Until: over.UTC()}, utc(c.take(over.Add(-time.Microsecond), ann)[0]))
		same(c, "about somebody else", 1, c.take(now, counter("bob", tight))[0].Taken)
		same(c, "forgotten", gate.State{Granted: true, Taken: 1, Held: 1, Ends: over.Add(gate.Lease).UTC()}, utc(c.take(over, ann)[0]))
	}},
	{"a guess that nobody found wrong is free again after its time", func(c *Case) {
		now, ann := c.now(), counter("ann", gate.Rule{Free: 5, Stop: 3, Window: time.Hour})
		c.take(now, ann)
		c.take(now, ann)
		c.miss(now, true, ann)
		now = now.Add(gate.Lease / 2)
		c.take(now, ann)
		lapse := now.Add(gate.Lease)
		same(c, "before", gate.State{Taken: 3, Held: 2, Until: lapse.UTC()}, utc(c.take(lapse.Add(-time.Microsecond), ann)[0]))
		same(c, "after", gate.State{Granted: true, Taken: 2, Held: 1, Ends: lapse.Add(gate.Lease).UTC()}, utc(c.take(lapse, ann)[0]))
	}},
	{"what has lapsed is no guess any more, and what was emptied is nobody's", func(c *Case) {
		now, ann, bob := c.now(), counter("ann", tight), counter("bob", tight)
		c.take(now, ann)
		c.miss(now.Add(gate.Lease), false, ann)
		c.take(now, bob)
		c.miss(now, true, ann, bob, counter("carl", tight))
		c.miss(now, false, ann)
		c.take(now, bob)
		c.miss(now, false, ann, bob)
		c.miss(now, true, bob) // nothing was changed
	}},
	{"a bucket fades one by one, however steadily more is added", func(c *Case) {
		now, office := c.now(), counter("10.0.0.1", gate.Bucket(3, 3*time.Minute))
		for n := 1; n <= 3; n++ {
			same(c, "at once", gate.State{Granted: true, Taken: n, Ends: now.Add(time.Duration(n) * time.Minute).UTC()}, utc(c.take(now, office)[0]))
		}
		for range 5 {
			next := now.Add(time.Minute)
			same(c, "too early", gate.State{Taken: 3, Until: next.UTC()}, utc(c.take(next.Add(-time.Microsecond), office)[0]))
			same(c, "in time", gate.State{Granted: true, Taken: 3, Ends: next.Add(3 * time.Minute).UTC()}, utc(c.take(next, office)[0]))
			now = next
		}
		same(c, "empty", 1, c.take(now.Add(time.Hour), office)[0].Taken)
	}},
	{"of 200 parallel guesses a bucket lets as many through as it holds", func(c *Case) {
		office := counter("10.0.0.1", gate.Bucket(7, time.Hour))
		var granted atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				states, err := c.TakeGuesses(c.Context(), []gate.Counter{office}, c.now())
				c.ok(err)
				if err == nil && states[0].Granted {
					granted.Add(1)
				}
			})
		}
		wg.Wait()
		same(c, "granted", int64(7), granted.Load())
	}},
	{"of 200 parallel wrong guesses no more are counted than were reserved", func(c *Case) {
		now, ann := c.now(), counter("ann", gate.Rule{Free: 9, Stop: 7, Window: time.Hour})
		for range 7 {
			c.take(now, ann)
		}
		var counted atomic.Int64
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				yes, err := c.MissGuesses(c.Context(), []gate.Key{ann.Subject}, now)
				c.ok(err)
				if yes {
					counted.Add(1)
				}
			})
		}
		wg.Wait()
		same(c, "counted", int64(7), counted.Load())
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
	s.Until, s.Ends = s.Until.UTC(), s.Ends.UTC()
	return s
}
