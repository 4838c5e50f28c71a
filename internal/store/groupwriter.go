package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"cardea/internal/problem"
)

// groupWriter is the one writer of an SQLite file. Writes that arrive while a
// commit is under way wait in a queue and travel together in the next one: a
// commit costs an fsync, and the fsync costs more than all else. An idle writer
// takes a lone write at once; there are no timers.
//
// Each member of a batch runs inside a savepoint. Nobody is told anything before
// the COMMIT: even a failure may have been caused by a neighbour's rows that are
// not durable yet. When the transaction is lost (disk full, I/O error, interrupt)
// or its COMMIT fails, the batch never was, and every member runs again alone.
type groupWriter struct {
	c     *writerConn // used by the loop alone
	stats *counters

	mu     sync.RWMutex // held to enqueue; closing takes it whole
	closed bool
	queue  chan *member
	done   chan struct{}

	batch []*member // under way; of the loop alone
}

// largestBatch bounds how long the first member of a batch waits for the last.
const largestBatch = 256

// The savepoint statements of a batch.
const (
	sqlBegin      = "BEGIN IMMEDIATE"
	sqlCommit     = "COMMIT"
	sqlRollback   = "ROLLBACK"
	sqlSavepoint  = "SAVEPOINT member"
	sqlRelease    = "RELEASE member"
	sqlRollbackTo = "ROLLBACK TO member"
)

// member is one write on its way.
type member struct {
	ctx  context.Context
	fn   func(conn) error
	solo bool        // it takes no part in a batch
	turn atomic.Bool // set by whoever decides its fate: the loop or a caller that gave up
	done chan error  // holds one
}

// settle tells the caller; a second time has no effect.
func (m *member) settle(err error) {
	select {
	case m.done <- err:
	default:
	}
}

// PanicError is a panic inside a transaction's function, brought back to its caller.
type PanicError struct {
	Value any
	Stack []byte
}

// Error gives the value alone.
func (e *PanicError) Error() string { return fmt.Sprintf("a transaction panicked: %v", e.Value) }

var (
	errClosed = errors.New("the database is closed")
	errExited = errors.New("a transaction ended its goroutine")
)

func newGroupWriter(c *writerConn, stats *counters, queue int) *groupWriter {
	w := &groupWriter{c: c, stats: stats, queue: make(chan *member, queue), done: make(chan struct{})}
	go w.loop()
	return w
}

// write waits for its turn and for the commit. A caller that gives up before its
// turn leaves no trace; after that it is told how it went.
func (w *groupWriter) write(ctx context.Context, fn func(conn) error) error {
	return w.await(&member{ctx: ctx, fn: fn, done: make(chan error, 1)})
}

// writeAlone is write outside of batches. A savepoint keeps the old content of every
// page that is changed within it in memory, which for a thousand identities is more
// than the identities.
func (w *groupWriter) writeAlone(ctx context.Context, fn func(conn) error) error {
	return w.await(&member{ctx: ctx, fn: fn, solo: true, done: make(chan error, 1)})
}

// insert is write: the commit is shared anyway.
func (w *groupWriter) insert(ctx context.Context, in *inserter, row []any) error {
	return w.write(ctx, func(c conn) error { return c.later(nil, in.texts[1], row...) })
}

func (w *groupWriter) await(m *member) error {
	ctx := m.ctx
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.enqueue(m); err != nil {
		return err
	}
	select {
	case err := <-m.done:
		return err
	case <-ctx.Done():
		if m.turn.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-m.done
	}
}

func (w *groupWriter) enqueue(m *member) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- m:
		w.stats.writes.Add(1)
		return nil
	default:
		return problem.Busy("Too many changes are waiting to be stored, please try again.")
	}
}

// close lets the writes that wait finish, then closes the connection.
func (w *groupWriter) close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
	return w.c.close()
}

func (w *groupWriter) loop() {
	finished := false
	defer func() {
		if finished {
			close(w.done)
			return
		}
		// runtime.Goexit in a member (t.FailNow does that) takes the goroutine
		// along; the writer goes on in another one.
		w.c.rollback()
		for _, m := range w.batch {
			m.settle(errExited)
		}
		go w.loop()
	}()
	for m := range w.queue {
		w.batch = w.collect(m)
		w.run(w.batch)
	}
	finished = true
}

// collect takes what waits behind the first member, without waiting for more.
func (w *groupWriter) collect(first *member) []*member {
	batch := w.batch[:0]
	for m, ok := first, true; ok; {
		if m.turn.CompareAndSwap(false, true) {
			batch = append(batch, m)
		}
		if len(batch) == largestBatch {
			return batch
		}
		select {
		case m, ok = <-w.queue:
		default:
			return batch
		}
	}
	return batch
}

func (w *groupWriter) run(batch []*member) {
	// Small ones go first: they wait for one commit, not for the large ones.
	slices.SortStableFunc(batch, func(a, b *member) int { return size(a) - size(b) })
	small := batch
	if n := slices.IndexFunc(batch, func(m *member) bool { return m.solo }); n >= 0 {
		small = batch[:n]
	}
	if len(small) > 1 && w.together(small) {
		batch = batch[len(small):]
	}
	for i, m := range batch {
		err, locked := w.alone(m)
		m.settle(err)
		if !locked {
			continue
		}
		// Somebody else holds the file; the others need not wait for it in turn.
		for _, rest := range batch[i+1:] {
			rest.settle(err)
		}
		return
	}
}

func size(m *member) int {
	if m.solo {
		return 1
	}
	return 0
}

// together commits a batch at once. False means that nothing of it happened and
// nobody has been told.
func (w *groupWriter) together(batch []*member) bool {
	if err := w.c.begin(); err != nil {
		for _, m := range batch {
			m.settle(err)
		}
		return true
	}
	results := make([]error, len(batch))
	for i, m := range batch {
		if results[i] = w.member(m); w.c.lost != nil {
			w.c.rollback()
			return false
		}
	}
	if err := w.c.run(sqlCommit); err != nil {
		w.c.rollback()
		return false
	}
	w.stats.commits.Add(1)
	for i, m := range batch {
		m.settle(results[i])
	}
	return true
}

// member runs one member inside its savepoint.
func (w *groupWriter) member(m *member) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if err := w.c.run(sqlSavepoint); err != nil {
		return err
	}
	err := call(m.fn, w.c)
	if w.c.lost != nil {
		return err
	}
	if err != nil {
		if e := w.c.run(sqlRollbackTo); e != nil {
			return e
		}
	}
	if e := w.c.run(sqlRelease); e != nil {
		return e
	}
	return err
}

// alone gives a member a transaction of its own. locked means that it did not
// even begin.
func (w *groupWriter) alone(m *member) (err error, locked bool) {
	if err := m.ctx.Err(); err != nil {
		return err, false
	}
	if err := w.c.begin(); err != nil {
		return err, true
	}
	if err = call(m.fn, w.c); err == nil {
		err = w.c.run(sqlCommit) // refused when the transaction is lost, whatever fn made of that
	}
	if err != nil {
		w.c.rollback()
		return w.c.dialect.public(err), false
	}
	w.stats.commits.Add(1)
	return nil, false
}

// call turns a panic into an error.
func call(fn func(conn) error, c conn) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(c)
}
