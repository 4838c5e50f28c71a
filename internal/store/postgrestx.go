package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresTx is a transaction on a PostgreSQL. What is sent together takes one round
// trip; BEGIN travels with the first statement and COMMIT, where nothing has to be
// judged before, with the last.
type postgresTx struct {
	conn  *sql.Conn
	stats *counters
	begun bool
}

const (
	beginSerializable = "BEGIN ISOLATION LEVEL SERIALIZABLE"
	// rollbackTime is how long the end of a transaction that failed may take before its
	// connection is given up.
	rollbackTime = 5 * time.Second
)

func beginPostgres(ctx context.Context, db *sql.DB, stats *counters) (transaction, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &postgresTx{conn: c, stats: stats}, nil
}

// raw gives the driver's connection away.
func (t *postgresTx) raw(use func(*pgx.Conn) error) error {
	return t.conn.Raw(func(c any) error { return use(c.(*stdlib.Conn).Conn()) })
}

// send sends statements, in a transaction that it begins if need be.
func (t *postgresTx) send(ctx context.Context, list []statement) (touched []int64, err error) {
	batch := &pgx.Batch{}
	first := 0
	if !t.begun {
		batch.Queue(beginSerializable)
		first, t.begun = 1, true
	}
	for _, s := range list {
		batch.Queue(s.text, s.args...)
	}
	t.stats.trips.Add(1)
	err = t.raw(func(c *pgx.Conn) error {
		results := c.SendBatch(ctx, batch)
		for i := range batch.Len() {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // tells the same once more
				return err
			}
			if i >= first {
				touched = append(touched, tag.RowsAffected())
			}
			if i == batch.Len()-1 && len(list) > 0 && list[len(list)-1].text == commit && tag.String() != commit {
				return errors.Join(errors.New("the transaction was not committed: "+tag.String()), results.Close())
			}
		}
		return results.Close()
	})
	return touched, err
}

func (t *postgresTx) run(ctx context.Context, list []statement) ([]int64, error) {
	return t.send(ctx, list)
}

func (t *postgresTx) query(ctx context.Context, s statement) (*sql.Rows, error) {
	if !t.begun {
		if _, err := t.send(ctx, nil); err != nil {
			return nil, err
		}
	}
	t.stats.trips.Add(1)
	return t.conn.QueryContext(ctx, s.text, s.args...)
}

// commit is the statement, and how the server tells that it did.
const commit = "COMMIT"

func (t *postgresTx) commit(ctx context.Context, last []statement) ([]int64, error) {
	if !t.begun && len(last) == 0 {
		return nil, nil // nothing has happened
	}
	touched, err := t.send(ctx, append(slices.Clip(last), statement{text: commit}))
	return touched[:min(len(touched), len(last))], err
}

// idle is how a connection without a transaction says so.
const idle = 'I'

func (t *postgresTx) end() {
	_ = t.raw(func(c *pgx.Conn) error {
		if c.PgConn().TxStatus() == idle {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
		defer cancel()
		if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
			return driver.ErrBadConn // nobody else gets it
		}
		return nil
	})
	_ = t.conn.Close() // gives it back
}
