package errand

import (
	"context"
	"errors"
	"sync"
	"time"

	"cardea/internal/clock"
	"cardea/internal/flow"
)

const (
	// waiting is how many errands a spool holds; a flood loses what goes beyond.
	waiting = 1024
	// batch is how many are written together.
	batch = 128
	// rewrites is how often writing a batch is tried, with a pause of rewritePause.
	rewrites     = 4
	rewritePause = 500 * time.Millisecond
	// writeWithin bounds one of them.
	writeWithin = 5 * time.Second
)

// SpoolOptions are the parts of a spool. All are required.
type SpoolOptions struct {
	Write func(ctx context.Context, all []flow.Errand) error
	Clock clock.Clock
	// Lost is told how many errands were not written, and why.
	Lost func(n int, err error)
}

// Spool writes errands that no transaction writes, because what they are about has
// failed: aside, a few at a time, and never more than it can hold. What it holds is
// lost when the process is killed.
type Spool struct {
	o    SpoolOptions
	in   chan flow.Errand
	end  chan struct{}
	stop func()
	done sync.WaitGroup
}

// NewSpool makes a spool and lets it work. Close ends it.
func NewSpool(o SpoolOptions) *Spool {
	s := &Spool{o: o, in: make(chan flow.Errand, waiting), end: make(chan struct{})}
	s.stop = sync.OnceFunc(func() { close(s.end) })
	s.done.Go(s.run)
	return s
}

var errFull = errors.New("too many wait to be written")

// Add takes errands, and never waits.
func (s *Spool) Add(all []flow.Errand) {
	for n, e := range all {
		select {
		case s.in <- e:
		default:
			s.o.Lost(len(all)-n, errFull)
			return
		}
	}
}

// Close writes what is there and ends the spool. What is added later is lost.
func (s *Spool) Close() {
	s.stop()
	s.done.Wait()
}

func (s *Spool) run() {
	for {
		select {
		case e := <-s.in:
			s.write(s.more([]flow.Errand{e}))
		case <-s.end:
			for all := s.more(nil); len(all) > 0; all = s.more(nil) {
				s.write(all)
			}
			return
		}
	}
}

// more fills a batch with what is there.
func (s *Spool) more(all []flow.Errand) []flow.Errand {
	for len(all) < batch {
		select {
		case e := <-s.in:
			all = append(all, e)
		default:
			return all
		}
	}
	return all
}

func (s *Spool) write(all []flow.Errand) {
	for n := 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
		err := s.o.Write(ctx, all)
		cancel()
		switch {
		case err == nil:
			return
		case n == rewrites:
			s.o.Lost(len(all), err)
			return
		}
		s.o.Clock.SleepUntil(context.Background(), s.o.Clock.Now().Add(rewritePause))
	}
}
