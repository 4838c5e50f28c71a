package gate_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/gate"
)

// ledger is gate.Ledger in memory.
type ledger struct {
	mu     sync.Mutex
	rows   map[gate.Key]gate.Row
	writes int
	fails  error
}

func (l *ledger) TakeGuesses(_ context.Context, counters []gate.Counter, now time.Time) ([]gate.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	if l.fails != nil {
		return nil, l.fails
	}
	states, after, refused := make([]gate.State, len(counters)), map[gate.Key]gate.Row{}, false
	for n, c := range counters {
		row, granted := c.Rule.Take(l.rows[c.Subject], now)
		states[n], after[c.Subject] = c.Rule.State(row, granted, now), row
		refused = refused || !granted && !c.Silent
	}
	if !refused {
		maps.Copy(l.rows, after)
	}
	return states, nil
}

func (l *ledger) MissGuesses(_ context.Context, subjects []gate.Key, now time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	after := map[gate.Key]gate.Row{}
	for _, k := range subjects {
		row, there := l.rows[k]
		if !there {
			continue
		}
		if row.Held == 0 || !row.HeldUntil.After(now) {
			return false, nil
		}
		row.Held--
		after[k] = row
	}
	maps.Copy(l.rows, after)
	return true, nil
}

func (l *ledger) ForgetGuesses(_ context.Context, about ...gate.Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range about {
		delete(l.rows, k)
	}
	return nil
}

// taken is how many count.
func (l *ledger) taken(name byte) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows[gate.Key{name}].Taken
}

func counter(name byte, stop int) gate.Counter {
	k := gate.Key{name}
	return gate.Counter{Scope: gate.Scope(name), Subject: k, About: k, Rule: gate.Rule{Free: stop, Stop: stop, Window: time.Hour}}
}

type desk struct {
	*gate.Desk
	*ledger
	*testing.T
	clock *clock.Fake
}

func newDesk(t *testing.T) *desk {
	l := &ledger{rows: map[gate.Key]gate.Row{}}
	c := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	return &desk{gate.NewDesk(l, c), l, t, c}
}

func (d *desk) take(counters ...gate.Counter) (*gate.Guess, *gate.Refused) {
	d.Helper()
	g, refused, err := d.Desk.Take(d.Context(), counters)
	if err != nil || (g == nil) == (refused == nil) {
		d.Fatalf("%v %v %v", g, refused, err)
	}
	return g, refused
}

func (d *desk) right(g *gate.Guess) {
	d.Helper()
	if counted, err := g.Right(d.Context()); err != nil || !counted {
		d.Fatal(counted, err)
	}
}

func (d *desk) wrong(g *gate.Guess) {
	d.Helper()
	if counted, err := g.Wrong(d.Context()); err != nil || !counted {
		d.Fatal(counted, err)
	}
}

func TestRightGuessesUseNothingUpAndCostOneWrite(t *testing.T) {
	d := newDesk(t)
	for range 50 {
		g, _ := d.take(counter('a', 3), counter('n', 3))
		d.right(g)
	}
	if d.writes != 1 || d.taken('a') != 1 {
		t.Errorf("%d writes, %d taken", d.writes, d.taken('a'))
	}
}

func TestARightGuessEmptiesItsCountersButNotThoseThatAreKept(t *testing.T) {
	d := newDesk(t)
	network := counter('n', 9)
	network.Kept = true
	for range 2 {
		g, _ := d.take(counter('a', 3), network)
		d.wrong(g)
	}
	g, _ := d.take(counter('a', 3), network)
	d.right(g)
	if d.taken('a') != 0 || d.taken('n') != 3 {
		t.Errorf("taken: %v", d.rows)
	}
}

