package gate

import (
	"context"
	"slices"
	"sync"
	"time"

	"cardea/internal/clock"
)

const (
	// rememberRefusal is how long a refusal is repeated without asking the ledger
	// again: somebody may have emptied the counter in another process.
	rememberRefusal = time.Second
	// longestQueue is how long a guess waits for others about the same, from the last
	// one that was right: who only stands in a line that moves is not sent away.
	longestQueue = 15 * time.Second
	// lookAgain is how long it waits for those that other processes have reserved.
	lookAgain = 100 * time.Millisecond
	// most is how many counters are remembered.
	most = 1 << 15
)

// Desk is where a process takes guesses. A guess that is given back stays here and
// serves the next one about the same, so that people who sign in often cost no writes.
// Safe for concurrent use.
type Desk struct {
	ledger Ledger
	clock  clock.Clock

	mu    sync.Mutex
	seats map[Key]*seat
	swept time.Time
}

// seat is what a process remembers of a counter.
type seat struct {
	idle     []time.Time // guesses that were given back, by when they end
	inFlight int         // guesses that are being looked at
	asking   int         // guesses that wait for the ledger's answer
	taken    int         // what the ledger said last
	held     int         // the same: how many of those some process has reserved
	served   int         // guesses that were given back so far
	until    time.Time   // refused until then
	final    bool
	ask      time.Time     // and the ledger is to be asked again then
	over     chan struct{} // closed when one that is looked at is decided
	round    int           // grows when the counter was emptied
}

// NewDesk makes a desk.
func NewDesk(l Ledger, c clock.Clock) *Desk {
	return &Desk{ledger: l, clock: c, seats: map[Key]*seat{}}
}

