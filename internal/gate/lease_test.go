package gate_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
	"cardea/internal/gate"
)

// beside is another process with the same ledger.
func (d *desk) beside() *desk {
	return &desk{gate.NewDesk(d.ledger, d.clock), d.ledger, d.T, d.clock}
}

func TestWhatAProcessThatWasKilledHadReservedIsFreeAgain(t *testing.T) {
	killed := newDesk(t)
	for range 2 {
		g, _ := killed.take(counter('a', 3))
		killed.wrong(g)
	}
	killed.take(counter('a', 3)) // and is killed
	d := killed.beside()
	d.clock.Advance(gate.Lease)
	g, refused := d.take(counter('a', 3))
	if refused != nil {
		t.Fatalf("refused until %v", refused.Until)
	}
	d.wrong(g)
	if _, refused := d.take(counter('a', 3)); refused == nil || !refused.Final {
		t.Error("what was known to be wrong is forgotten, too")
	}
}

func TestNobodyHearsOfAGuessWhoseTimeHasRunOut(t *testing.T) {
	d := newDesk(t)
	var slow []*gate.Guess
	for range 4 {
		g, _ := d.take(counter('a', 4))
		slow = append(slow, g)
	}
	d.clock.Advance(gate.Lease)
	if counted, err := slow[0].Right(t.Context()); counted || err != nil {
		t.Errorf("a right one: %t %v", counted, err)
	}
	other := d.beside()
	for range 4 {
		g, _ := other.take(counter('a', 4))
		other.wrong(g)
	}
	for _, g := range slow[1:] {
		if counted, err := g.Wrong(t.Context()); counted || err != nil {
			t.Errorf("a wrong one: %t %v", counted, err)
		}
	}
	if got := d.taken('a'); got != 4 {
		t.Errorf("%d count, want 4", got)
	}
}

func TestRightGuessesOfManyProcessesWaitForEachOther(t *testing.T) {
	a := newDesk(t)
	b := a.beside()
	var wg sync.WaitGroup
	var looked atomic.Int64
	for n := range 128 {
		d := []*desk{a, b}[n%2]
		wg.Go(func() {
			g, refused, err := d.Desk.Take(t.Context(), []gate.Counter{counter('a', 5)})
			if err != nil || refused != nil {
				t.Errorf("%+v %v", refused, err)
				return
			}
			looked.Add(1)
			if counted, err := g.Right(t.Context()); err != nil || !counted {
				t.Error(counted, err)
			}
		})
	}
	wg.Wait()
	if looked.Load() != 128 {
		t.Errorf("%d were looked at", looked.Load())
	}
}

func TestABucketFadesAtItsPaceHoweverSteadilyMoreIsAdded(t *testing.T) {
	d := newDesk(t)
	office := gate.Counter{Subject: gate.Key{'n'}, About: gate.Key{'n'}, Kept: true, Rule: gate.Bucket(10, 10*time.Minute)}
	for minute := range 600 { // one a minute is what fades
		g, refused := d.take(office)
		if refused != nil {
			t.Fatalf("refused in minute %d", minute)
		}
		d.wrong(g)
		d.clock.Advance(time.Minute)
	}
	for range 10 {
		g, _ := d.take(office)
		d.wrong(g)
	}
	_, refused := d.take(office)
	if refused == nil || !refused.Final || !refused.Until.Equal(d.clock.Now().Add(time.Minute)) {
		t.Fatalf("the eleventh at once: %+v", refused)
	}
	d.clock.Advance(time.Minute)
	g, _ := d.take(office)
	d.wrong(g)
}

func TestALineOfRightGuessesThatMovesSendsNobodyAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{rows: map[gate.Key]gate.Row{}}
		d := gate.NewDesk(l, clock.System{})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				g, refused, err := d.Take(t.Context(), []gate.Counter{counter('a', 4)})
				if err != nil || refused != nil {
					t.Errorf("%+v %v", refused, err)
					return
				}
				time.Sleep(3 * time.Second) // a slow machine: 48 seconds for all
				if counted, err := g.Right(t.Context()); err != nil || !counted {
					t.Error(counted, err)
				}
			})
		}
		wg.Wait()
	})
}
