package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
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
	rows    gatherer
}

const (
	// longestPause is the longest time between two attempts.
	longestPause = 50 * time.Millisecond
	// longestWrite bounds a write whose caller sets no deadline, all attempts together.
	longestWrite = 30 * time.Second
)

func newTxWriter(db *sql.DB, d *dialect, stats *counters, queue int) *txWriter {
	w := &txWriter{db: db, dialect: d, stats: stats, turns: make(chan struct{}, queue)}
	w.rows.send = w.sendRows
	return w
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
	return w.turn(func() error {
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
	})
}

// turn refuses what would be too much to wait for.
func (w *txWriter) turn(do func() error) error {
	select {
	case w.turns <- struct{}{}:
	default:
		return problem.Busy("Too many changes are waiting to be stored, please try again.")
	}
	defer func() { <-w.turns }()
	return do()
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
	tx, err := w.dialect.begin(ctx, w.db, w.stats)
	if err != nil {
		return err
	}
	defer tx.end()
	c := &txConn{ctx: ctx, tx: tx, w: w}
	if err = call(fn, c); err == nil && c.lost == nil {
		err = c.commit()
	}
	if c.lost != nil {
		return c.lost // whatever fn made of it
	}
	return err
}

// close implements writer. Transactions that are under way end by themselves.
func (w *txWriter) close() error { return nil }

// transaction is one transaction of a database server.
type transaction interface {
	// run runs statements in order and tells how many rows each touched. A failure is
	// that of the first one without a result.
	run(ctx context.Context, list []statement) ([]int64, error)
	query(ctx context.Context, s statement) (*sql.Rows, error)
	// commit runs the last statements as run does, and commits.
	commit(ctx context.Context, last []statement) ([]int64, error)
	// end gives up what is not committed, and the connection.
	end()
}

// statement has the placeholders of its database.
type statement struct {
	text  string
	args  []any
	judge judge
}

// open: only its outcome tells whether it may be committed.
func (s statement) open() bool {
	_, open := s.judge.(outcome)
	return open
}

// txConn is the conn of one transaction.
type txConn struct {
	ctx context.Context
	tx  transaction
	w   *txWriter

	waiting []statement
	lost    error // the failure after which the transaction has to be run again
}

func (c *txConn) statement(judge judge, query string, args []any) statement {
	c.w.stats.statements.Add(1)
	return statement{c.w.dialect.bound(query), args, judge}
}

func (c *txConn) exec(query string, args ...any) (n int64, err error) {
	c.waiting = append(c.waiting, c.statement(outcome(func(touched int64, failed error) error {
		n, err = touched, failed
		return nil
	}), query, args))
	if e := c.flush(); e != nil {
		return 0, e
	}
	return n, err
}

func (c *txConn) later(judge judge, query string, args ...any) error {
	c.waiting = append(c.waiting, c.statement(judge, query, args))
	if c.w.dialect.batches && len(c.waiting) < mostWaiting {
		return nil
	}
	return c.flush()
}

// mostWaiting bounds the statements of one batch.
const mostWaiting = 256

func (c *txConn) flush() error {
	if len(c.waiting) == 0 {
		return nil
	}
	list := c.waiting
	c.waiting = nil
	touched, err := c.tx.run(c.ctx, list)
	return c.judged(list, touched, err)
}

// judged asks the judges of statements that ran, up to the one that failed.
func (c *txConn) judged(list []statement, touched []int64, err error) error {
	err = c.failed(err)
	for i, n := range touched {
		if list[i].judge == nil {
			continue
		}
		if err := list[i].judge.of(n, nil); err != nil {
			return err
		}
	}
	if i := len(touched); err != nil && i < len(list) && list[i].judge != nil {
		return list[i].judge.of(0, err)
	}
	return err
}

// commit commits together with what waits, unless its outcome is still to be judged.
func (c *txConn) commit() error {
	if slices.ContainsFunc(c.waiting, statement.open) {
		if err := c.flush(); err != nil {
			return err
		}
	}
	touched, err := c.tx.commit(c.ctx, c.waiting)
	return c.judged(c.waiting, touched, err)
}

func (c *txConn) query(query string, args []any, each func(row) error) error {
	if err := c.flush(); err != nil {
		return err
	}
	rows, err := c.tx.query(c.ctx, c.statement(nil, query, args))
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

// sqlTx is a transaction as database/sql has it.
type sqlTx struct {
	*sql.Tx
	stats *counters
}

func beginSQL(ctx context.Context, db *sql.DB, stats *counters) (transaction, error) {
	stats.trips.Add(1)
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return nil, err
	}
	return sqlTx{tx, stats}, nil
}

func (t sqlTx) run(ctx context.Context, list []statement) (touched []int64, err error) {
	for _, s := range list {
		t.stats.trips.Add(1)
		result, err := t.ExecContext(ctx, s.text, s.args...)
		if err != nil {
			return touched, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched = append(touched, n)
	}
	return touched, nil
}

func (t sqlTx) query(ctx context.Context, s statement) (*sql.Rows, error) {
	t.stats.trips.Add(1)
	return t.QueryContext(ctx, s.text, s.args...)
}

func (t sqlTx) commit(ctx context.Context, last []statement) ([]int64, error) {
	touched, err := t.run(ctx, last)
	if err != nil {
		return touched, err
	}
	t.stats.trips.Add(1)
	return touched, t.Commit()
}

func (t sqlTx) end() { _ = t.Rollback() } // it is gone already when this fails, which is what is wanted