func TestOfParallelGuessesNoMoreAreLookedAtThanAreAllowedAndRightOnesWaitForTheirTurn(t *testing.T) {
	for _, wrong := range []bool{true, false} {
		d := newDesk(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		looked := 0
		for range 200 {
			wg.Go(func() {
				g, _, err := d.Desk.Take(t.Context(), []gate.Counter{counter('a', 5), counter('n', 1000)})
				if err != nil {
					t.Error(err)
				}
				if g == nil {
					return
				}
				mu.Lock()
				looked++
				mu.Unlock()
				end := g.Right
				if wrong {
					end = g.Wrong
				}
				if counted, err := end(t.Context()); err != nil || !counted {
					t.Error(counted, err)
				}
			})
		}
		wg.Wait()
		if want := map[bool]int{true: 5, false: 200}[wrong]; looked != want {
			t.Errorf("wrong %t: %d were looked at, want %d", wrong, looked, want)
		}
	}
}

func TestARefusalIsRememberedForASecond(t *testing.T) {
	d := newDesk(t)
	g, _ := d.take(counter('a', 1))
	d.wrong(g)
	for range 100 {
		if _, refused := d.take(counter('a', 1)); refused == nil {
			t.Fatal("not refused")
		}
	}
	if d.writes != 2 {
		t.Errorf("the ledger was asked %d times, want 2", d.writes)
	}
	clear(d.rows) // somebody has emptied it elsewhere
	d.clock.Advance(time.Second)
	if _, refused := d.take(counter('a', 1)); refused != nil {
		t.Error("refused for ever")
	}
}

func TestASilentCounterPoisonsInsteadOfRefusing(t *testing.T) {
	d := newDesk(t)
	silent := counter('p', 1)
	silent.Silent = true
	for n, want := range []bool{false, true, true} {
		g, _ := d.take(counter('a', 5), silent)
		if g.Poisoned != want {
			t.Errorf("guess %d: poisoned is %t", n+1, g.Poisoned)
		}
		d.wrong(g)
	}
}

func TestAGuessThatCannotBeCountedIsNotLookedAt(t *testing.T) {
	d := newDesk(t)
	d.fails = errors.New("no database")
	if g, _, err := d.Desk.Take(t.Context(), []gate.Counter{counter('a', 5)}); g != nil || !errors.Is(err, d.fails) {
		t.Errorf("%v %v", g, err)
	}
	d.fails = nil
	g, _ := d.take(counter('a', 5))
	d.wrong(g)
}

func TestAFloodIsStoppedInMemoryAndTheBucketFillsAgain(t *testing.T) {
	f, now, here := gate.NewFlood(3, time.Second), time.Unix(1000, 0), gate.Key{1}
	for range 3 {
		if ok, _ := f.Full(here, now); !ok {
			t.Fatal("stopped too early")
		}
		f.Spend(here, now)
	}
	ok, until := f.Full(here, now)
	if ok || !until.Equal(now.Add(time.Second)) {
		t.Errorf("%t until %v", ok, until)
	}
	if ok, _ := f.Full(gate.Key{2}, now); !ok {
		t.Error("somebody else is stopped")
	}
	if ok, _ := f.Full(here, until); !ok {
		t.Error("the bucket does not fill")
	}
}

func TestMemoryOfAFloodIsBounded(t *testing.T) {
	f, now := gate.NewFlood(3, time.Second), time.Unix(1000, 0)
	for n := range 200_000 {
		f.Spend(gate.Key{byte(n), byte(n >> 8), byte(n >> 16)}, now)
	}
	if got := f.Len(); got > 1<<15 {
		t.Errorf("%d addresses are remembered", got)
	}
}

func TestMemoryOfTheDeskIsBounded(t *testing.T) {
	d := newDesk(t)
	for n := range gate.Most + 4000 {
		if n%1000 == 0 {
			d.clock.Advance(time.Second) // it tidies up once a second
		}
		c := counter(0, 3)
		c.Subject = gate.Key{1, byte(n), byte(n >> 8), byte(n >> 16)}
		g, _ := d.take(c)
		g.Return() // it stays at the desk, for the next one about the same
	}
	if got := d.Len(); got > gate.Most+1000 {
		t.Errorf("%d counters are remembered", got)
	}
}

func TestAddressesAreNormalised(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:c000:201": "192.0.2.1/32",
		"2001:db8::1": "2001:db8::/64", "2001:DB8:0:0:ffff::": "2001:db8::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := gate.Source(netip.MustParseAddr(text)).String(); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	if got := gate.Source(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address is %s", got)
	}
}

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, tt := range []struct {
		peer, want string
		chain      []string
	}{
		{"203.0.113.9", "203.0.113.9", []string{"1.1.1.1"}},
		{"10.0.0.1", "10.0.0.1", nil},
		{"10.0.0.1", "203.0.113.1", []string{"1.1.1.1, 203.0.113.1"}},
		{"10.0.0.1", "203.0.113.1", []string{"1.1.1.1", "203.0.113.1, 10.0.0.2"}},
		{"::ffff:10.0.0.1", "203.0.113.1", []string{"::ffff:203.0.113.1"}},
		{"10.0.0.1", "2001:db8::1", []string{"[2001:db8::1]:4711"}},
		{"10.0.0.1", "203.0.113.1", []string{"203.0.113.1:4711"}},
		{"2001:db8:1::1", "203.0.113.1", []string{"203.0.113.1"}},
		{"10.0.0.1", "10.0.0.1", []string{"1.1.1.1, unknown"}}, // what stands before cannot be believed
	} {
		got := gate.ClientOf(netip.MustParseAddr(tt.peer), tt.chain, proxies)
		if got != netip.MustParseAddr(tt.want) {
			t.Errorf("%s with %q is %s, want %s", tt.peer, tt.chain, got, tt.want)
		}
	}
}

func TestARefusalUnderATightRuleKeepsNobodyOutWhoHasALooserOne(t *testing.T) {
	d := newDesk(t)
	for range 2 {
		g, _ := d.take(counter('a', 2))
		d.wrong(g)
	}
	_, refused := d.take(counter('a', 2))
	if refused == nil || !refused.Final || refused.Taken != 2 {
		t.Fatalf("the tight rule: %+v", refused)
	}
	g, refused := d.take(counter('a', 5))
	if refused != nil || g.Taken["a"] != 3 {
		t.Fatalf("the looser rule: %+v", refused)
	}
	d.wrong(g)
	if _, refused := d.take(counter('a', 2)); refused == nil {
		t.Error("the tight rule lets more through after that")
	}
}
