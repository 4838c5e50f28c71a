package jsonnet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// nameOf is the key of one of several programs.
func nameOf(program byte) programKey { return programKey{program} }

// enter takes a free place for a program.
func enter(t *testing.T, q *queue, program byte) *place {
	t.Helper()
	p, err := q.enter(t.Context(), nameOf(program))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// crowd lets n callers ask for the queue's only place, one after the other, and
// gives the order in which they got it.
func crowd(t *testing.T, q *queue, n int) (order func() []int, wait func()) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var got []int
	for i := range n {
		wg.Go(func() {
			p, err := q.enter(t.Context(), nameOf(0))
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, i)
			mu.Unlock()
			q.leave(p, nil)
		})
		synctest.Wait()
	}
	return func() []int { mu.Lock(); defer mu.Unlock(); return slices.Clone(got) }, wg.Wait
}

func TestPlacesGoToThoseWhoWaitedLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		inside := enter(t, q, 0)
		order, wait := crowd(t, q, 5)
		q.leave(inside, nil)
		wait()
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, order()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhoeverGivesUpWaitingTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		inside := enter(t, q, 0)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { _, err := q.enter(ctx, nameOf(0)); left <- err }()
		synctest.Wait()
		order, wait := crowd(t, q, 2)
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who gave up got %v", err)
		}
		q.leave(inside, nil)
		wait()
		if diff := cmp.Diff([]int{0, 1}, order()); diff != "" {
			t.Error(diff)
		}
		if q.free != 1 {
			t.Errorf("%d places free at the end", q.free)
		}
	})
}

func TestClosingTurnsAwayTheWaitingAndAwaitsTheOneInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		inside := enter(t, q, 0)
		waiting, closed := make(chan error, 1), make(chan struct{})
		go func() { _, err := q.enter(t.Context(), nameOf(0)); waiting <- err }()
		synctest.Wait()
		go func() { q.close(); close(closed) }()
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("the one who waited got %v", err)
		}
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while one is inside")
		default:
		}
		q.leave(inside, nil)
		<-closed
		if _, err := q.enter(t.Context(), nameOf(0)); !errors.Is(err, ErrClosed) {
			t.Errorf("the one who came late got %v", err)
		}
	})
}

func TestAProgramThatHadToBeStoppedComesLastUntilItEndsByItself(t *testing.T) {
	const bad, good = 1, 2
	yes, no := true, false
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2)
		q.leave(enter(t, q, bad), &yes)
		inside := make(chan *place, 4)
		ask := func(program byte) {
			go func() {
				if p, err := q.enter(t.Context(), nameOf(program)); err == nil {
					inside <- p
				}
			}()
			synctest.Wait()
		}
		ask(bad)
		ask(bad)
		ask(good)
		first, second := <-inside, <-inside
		if first.program != nameOf(bad) || second.program != nameOf(good) {
			t.Fatalf("%v and %v are inside: a place was not kept", first.program[0], second.program[0])
		}
		ask(good)
		q.leave(first, &yes)
		if p := <-inside; p.program != nameOf(good) {
			t.Errorf("%v came before one that never had to be stopped", p.program[0])
		} else {
			q.leave(p, &no)
		}
		third := <-inside
		ask(bad)
		q.leave(third, &no)
		q.leave(<-inside, &no)
		q.leave(second, &no)
		if len(q.stopped) != 0 || q.free != 2 {
			t.Errorf("%d programs are still held back, %d places free", len(q.stopped), q.free)
		}
	})
}
