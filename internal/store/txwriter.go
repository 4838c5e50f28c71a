package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"

	"cardea/internal/problem"
)

// txWriter gives every write a transaction of its own, for databases whose
// transactions run side by side. They are serializable, so that what holds for the
// one writer of an SQLite file holds here as well; those that lose against others
// are run again.
type txWriter struct {
	db      *sql.DB
	dialect *dialect
	stats   *counters
	turns   chan struct{} // one for each write that is under way or waits
}

const (
	// longestPause is the longest time between two attempts.
	longestPause = 50 * time.Millisecond
	// longestWrite bounds a write whose caller sets no deadline, all attempts together.
	longestWrite = 30 * time.Second
)

func newTxWriter(db *sql.DB, d *dialect, stats *counters, queue int) *txWriter {
	return &txWriter{db: db, dialect: d, stats: stats, turns: make(chan struct{}, queue)}
}

// writeAlone is write: transactions share nothing here anyway.
func (w *txWriter) writeAlone(ctx context.Context, fn func(conn) error) error {
	return w.write(ctx, fn)
}

// write implements writer. A caller that gives up before the transaction begins
// leaves no trace; after that it is told how it went, because a statement that is
// interrupted costs the connection.
func (w *txWriter) write(ctx context.Context, fn func(conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.turns <- struct{}{}:
	default:
		return problem.Busy("Too many changes are waiting to be stored, please try again.")
	}
	defer func() { <-w.turns }()
	w.stats.writes.Add(1)
	inner, cancel := undisturbed(ctx)
	defer cancel()
	for n := 1; ; n++ {
		err := w.attempt(inner, fn)
		if err == nil {
			w.stats.commits.Add(1)
			return nil
		}
		if !w.dialect.again(err) || pause(inner, n) != nil {
			return w.dialect.public(err)
		}
	}
}

// undisturbed keeps the caller's deadline and values, and ends for nothing else.
func undisturbed(ctx context.Context) (context.Context, context.CancelFunc) {
	inner := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(inner, deadline)
	}
	return context.WithTimeout(inner, longestWrite)
}

// pause waits longer each time, and not as long as others do.
func pause(ctx context.Context, n int) error {
	most := min(time.Millisecond<<min(n, 10), longestPause)
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt runs fn in one transaction.
func (w *txWriter) attempt(ctx context.Context, fn func(conn) error) error {
	tx, err := w.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			_ = tx.Rollback() // it is gone already when this fails, which is what is wanted
		}
	}()
	c := &txConn{ctx: ctx, tx: tx, w: w}
	err = call(fn, c)
	if c.lost != nil {
		return c.lost // whatever fn made of it
	}
	if err != nil {
		return err
	}
	done = true
	return tx.Commit()
}

// close implements writer. Transactions that are under way end by themselves.
func (w *txWriter) close() error { return nil }

// txConn is the conn of one transaction.
type txConn struct {
	ctx context.Context
	tx  *sql.Tx
	w   *txWriter

	lost error // the failure after which the transaction has to be run again
}

func (c *txConn) exec(query string, args ...any) (int64, error) {
	c.w.stats.statements.Add(1)
	result, err := c.tx.ExecContext(c.ctx, c.w.dialect.bound(query), args...)
	if err != nil {
		return 0, c.failed(err)
	}
	return result.RowsAffected()
}

func (c *txConn) query(query string, args []any, each func(*sql.Rows) error) error {
	c.w.stats.statements.Add(1)
	rows, err := c.tx.QueryContext(c.ctx, c.w.dialect.bound(query), args...)
	if err == nil {
		err = eachRow(rows, each)
	}
	return c.failed(err)
}

func (c *txConn) failed(err error) error {
	if err != nil && c.w.dialect.again(err) {
		c.lost = err
	}
	return err
}
