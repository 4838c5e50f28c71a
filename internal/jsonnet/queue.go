package jsonnet

import (
	"container/list"
	"context"
	"sync"
)

// queue hands out a number of places, strictly in the order of asking.
type queue struct {
	mu      sync.Mutex
	size    int
	free    int
	waiting list.List // of chan error, each with room for its one answer
	closed  bool
	drained chan struct{} // closed when the queue is closed and all have left
}

func newQueue(size int) *queue {
	return &queue{size: size, free: size, drained: make(chan struct{})}
}

// enter waits for a place. Whoever gets nil must leave.
func (q *queue) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	turn := make(chan error, 1)
	place := q.waiting.PushBack(turn)
	q.mu.Unlock()

	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case err := <-turn: // the turn came together with the end of ctx
		if err == nil {
			q.pass()
		}
	default:
		q.waiting.Remove(place)
	}
	return ctx.Err()
}

// leave gives the place to whoever has waited longest.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

func (q *queue) pass() {
	if next := q.waiting.Front(); next != nil {
		q.waiting.Remove(next).(chan error) <- nil
		return
	}
	q.free++
	q.settle()
}

func (q *queue) settle() {
	if q.closed && q.free == q.size {
		close(q.drained)
	}
}

// close turns away all who wait or come later, and returns when the last one
// inside has left.
func (q *queue) close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		for q.waiting.Len() > 0 {
			q.waiting.Remove(q.waiting.Front()).(chan error) <- ErrClosed
		}
		q.settle()
	}
	q.mu.Unlock()
	<-q.drained
}
