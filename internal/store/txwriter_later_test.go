package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"cardea/internal/problem"
	"cardea/internal/store/dbtest"
)

const insertNote = "INSERT INTO notes (id) VALUES (?)"

// notes is a database with an empty table, and what counts its rows.
func notes(t *testing.T, s *dbtest.Server) (db *DB, count func() int) {
	db = opened(t, s.Database(t)+"&max_conns=1")
	run(t, db, "CREATE TABLE notes (id BIGINT PRIMARY KEY)")
	return db, func() (n int) {
		t.Helper()
		if err := one(db.reads.on(t.Context()), "SELECT count(*) FROM notes", nil, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func laterFailures(t *testing.T, s *dbtest.Server) {
	db, count := notes(t, s)
	mine := errors.New("mine")
	taken := failure(func(err error) error {
		if db.dialect.unique(err) {
			return mine
		}
		return err
	})
	other := failure(func(error) error { return errors.New("the failure of another statement") })
	for name, c := range map[string]struct {
		fn   func(c conn) error
		want error
	}{
		"among others": {want: mine, fn: func(c conn) error {
			return errors.Join(c.later(other, insertNote, 1), c.later(taken, insertNote, 1), c.later(other, insertNote, 2))
		}},
		"before one that is waited for": {want: mine, fn: func(c conn) error {
			err := errors.Join(c.later(nil, insertNote, 1), c.later(taken, insertNote, 1))
			if err == nil {
				_, err = c.exec(insertNote, 2)
			}
			return err
		}},
		"before a question": {want: mine, fn: func(c conn) error {
			err := errors.Join(c.later(nil, insertNote, 1), c.later(taken, insertNote, 1))
			if err == nil {
				err = one(c, "SELECT count(*) FROM notes", nil, new(int))
			}
			return err
		}},
		"a row that is not there, last": {want: problem.ErrNotFound, fn: func(c conn) error {
			return errors.Join(c.later(nil, insertNote, 1), c.later(outcome(touched), "UPDATE notes SET id = 9 WHERE id = 8"))
		}},
	} {
		if err := db.writes.write(t.Context(), c.fn); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if n := count(); n != 0 {
			t.Errorf("%s: %d rows stayed", name, n)
		}
	}
	err := db.writes.write(t.Context(), func(c conn) error {
		var n int
		if err := errors.Join(c.later(nil, insertNote, 1), one(c, "SELECT count(*) FROM notes", nil, &n), c.later(nil, insertNote, 2)); err != nil {
			return err
		}
		if n != 1 {
			t.Errorf("%d rows are seen behind the first", n)
		}
		return nil
	})
	if n := count(); err != nil || n != 2 {
		t.Errorf("%d rows stayed of two, %v", n, err)
	}
}

// lostAndSwallowed: a savepoint gives a transaction back its life, but not what the
// statement would have found.
func lostAndSwallowed(t *testing.T, s *dbtest.Server) {
	db, count := notes(t, s)
	lose := map[string]string{
		"postgres": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$",
		"mysql":    "BEGIN NOT ATOMIC SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END",
	}[db.Dialect()]
	attempts := 0
	err := db.writes.write(t.Context(), func(c conn) error {
		attempts++
		if err := c.later(nil, insertNote, attempts); err != nil || attempts > 1 {
			return err
		}
		if _, err := c.exec("SAVEPOINT alive"); err != nil {
			return err
		}
		if _, err := c.exec(lose); err == nil {
			t.Error("nothing was lost")
		}
		_, err := c.exec("ROLLBACK TO SAVEPOINT alive")
		return err
	})
	if n := count(); err != nil || n != 1 || attempts != 2 {
		t.Errorf("%d rows after %d attempts, want one after two: %v", n, attempts, err)
	}
}

func deadlineOfAWrite(t *testing.T, s *dbtest.Server) {
	db, count := notes(t, s)
	sleep := map[string]string{"postgres": "SELECT pg_sleep(60)", "mysql": "DO SLEEP(60)"}[db.Dialect()]
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := db.writes.write(ctx, func(c conn) error {
		return errors.Join(c.later(nil, insertNote, 1), c.later(nil, sleep))
	})
	if err == nil {
		t.Error("nothing was cut off")
	}
	run(t, db, "INSERT INTO notes (id) VALUES (2)")
	if n := count(); n != 1 {
		t.Errorf("%d rows, want the one that came after", n)
	}
}
