package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"cardea/internal/problem"
)

// bed is an empty table in a database file, and its writer.
type bed struct {
	*testing.T
	db   *DB
	w    *groupWriter
	path string
}

func newBed(t *testing.T, params string) *bed {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := Open(t.Context(), Options{DSN: "sqlite://" + path + params, Queue: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bed{T: t, db: db, w: db.writes.(tracedWriter).writer.(*groupWriter), path: path}
	b.ok(b.w.write(t.Context(), func(c conn) error {
		_, err := c.exec("CREATE TABLE notes (name TEXT PRIMARY KEY, body TEXT) STRICT")
		return err
	}))
	return b
}

func (b *bed) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// names lists what is stored.
func (b *bed) names() (names []string) {
	b.Helper()
	b.ok(b.db.reads.on(b.Context()).query("SELECT name FROM notes ORDER BY name", nil, func(rows row) error {
		var n string
		err := rows.Scan(&n)
		names = append(names, n)
		return err
	}))
	return names
}

func note(c conn, name string) error {
	_, err := c.exec("INSERT INTO notes (name) VALUES (?)", name)
	return err
}

// batch gets functions into one batch: they queue up while another write holds the
// writer. It gives the result of each.
func (b *bed) batch(fns ...func(conn) error) []error {
	b.Helper()
	return b.waiting(nil, fns...)
}

// waiting is batch, in which those with these numbers are written alone.
func (b *bed) waiting(alone []int, fns ...func(conn) error) []error {
	b.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		_ = b.w.write(b.Context(), func(conn) error {
			once.Do(func() { close(entered) })
			<-leave
			return nil
		})
	})
	<-entered
	errs := make([]error, len(fns))
	for k, fn := range fns {
		write := b.w.write
		if slices.Contains(alone, k) {
			write = b.w.writeAlone
		}
		all.Go(func() { errs[k] = write(context.Background(), fn) })
		for len(b.w.queue) <= k { // keeps their order
			runtime.Gosched()
		}
	}
	close(leave)
	all.Wait()
	return errs
}

func (b *bed) is(what string, want, got any) {
	b.Helper()
	if fmt.Sprint(want) != fmt.Sprint(got) {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func writes(name string) func(conn) error {
	return func(c conn) error { return note(c, name) }
}

func TestWritesThatWaitTravelTogether(t *testing.T) {
	b := newBed(t, "")
	before := b.db.Stats().Commits
	errs := b.batch(writes("a"), writes("b"), writes("c"))
	b.is("results", []error{nil, nil, nil}, errs)
	b.is("stored", []string{"a", "b", "c"}, b.names())
	b.is("commits, with that of the write they waited for", uint64(2), b.db.Stats().Commits-before)
}

// A large one is no member of a batch: it has a commit of its own, and lets those go
// first that share theirs.
func TestALargeWriteHasATransactionOfItsOwn(t *testing.T) {
	b := newBed(t, "")
	before := b.db.Stats().Commits
	var seen []string
	large := func(c conn) error {
		seen = nil
		b.ok(c.query("SELECT name FROM notes ORDER BY name", nil, func(rows row) error {
			var n string
			err := rows.Scan(&n)
			seen = append(seen, n)
			return err
		}))
		return note(c, "large")
	}
	failure := errors.New("changed my mind")
	errs := b.waiting([]int{0, 2}, large, writes("a"), func(c conn) error { return errors.Join(note(c, "never"), failure) }, writes("b"))
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], failure) || errs[3] != nil {
		t.Errorf("unexpected results: %v", errs)
	}
	b.is("what it found", []string{"a", "b"}, seen)
	b.is("stored", []string{"a", "b", "large"}, b.names())
	b.is("commits, with that of the write they waited for", uint64(3), b.db.Stats().Commits-before)
}

func TestAMemberThatFailsIsAloneInFailing(t *testing.T) {
	b := newBed(t, "")
	failure := errors.New("changed my mind")
	errs := b.batch(writes("a"), func(c conn) error {
		return errors.Join(note(c, "b"), failure)
	}, func(c conn) error {
		return note(c, "a") // taken by the first
	}, writes("d"))
	b.is("stored", []string{"a", "d"}, b.names())
	if errs[0] != nil || !errors.Is(errs[1], failure) || !isUnique(errs[2]) || errs[3] != nil {
		t.Errorf("unexpected results: %v", errs)
	}
}

func TestAPanicComesBackToItsCaller(t *testing.T) {
	b := newBed(t, "")
	for name, run := range map[string]func(...func(conn) error) []error{
		"in a batch": b.batch,
		"alone":      func(fns ...func(conn) error) []error { return []error{nil, b.w.write(t.Context(), fns[1]), nil} },
	} {
		errs := run(writes("a"+name), func(c conn) error {
			_ = note(c, "b"+name)
			panic("oh")
		}, writes("c"+name))
		var p *PanicError
		if !errors.As(errs[1], &p) || p.Value != "oh" || len(p.Stack) == 0 {
			t.Errorf("%s: got %v, want the panic", name, errs[1])
		}
	}
	b.is("stored", []string{"ain a batch", "cin a batch"}, b.names())
	b.ok(b.w.write(t.Context(), writes("z")))
}

