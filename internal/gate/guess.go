package gate

import (
	"context"
	"slices"
	"time"
)

// Guess is a guess that was taken. One of Right, Wrong and Return has to be called.
type Guess struct {
	desk   *Desk
	places []place
	done   bool
	// Poisoned guesses are beyond a silent counter and have to be judged as wrong.
	Poisoned bool
	// Waited says that others about the same were looked at before.
	Waited bool
	// Stopped are the counters of which this was the last guess.
	Stopped []Scope
	// Taken is how many guesses count by now, by counter.
	Taken map[Scope]int
}

// place is a guess's place at a seat.
type place struct {
	counter Counter
	ends    time.Time
	round   int
}

// Wrong says that the guess was wrong: it stays counted. False when its time had run
// out: then nobody may hear that it was wrong.
func (g *Guess) Wrong(ctx context.Context) (counted bool, err error) {
	if g.done {
		return true, nil
	}
	var held []Key
	for _, p := range g.places {
		if p.counter.Rule.Every == 0 {
			held = append(held, p.counter.Subject)
		}
	}
	defer g.leave(wrong)
	if len(held) == 0 {
		return true, nil
	}
	return g.desk.ledger.MissGuesses(ctx, held, g.desk.clock.Now())
}

// Return gives the guess back: nothing was found out.
func (g *Guess) Return() { g.leave(returned) }

// Right gives the guess back and empties the counters of wrong ones before it. False
// when its time had run out: then nobody may hear that it was right.
func (g *Guess) Right(ctx context.Context) (counted bool, err error) {
	if g.lapsed() {
		g.leave(wrong)
		return false, nil
	}
	about := g.failures()
	g.leave(right)
	return true, g.desk.ledger.ForgetGuesses(ctx, about...)
}

// lapsed says whether others may have had the guess by now.
func (g *Guess) lapsed() bool {
	now := g.desk.clock.Now()
	return slices.ContainsFunc(g.places, func(p place) bool { return p.counter.Rule.Every == 0 && !now.Before(p.ends) })
}

// failures are what the counters are about with wrong guesses before this one, or with
// so many reserved and not in use that they get in the way. The desk forgets them.
func (g *Guess) failures() (about []Key) {
	g.desk.mu.Lock()
	defer g.desk.mu.Unlock()
	for _, p := range g.places {
		s, c := g.desk.seats[p.counter.Subject], p.counter
		if s != nil && !c.Kept && (s.taken > s.held || s.taken-s.inFlight > c.Rule.Stop/2) && !slices.Contains(about, c.About) {
			about = append(about, c.About)
		}
	}
	for _, p := range g.places {
		if s := g.desk.seats[p.counter.Subject]; s != nil && slices.Contains(about, p.counter.About) {
			s.empty()
		}
	}
	return about
}

// end is what became of a guess.
type end int

const (
	returned end = iota
	right
	wrong
)

func (g *Guess) leave(how end) {
	if g.done {
		return
	}
	g.done = true
	d := g.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range g.places {
		s := d.seats[p.counter.Subject]
		if s == nil {
			continue
		}
		s.inFlight--
		if how == right {
			s.served++
		}
		switch {
		case s.round != p.round:
		case how != wrong:
			s.idle = append(s.idle, p.ends)
		case s.held > 0:
			s.held--
		}
		d.stir(p.counter.Subject)
	}
}
