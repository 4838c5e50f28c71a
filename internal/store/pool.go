package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"cardea/internal/problem"
)

// maxPrepared bounds the statements kept prepared; texts beyond it are prepared
// for one use. Only lists of unusual lengths ever get there.
const maxPrepared = 512

// pool is the connections that reads use, with their prepared statements by text.
type pool struct {
	db      *sql.DB
	dialect *dialect
	stats   *counters

	mu         sync.RWMutex
	statements map[string]*sql.Stmt
}

// bound is a text with the database's own placeholders.
func (d *dialect) bound(query string) string {
	if d.rebind == nil {
		return query
	}
	return d.rebind(query)
}

func newPool(db *sql.DB, d *dialect, stats *counters) *pool {
	return &pool{db: db, dialect: d, stats: stats, statements: map[string]*sql.Stmt{}}
}

// on binds the pool to a caller's context.
func (p *pool) on(ctx context.Context) conn { return traced(ctx, reader{ctx, p}) }

func (p *pool) close() error { return p.db.Close() }

// prepared finds the statement of a text. Only texts beyond the bound need release.
func (p *pool) prepared(query string) (stmt *sql.Stmt, release func() error, err error) {
	p.mu.RLock()
	stmt, ok := p.statements[query]
	full := len(p.statements) >= maxPrepared
	p.mu.RUnlock()
	if ok {
		return stmt, keep, nil
	}
	// A statement outlives the request that needed it first.
	if stmt, err = p.db.PrepareContext(context.Background(), p.dialect.bound(query)); err != nil {
		return nil, nil, err
	}
	if full {
		return stmt, stmt.Close, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.statements[query]; ok {
		return other, keep, stmt.Close()
	}
	p.statements[query] = stmt
	return stmt, keep, nil
}

func keep() error { return nil }

// reader runs statements of one caller on the pool.
type reader struct {
	ctx context.Context
	*pool
}

func (r reader) query(query string, args []any, each func(*sql.Rows) error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.dialect.prepares {
		return r.dialect.public(r.askPrepared(query, args, each))
	}
	return r.dialect.public(r.ask(query, args, each))
}

// readAttempts is how often a read may lose against others.
const readAttempts = 5

// ask runs a query again that lost against others before it had told a row: a change of
// tables may be in its way, and distributed databases let those lose who only read.
func (r reader) ask(query string, args []any, each func(*sql.Rows) error) error {
	told := false
	tell := func(rows *sql.Rows) error { told = true; return each(rows) }
	for n := 1; ; n++ {
		r.stats.statements.Add(1)
		r.stats.trips.Add(1)
		rows, err := r.db.QueryContext(r.waits(), r.dialect.bound(query), args...)
		if err == nil {
			err = eachRow(rows, tell)
		}
		if err == nil || told || n == readAttempts || !r.dialect.again(err) || pause(r.ctx, n) != nil {
			return err
		}
	}
}

func (r reader) askPrepared(query string, args []any, each func(*sql.Rows) error) error {
	r.stats.statements.Add(1)
	stmt, release, err := r.prepared(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(r.waits(), args...)
	if err == nil {
		err = eachRow(rows, each)
	}
	if e := release(); err == nil {
		err = e
	}
	return err
}

// waits is the context that a statement is watched by.
func (r reader) waits() context.Context {
	if r.dialect.unwaited {
		return context.WithoutCancel(r.ctx)
	}
	return r.ctx
}

func (r reader) exec(query string, _ ...any) (int64, error) {
	return 0, fmt.Errorf("a write on a connection that reads: %.40s", query)
}

func (r reader) later(_ judge, query string, _ ...any) error {
	_, err := r.exec(query)
	return err
}

func (r reader) flush() error { return nil }

// eachRow visits and closes rows.
func eachRow(rows *sql.Rows, each func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// one scans the only row of a query, or answers problem.ErrNotFound. A second row
// means that the statement does not ask for what its caller thinks.
func one(c conn, query string, args []any, dest ...any) error {
	return oneInto(c, query, args, func() []any { return dest })
}

// oneInto is one for a row that is worth making only when there is one: tokens that
// nobody has cost little.
func oneInto(c conn, query string, args []any, dest func() []any) error {
	found := 0
	err := c.query(query, args, func(rows *sql.Rows) error {
		if found++; found > 1 {
			return errSeveral
		}
		return rows.Scan(dest()...)
	})
	if err == nil && found == 0 {
		return problem.ErrNotFound
	}
	return err
}

var errSeveral = errors.New("there are several rows where one was expected")

// touched answers problem.ErrNotFound for a write that touched no row. It is a judge.
func touched(n int64, err error) error {
	if err == nil && n == 0 {
		return problem.ErrNotFound
	}
	return err
}
