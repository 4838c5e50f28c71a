package store

import (
	"context"
	"errors"
	"strings"
	"testing"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"cardea/internal/problem"
)

// The tests of this file break the transaction in the middle of a batch. Each time
// the neighbours of the broken member have to be stored exactly once, and the broken
// one not at all or, when the fault was passing, exactly once.

// flaky counts how often its function ran, and breaks something the first time.
func flaky(runs *int, name string, first func(conn) error) func(conn) error {
	return func(c conn) error {
		if *runs++; *runs == 1 {
			if err := note(c, name); err != nil {
				return err
			}
			return first(c)
		}
		return note(c, name)
	}
}

const big = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) " +
	"INSERT INTO notes SELECT 'big' || i, hex(zeroblob(500)) FROM n"

func TestAFullDiskInTheMiddleOfABatch(t *testing.T) {
	b := newBed(t, "")
	pages := "PRAGMA max_page_count = 40"
	errs := b.batch(writes("a"), func(c conn) error {
		if err := c.query(pages, nil, discard); err != nil {
			return err
		}
		if err := note(c, "b"); err != nil {
			return err
		}
		_, err := c.exec(big)
		if sqliteCode(err) != sqlite3.SQLITE_FULL {
			t.Errorf("got %v, want a full disk", err)
		}
		if err := note(c, "after the failure"); err == nil {
			t.Error("a statement ran after the transaction was lost")
		}
		return nil // swallowed, and still it must not count as success
	}, writes("c"))
	if p := problem.As(errs[1]); p == nil || p.Status != 503 {
		t.Errorf("got %v, want a 503", errs[1])
	}
	b.is("neighbours", []error{nil, nil}, []error{errs[0], errs[2]})
	b.is("stored", []string{"a", "c"}, b.names())
}

func TestAnInterruptInTheMiddleOfABatch(t *testing.T) {
	b := newBed(t, "")
	runs := 0
	errs := b.batch(writes("a"), flaky(&runs, "b", func(c conn) error {
		ctx, cancel := context.WithCancel(context.Background())
		rows := 0
		b.raw(func(c sqlite.HookRegisterer) {
			c.RegisterPreUpdateHook(func(sqlite.SQLitePreUpdateData) {
				if rows++; rows == 100 {
					cancel()
				}
			})
		})
		defer b.raw(func(c sqlite.HookRegisterer) { c.RegisterPreUpdateHook(nil) })
		// It never ends by itself.
		_, err := c.(*writerConn).conn.ExecContext(ctx, strings.Replace(big, " WHERE i < 100000", "", 1))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want an interrupt", err)
		}
		return err
	}), writes("c"))
	b.is("results", []error{nil, nil, nil}, errs)
	b.is("runs", 2, runs)
	b.is("stored", []string{"a", "b", "c"}, b.names())
}

func TestACommitThatIsRefused(t *testing.T) {
	b := newBed(t, "")
	hook := func(refusals int) {
		b.raw(func(c sqlite.HookRegisterer) {
			c.RegisterCommitHook(func() int32 {
				refusals--
				return int32(flag(refusals >= 0))
			})
		})
	}
	runs := 0
	errs := b.batch(writes("a"), flaky(&runs, "b", func(conn) error { hook(1); return nil }), writes("c"))
	b.is("results when one commit fails", []error{nil, nil, nil}, errs)
	b.is("runs", 2, runs)
	b.is("stored", []string{"a", "b", "c"}, b.names())

	runs = 0
	errs = b.batch(writes("d"), flaky(&runs, "e", func(conn) error { hook(3); return nil }), writes("f"))
	if errs[0] == nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("results when the commits of two members fail, too: %v", errs)
	}
	b.is("stored", []string{"a", "b", "c", "f"}, b.names())
}

func TestAFailureThatRestsOnALostNeighbourIsNotTold(t *testing.T) {
	b := newBed(t, "")
	runs := 0
	errs := b.batch(func(c conn) error {
		if runs++; runs == 1 {
			return note(c, "x")
		}
		return errors.New("no longer wanted")
	}, writes("x"), func(c conn) error {
		if runs == 1 {
			c.(*writerConn).lost = errors.New("gone")
		}
		return nil
	})
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("got %v, want the second to have what the first gave up", errs)
	}
	b.is("stored", []string{"x"}, b.names())
}

func TestATransactionThatSQLiteEndedIsNoticed(t *testing.T) {
	b := newBed(t, "")
	runs := 0
	errs := b.batch(writes("a"), flaky(&runs, "b", func(c conn) error {
		// Behind the writer's back, as SQLite does it on its own after some errors.
		_, err := c.(*writerConn).conn.ExecContext(context.Background(), "ROLLBACK")
		return err
	}), writes("c"))
	b.is("results", []error{nil, nil, nil}, errs)
	b.is("stored", []string{"a", "b", "c"}, b.names())
}

func TestAConnectionThatCannotBeginIsReplaced(t *testing.T) {
	b := newBed(t, "")
	b.ok(b.w.write(t.Context(), func(conn) error { return nil }))
	b.ok(b.w.c.conn.Close())
	b.ok(b.w.write(t.Context(), writes("a")))
	b.is("stored", []string{"a"}, b.names())
}