func TestAMemberThatExitsItsGoroutineDoesNotTakeTheWriterAlong(t *testing.T) {
	b := newBed(t, "")
	errs := b.batch(writes("a"), func(c conn) error {
		runtime.Goexit()
		return nil
	}, writes("c"))
	for k, err := range errs {
		if !errors.Is(err, errExited) {
			t.Errorf("member %d: got %v, want errExited", k, err)
		}
	}
	b.ok(b.w.write(t.Context(), writes("z")))
	b.is("stored", []string{"z"}, b.names())
}

func TestACallerThatGivesUpBeforeItsTurnLeavesNoTrace(t *testing.T) {
	b := newBed(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	errs := b.batch(func(c conn) error {
		return note(c, "a")
	}, func(c conn) error {
		cancel()
		return note(c, "b")
	})
	b.is("results", []error{nil, nil}, errs)
	go func() { gone <- b.w.write(ctx, writes("late")) }()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	b.is("stored", []string{"a", "b"}, b.names())
}

func TestACallerThatGivesUpWhileItWaitsIsToldAtOnce(t *testing.T) {
	b := newBed(t, "")
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_ = b.w.write(context.Background(), func(conn) error { close(entered); <-leave; return nil })
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan error)
	all.Go(func() { told <- b.w.write(ctx, writes("x")) })
	for len(b.w.queue) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(leave)
	all.Wait()
	b.ok(b.w.write(t.Context(), writes("y")))
	b.is("stored", []string{"y"}, b.names())
}

func TestAnAcknowledgedCallerWhoseContextEndsIsToldHowItWent(t *testing.T) {
	b := newBed(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	b.ok(b.w.write(ctx, func(c conn) error {
		cancel()
		return note(c, "a")
	}))
	b.is("stored", []string{"a"}, b.names())
}

func TestAFullQueueRefuses(t *testing.T) {
	b := newBed(t, "")
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_ = b.w.write(context.Background(), func(conn) error { close(entered); <-leave; return nil })
	})
	<-entered
	var refused atomic.Int64
	for k := range cap(b.w.queue) + 5 {
		all.Go(func() {
			if p := problem.As(b.w.write(context.Background(), writes(fmt.Sprint(k)))); p != nil && p.Status == 503 {
				refused.Add(1)
			}
		})
	}
	for refused.Load() < 5 {
		runtime.Gosched()
	}
	close(leave)
	all.Wait()
	b.is("refused", 5, refused.Load())
	b.is("stored", cap(b.w.queue), len(b.names()))
}

func TestClosingFinishesWhatWaits(t *testing.T) {
	b := newBed(t, "")
	errs := b.batch(writes("a"), func(c conn) error {
		b.w.mu.Lock()
		b.w.closed = true
		close(b.w.queue)
		b.w.mu.Unlock()
		return note(c, "b")
	}, writes("c"))
	b.is("results", []error{nil, nil, nil}, errs)
	if err := b.w.write(t.Context(), writes("d")); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want errClosed", err)
	}
}

func TestADatabaseLockedByAnotherProcessIsBusy(t *testing.T) {
	b := newBed(t, "?_busy_timeout=50")
	other, err := openSQLitePool("file:"+b.path, 1)
	b.ok(err)
	defer other.Close()
	b.ok(execute(other, "BEGIN IMMEDIATE"))
	began := time.Now()
	for k, err := range b.batchLocked(writes("a"), writes("b"), writes("c")) {
		if p := problem.As(err); p == nil || p.Status != 503 {
			t.Errorf("member %d: got %v, want a 503", k, err)
		}
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("it took %v: the members waited one after another", d)
	}
	b.ok(execute(other, "ROLLBACK"))
	b.ok(b.w.write(t.Context(), writes("d")))
	b.is("stored", []string{"d"}, b.names())
}

func (b *bed) batchLocked(fns ...func(conn) error) []error {
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	for k, fn := range fns {
		all.Go(func() { errs[k] = b.w.write(context.Background(), fn) })
	}
	all.Wait()
	return errs
}

func execute(db *sql.DB, query string) error {
	_, err := db.Exec(query)
	return err
}

// raw reaches the driver's connection of the writer. Only for functions that run on it.
func (b *bed) raw(fn func(sqlite.HookRegisterer)) {
	b.ok(b.w.c.conn.Raw(func(c any) error {
		fn(c.(sqlite.HookRegisterer))
		return nil
	}))
}
