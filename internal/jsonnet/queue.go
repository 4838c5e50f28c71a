package jsonnet

import (
	"container/list"
	"context"
	"sync"
)

// queue hands out a number of places in the order of asking. Programs that had to be
// stopped come last: they get a place when nobody else waits, and one of all at most,
// until one of their evaluations comes to an end by itself.
type queue struct {
	mu      sync.Mutex
	size    int
	free    int
	waiting list.List // of *place
	stopped map[programKey]bool
	last    *place // of a program that had to be stopped; nil for none
	closed  bool
	drained chan struct{} // closed when the queue is closed and all have left
}

// place is a place in the queue, and then inside.
type place struct {
	program programKey
	turn    chan error // with room for its one answer
}

// mostStopped bounds what is remembered of programs that had to be stopped.
const mostStopped = 1024

func newQueue(size int) *queue {
	return &queue{size: size, free: size, stopped: map[programKey]bool{}, drained: make(chan struct{})}
}

// enter waits for a place. Whoever gets one must leave.
func (q *queue) enter(ctx context.Context, program programKey) (*place, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, ErrClosed
	}
	p := &place{program: program, turn: make(chan error, 1)}
	line := q.waiting.PushBack(p)
	q.serve()
	q.mu.Unlock()

	select {
	case err := <-p.turn:
		return p, err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case err := <-p.turn: // the turn came together with the end of ctx
		if err == nil {
			q.vacate(p)
		}
	default:
		q.waiting.Remove(line)
	}
	return nil, ctx.Err()
}

// leave gives the place to whoever is next. stopped says whether the program had to
// be stopped; nil when it was not seen to the end.
func (q *queue) leave(p *place, stopped *bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case stopped == nil:
	case !*stopped:
		delete(q.stopped, p.program)
	default:
		if len(q.stopped) >= mostStopped {
			clear(q.stopped)
		}
		q.stopped[p.program] = true
	}
	q.vacate(p)
}

func (q *queue) vacate(p *place) {
	if q.last == p {
		q.last = nil
	}
	q.free++
	q.serve()
	q.settle()
}

// serve gives free places away.
func (q *queue) serve() {
	for q.free > 0 {
		line := q.next()
		if line == nil {
			return
		}
		p := q.waiting.Remove(line).(*place)
		if q.stopped[p.program] {
			q.last = p
		}
		q.free--
		p.turn <- nil
	}
}

// next is whose turn it is; nil for nobody's.
func (q *queue) next() (last *list.Element) {
	for line := q.waiting.Front(); line != nil; line = line.Next() {
		if !q.stopped[line.Value.(*place).program] {
			return line
		}
		if last == nil && q.last == nil {
			last = line
		}
	}
	return last
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
			q.waiting.Remove(q.waiting.Front()).(*place).turn <- ErrClosed
		}
		q.settle()
	}
	q.mu.Unlock()
	<-q.drained
}
