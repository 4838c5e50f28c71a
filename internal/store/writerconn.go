package store

import (
	"context"
	"database/sql"

	"cardea/internal/problem"
)

// maxPrepared bounds the statements kept prepared; texts beyond it are prepared
// for one use. Only lists of unusual lengths ever get there.
const maxPrepared = 512

// writerConn is the connection of the group writer. Statements on it never see a
// caller's context: cancelling one would take the whole batch along.
type writerConn struct {
	db         *sql.DB
	dialect    *dialect
	stats      *counters
	conn       *sql.Conn
	statements map[string]*sql.Stmt

	// lost is the failure after which the transaction cannot be trusted to exist.
	// Until it is rolled back no statement runs: without a transaction it would
	// commit by itself.
	lost error
}

func newWriterConn(ctx context.Context, db *sql.DB, d *dialect, stats *counters) (*writerConn, error) {
	w := &writerConn{db: db, dialect: d, stats: stats}
	return w, w.connect(ctx)
}

func (w *writerConn) connect(ctx context.Context) (err error) {
	w.statements = map[string]*sql.Stmt{}
	w.conn, err = w.db.Conn(ctx)
	return err
}

func (w *writerConn) close() error { return w.db.Close() }

// begin takes the write lock. A connection that cannot begin is replaced once.
func (w *writerConn) begin() error {
	w.lost = nil
	err := w.run(sqlBegin)
	if err == nil || isBusy(err) {
		return w.dialect.public(err)
	}
	w.lost = nil
	if w.conn != nil {
		_ = w.conn.Close() // it is broken; why is told by err if the new one is no better
	}
	if err := w.connect(context.Background()); err != nil {
		return w.dialect.public(err)
	}
	return w.dialect.public(w.run(sqlBegin))
}

// rollback leaves no transaction behind. It fails when there is none any more,
// which is what is wanted.
func (w *writerConn) rollback() {
	w.lost = nil
	_ = w.run(sqlRollback)
	w.lost = nil
}

// run is exec for statements that begin and end transactions.
func (w *writerConn) run(query string) error {
	if w.lost != nil {
		return w.lost
	}
	stmt, release, err := w.prepared(query)
	if err == nil {
		_, err = stmt.ExecContext(context.Background())
		release()
	}
	w.lost = err
	return err
}

func (w *writerConn) exec(query string, args ...any) (n int64, err error) {
	if w.lost != nil {
		return 0, w.lost
	}
	stmt, release, err := w.prepared(query)
	if err != nil {
		return 0, w.failed(err)
	}
	defer release()
	w.stats.statements.Add(1)
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, w.failed(err)
	}
	return result.RowsAffected()
}

// later does not wait: nothing travels here.
func (w *writerConn) later(judge judge, query string, args ...any) error {
	n, err := w.exec(query, args...)
	if judge != nil {
		return judge.of(n, err)
	}
	return err
}

func (w *writerConn) flush() error { return nil }

func (w *writerConn) query(query string, args []any, each func(row) error) error {
	if w.lost != nil {
		return w.lost
	}
	stmt, release, err := w.prepared(query)
	if err != nil {
		return w.failed(err)
	}
	defer release()
	w.stats.statements.Add(1)
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return w.failed(err)
	}
	return w.failed(eachRow(rows, each))
}

// failed remembers failures that may have taken the transaction along.
func (w *writerConn) failed(err error) error {
	if err != nil && !w.dialect.intact(err) {
		w.lost = err
	}
	return err
}

func (w *writerConn) prepared(query string) (*sql.Stmt, func(), error) {
	if stmt, ok := w.statements[query]; ok {
		return stmt, func() {}, nil
	}
	if w.conn == nil {
		return nil, nil, problem.Internal(sql.ErrConnDone)
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, nil, err
	}
	if len(w.statements) >= maxPrepared {
		return stmt, func() { _ = stmt.Close() }, nil
	}
	w.statements[query] = stmt
	return stmt, func() {}, nil
}
