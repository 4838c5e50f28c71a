package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"cardea/internal/problem"
)

// readPool is the connections that reads use.
type readPool interface {
	// on binds them to a caller's context.
	on(ctx context.Context) conn
	// ping says whether the database answers.
	ping(ctx context.Context) error
	// work is what the connections have done.
	work() sql.DBStats
	close() error
}

// row is what a query has come to.
type row interface {
	// Scan copies the columns into places, as (*sql.Rows).Scan does.
	Scan(dest ...any) error
}

// pool is the connections to a database server. Its driver keeps statements prepared.
type pool struct {
	db      *sql.DB
	dialect *dialect
	stats   *counters
}

// bound is a text with the database's own placeholders.
func (d *dialect) bound(query string) string {
	if d.rebind == nil {
		return query
	}
	return d.rebind(query)
}

func (p *pool) on(ctx context.Context) conn { return traced(ctx, reader{noWrites{}, ctx, p}) }

func (p *pool) ping(ctx context.Context) error { return p.db.PingContext(ctx) }

func (p *pool) work() sql.DBStats { return p.db.Stats() }

func (p *pool) close() error { return p.db.Close() }

// reader runs statements of one caller on the pool.
type reader struct {
	noWrites
	ctx context.Context
	*pool
}

// readAttempts is how often a read may lose against others.
const readAttempts = 5

// query runs a query again that lost against others before it had told a row: a change of
// tables may be in its way, and distributed databases let those lose who only read.
func (r reader) query(query string, args []any, each func(row) error) error {
	return r.dialect.public(r.ask(query, args, each))
}

func (r reader) ask(query string, args []any, each func(row) error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	told := false
	tell := func(rows row) error { told = true; return each(rows) }
	for n := 1; ; n++ {
		r.stats.statements.Add(1)
		r.stats.trips.Add(1)
		rows, err := r.db.QueryContext(r.ctx, r.dialect.bound(query), args...)
		if err == nil {
			err = eachRow(rows, tell)
		}
		if err == nil || told || n == readAttempts || !r.dialect.again(err) || pause(r.ctx, n) != nil {
			return err
		}
	}
}

// noWrites is the half of a conn that those refuse who only read.
type noWrites struct{}

func (noWrites) exec(query string, _ ...any) (int64, error) {
	return 0, fmt.Errorf("a write on a connection that reads: %.40s", query)
}

func (n noWrites) later(_ judge, query string, _ ...any) error {
	_, err := n.exec(query)
	return err
}

func (noWrites) flush() error { return nil }

// eachRow visits and closes rows.
func eachRow(rows *sql.Rows, each func(row) error) error {
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
	err := c.query(query, args, func(rows row) error {
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
