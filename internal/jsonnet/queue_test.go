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

// crowd lets n callers ask for the queue's only place, one after the other, and
// gives the order in which they got it.
func crowd(t *testing.T, q *queue, n int) (order func() []int, wait func()) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var got []int
	for i := range n {
		wg.Go(func() {
			if err := q.enter(t.Context()); err != nil {
				return
			}
			mu.Lock()
			got = append(got, i)
			mu.Unlock()
			q.leave()
		})
		synctest.Wait()
	}
	return func() []int { mu.Lock(); defer mu.Unlock(); return slices.Clone(got) }, wg.Wait
}

func TestPlacesGoToThoseWhoWaitedLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		if err := q.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		order, wait := crowd(t, q, 5)
		q.leave()
		wait()
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, order()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhoeverGivesUpWaitingTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		if err := q.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- q.enter(ctx) }()
		synctest.Wait()
		order, wait := crowd(t, q, 2)
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the one who gave up got %v", err)
		}
		q.leave()
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
		if err := q.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		waiting, closed := make(chan error, 1), make(chan struct{})
		go func() { waiting <- q.enter(t.Context()) }()
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
		q.leave()
		<-closed
		if err := q.enter(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("the one who came late got %v", err)
		}
	})
}