// Take takes a guess for all counters. It is nil with Refused when one of them
// refuses. It waits while guesses about the same are looked at that may be right.
func (d *Desk) Take(ctx context.Context, counters []Counter) (*Guess, *Refused, error) {
	patience := time.NewTimer(longestQueue)
	defer patience.Stop()
	waited, served := false, 0
	for {
		g, refused, wait, err := d.try(ctx, counters)
		if err != nil || g != nil {
			if g != nil {
				g.Waited = waited
			}
			return g, nil, err
		}
		if wait == nil {
			return nil, refused, nil
		}
		if waited && wait.served != served {
			patience.Reset(longestQueue)
		}
		waited, served = true, wait.served
		select {
		case <-wait.moves:
		case <-patience.C:
			return nil, refused, nil
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// line is what a guess that is refused for now waits in.
type line struct {
	moves  <-chan struct{} // closed when it is worth another attempt
	served int             // of the seat
}

// try is one attempt of Take. With a line it is worth another one when that moves.
func (d *Desk) try(ctx context.Context, counters []Counter) (g *Guess, refused *Refused, wait *line, err error) {
	now := d.clock.Now()
	g = &Guess{desk: d, Taken: map[Scope]int{}}
	need := d.sit(g, counters, now)
	if refused, wait := d.remembered(need, now); refused != nil {
		g.Return()
		return nil, refused, wait, nil
	}
	if len(need) == 0 {
		return g, nil, nil, nil
	}
	states, err := d.ledger.TakeGuesses(ctx, need, now)
	if err != nil {
		d.unanswered(need)
		g.Return()
		return nil, nil, nil, err
	}
	refused, wait = d.granted(g, need, states, now)
	if refused != nil {
		g.Return()
		return nil, refused, wait, nil
	}
	return g, nil, nil, nil
}

// sit takes guesses that were given back, and tells for which counters there is none.
func (d *Desk) sit(g *Guess, counters []Counter, now time.Time) (need []Counter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep(now)
	for _, c := range counters {
		s := d.seats[c.Subject]
		if s == nil {
			need = append(need, c)
			continue
		}
		s.idle = slices.DeleteFunc(s.idle, func(ends time.Time) bool { return !now.Add(c.Rule.enough()).Before(ends) })
		if len(s.idle) == 0 {
			need = append(need, c)
			continue
		}
		last := len(s.idle) - 1
		g.places = append(g.places, place{c, s.idle[last], s.round})
		g.Taken[c.Scope] = s.taken
		s.idle = s.idle[:last]
		s.inFlight++
	}
	return need
}

// remembered is a refusal that is still known.
func (d *Desk) remembered(need []Counter, now time.Time) (*Refused, *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range need {
		if s := d.seats[c.Subject]; s != nil && !c.Silent && now.Before(s.until) && (now.Before(s.ask) || s.asking > 0) && (!s.final || s.taken >= c.Rule.Stop) {
			return s.refuse(c)
		}
	}
	for _, c := range need {
		d.seat(c.Subject).asking++
	}
	return nil, nil
}

// unanswered gives up asking.
func (d *Desk) unanswered(need []Counter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range need {
		d.seats[c.Subject].asking--
		d.stir(c.Subject)
	}
}

// stir lets those look again who wait at a seat, and clears it when it is of no use.
func (d *Desk) stir(k Key) {
	s := d.seats[k]
	if s.over != nil {
		close(s.over)
		s.over = nil
	}
	if s.useless() {
		delete(d.seats, k)
	}
}

// refuse is the refusal of a counter, and the line for another attempt.
func (s *seat) refuse(c Counter) (*Refused, *line) {
	r := &Refused{Scope: c.Scope, Until: s.until, Final: s.final, Taken: s.taken}
	switch {
	case len(s.idle) > 0: // given back since
		now := make(chan struct{})
		close(now)
		return r, &line{now, s.served}
	case s.inFlight == 0 && s.asking == 0 && !s.elsewhere():
		return r, nil
	}
	if s.over == nil {
		s.over = make(chan struct{})
	}
	return r, &line{s.over, s.served}
}

// elsewhere says whether other processes have guesses that may be right. Nobody here
// hears what becomes of those.
func (s *seat) elsewhere() bool { return s.held > s.inFlight+len(s.idle) }

// lookAgain has those who wait at a seat ask the ledger.
func (d *Desk) lookAgain(k Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.seats[k]; s != nil {
		s.ask = time.Time{}
		d.stir(k)
	}
}

// granted notes what the ledger has decided.
func (d *Desk) granted(g *Guess, need []Counter, states []State, now time.Time) (refused *Refused, wait *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	denied := false
	for n, c := range need {
		denied = denied || !c.Silent && !states[n].Granted
		d.seats[c.Subject].asking--
	}
	for n, c := range need {
		s := d.seats[c.Subject]
		state := states[n]
		switch {
		case !state.Granted && c.Silent:
			g.Poisoned = true
		case !state.Granted:
			s.taken, s.held, s.until, s.final, s.ask = state.Taken, state.Held, state.Until, state.Taken >= c.Rule.Stop, now.Add(rememberRefusal)
			if s.elsewhere() {
				time.AfterFunc(lookAgain, func() { d.lookAgain(c.Subject) })
			}
			if r, w := s.refuse(c); refused == nil || w == nil {
				refused, wait = r, w
			}
		case !denied:
			s.taken, s.held, s.until = state.Taken, state.Held, time.Time{}
			s.inFlight++
			g.Taken[c.Scope] = state.Taken
			g.places = append(g.places, place{c, state.Ends, s.round})
			if state.Taken >= c.Rule.Stop {
				g.Stopped = append(g.Stopped, c.Scope)
			}
		}
	}
	for _, c := range need {
		d.stir(c.Subject)
	}
	return refused, wait
}

func (d *Desk) seat(k Key) *seat {
	s := d.seats[k]
	if s == nil {
		s = &seat{}
		d.seats[k] = s
	}
	return s
}

// useless says that nothing is worth remembering.
func (s *seat) useless() bool {
	return s.inFlight == 0 && s.asking == 0 && len(s.idle) == 0 && s.until.IsZero()
}

// empty forgets what was counted. Guesses that are looked at are not given back.
func (s *seat) empty() {
	s.round, s.idle, s.taken, s.held, s.until = s.round+1, nil, 0, 0, time.Time{}
}

// Forget empties all counters about something: of an account that an operator lets in.
func (d *Desk) Forget(ctx context.Context, about ...Key) error {
	d.mu.Lock()
	for k, s := range d.seats {
		s.ask = time.Time{} // seats do not know what they are about
		if slices.Contains(about, k) {
			s.empty()
		}
	}
	d.mu.Unlock()
	return d.ledger.ForgetGuesses(ctx, about...)
}

// sweep keeps the memory bounded: what has ended goes first, then anything that nobody
// sits at. A guess that is lost so counts as wrong until its time is over.
func (d *Desk) sweep(now time.Time) {
	if len(d.seats) < most || now.Sub(d.swept) < time.Second && len(d.seats) < 2*most {
		return
	}
	d.swept = now
	for k, s := range d.seats {
		s.idle = slices.DeleteFunc(s.idle, func(ends time.Time) bool { return !now.Before(ends) })
		if s.inFlight == 0 && s.asking == 0 && len(s.idle) == 0 && !now.Before(s.until) {
			delete(d.seats, k)
		}
	}
	for k, s := range d.seats {
		if len(d.seats) < most {
			return
		}
		if s.inFlight == 0 && s.asking == 0 {
			delete(d.seats, k)
		}
	}
}
