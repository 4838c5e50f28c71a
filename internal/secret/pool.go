package secret

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"

	"cardea/internal/problem"
)

// ErrBusy is work that was refused at once because too much is waiting already.
// The error that carries it is a problem with status 503.
var ErrBusy = errors.New("the hashing queue is full")

// DefaultMemory is a budget for hashes in flight that suits small machines, in
// bytes: eight hashes of 128 MiB.
const DefaultMemory = 1 << 30

// DefaultWorkers is how many hashes may run at once on procs processors of the
// Go scheduler: all of them but one.
//
// A hash is a loop of a tenth of a second without a call that blocks. Go does
// preempt it, but only after 10 ms, and while every processor is inside such
// a loop nobody waits on the network poller, which is then asked only every
// 10 ms as well: a small request takes two or three of these slices. Measured
// on two cores with bcrypt at cost 12, the 99th percentile of a trivial request
// was 28 ms with two workers and 3 ms with one. An idle processor picks the
// request up at once.
//
// One worker less is half the throughput on two cores. A program that owns its
// process gets both by running one processor more than it has cores,
// runtime.GOMAXPROCS(runtime.NumCPU()+1) before the pool is made: then as many
// hashes run as there are cores, and the kernel, whose slices are much shorter,
// shares the cores with the requests (8.3 hashes a second instead of 4.0, 99th
// percentile below 5 ms).
func DefaultWorkers(procs int) int { return max(1, procs-1) }

// Weight is what one piece of work takes from a pool while it runs.
type Weight struct {
	Threads int   // processors it keeps busy; at least 1 is taken
	Memory  int64 // bytes
}

// Pool bounds how much hashing happens at once, so that a burst of sign-ins
// costs those who sign in their time, and nobody else theirs. Work is admitted
// strictly in the order of arrival: a heavy hash at the head of the queue is
// not overtaken by light ones, and so never starves. Safe for concurrent use.
type Pool struct {
	workers int
	queue   int
	memory  int64

	watch Watch

	mu      sync.Mutex
	started uint64
	running Weight
	waiting list.List // of *ticket
}

type ticket struct {
	weight   Weight
	admitted chan struct{}
}

// NewPool makes a pool. Zero workers means DefaultWorkers, a zero memory budget
// (bytes) means DefaultMemory. At most queue callers wait; a queue of zero
// refuses whatever cannot start at once.
func NewPool(workers, queue int, memoryBudget int64) *Pool {
	if workers <= 0 {
		workers = DefaultWorkers(runtime.GOMAXPROCS(0))
	}
	if memoryBudget <= 0 {
		memoryBudget = DefaultMemory
	}
	return &Pool{workers: workers, queue: max(0, queue), memory: memoryBudget}
}

// Watch sees work come. It is called before the work waits, and gives what sees it go
// on.
type Watch func(ctx context.Context) Passage

// Passage is one piece of work on its way. Begin is called when it is let in. End is
// called last, with ErrBusy or the context's error when it was not let in.
type Passage interface {
	Begin()
	End(refused error)
}

// Watched tells somebody of all work. It is called before the pool is used.
func (p *Pool) Watched(w Watch) { p.watch = w }

// unseen is the passage of work that nobody watches.
type unseen struct{}

func (unseen) Begin()    {}
func (unseen) End(error) {}

// Do runs fn on the caller's goroutine once there is room for its weight, and
// returns its error. It answers ErrBusy without waiting when the queue is full,
// and the context's error when the caller gives up before fn has started; once
// started, fn is not interrupted.
//
// A weight above the whole pool counts as the whole pool: it runs alone.
func (p *Pool) Do(ctx context.Context, w Weight, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w = Weight{Threads: min(max(1, w.Threads), p.workers), Memory: min(max(0, w.Memory), p.memory)}
	seen := Passage(unseen{})
	if p.watch != nil {
		seen = p.watch(ctx)
	}
	if err := p.acquire(ctx, w); err != nil {
		seen.End(err)
		return err
	}
	defer p.release(w)
	seen.Begin()
	defer seen.End(nil)
	return fn()
}

// Started is how many pieces of work were let in since the pool was made.
func (p *Pool) Started() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.started
}

// Waiting is how many callers wait, for metrics.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting.Len()
}

// Busy is how many threads work, of how many, and how many callers may wait.
func (p *Pool) Busy() (threads, workers, queue int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running.Threads, p.workers, p.queue
}

func (p *Pool) acquire(ctx context.Context, w Weight) error {
	p.mu.Lock()
	if p.waiting.Len() == 0 && p.fits(w) {
		p.take(w)
		p.mu.Unlock()
		return nil
	}
	if p.waiting.Len() >= p.queue {
		p.mu.Unlock()
		return problem.Busy("Too many sign-ins are being checked right now, please try again in a moment.").With(ErrBusy)
	}
	t := &ticket{weight: w, admitted: make(chan struct{})}
	place := p.waiting.PushBack(t)
	p.mu.Unlock()

	select {
	case <-t.admitted:
		return nil
	case <-ctx.Done():
		p.leave(place, t)
		return ctx.Err()
	}
}

// leave takes a caller that gave up out of the queue; if it was admitted in the
// same moment, its room is given back.
func (p *Pool) leave(place *list.Element, t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.admitted:
		p.running.Threads -= t.weight.Threads
		p.running.Memory -= t.weight.Memory
	default:
		p.waiting.Remove(place)
	}
	p.admit() // whoever stood behind it may fit
}

func (p *Pool) release(w Weight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running.Threads -= w.Threads
	p.running.Memory -= w.Memory
	p.admit()
}

// admit lets in as many as fit from the head of the queue.
func (p *Pool) admit() {
	for e := p.waiting.Front(); e != nil; e = p.waiting.Front() {
		t := e.Value.(*ticket)
		if !p.fits(t.weight) {
			return
		}
		p.waiting.Remove(e)
		p.take(t.weight)
		close(t.admitted)
	}
}

func (p *Pool) fits(w Weight) bool {
	return p.running.Threads+w.Threads <= p.workers && p.running.Memory+w.Memory <= p.memory
}

func (p *Pool) take(w Weight) {
	p.started++
	p.running.Threads += w.Threads
	p.running.Memory += w.Memory
}
