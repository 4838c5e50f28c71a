// Package sqliteread owns connections to an SQLite database that only read. They use the
// library without database/sql and the driver: those ask for the names and types of all
// columns with every query and take a lock for every value, which costs more than to find
// a row by its key.
//
// It refuses to write, and everything that is not SQLite.
package sqliteread

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Options say what connections are opened to.
type Options struct {
	Name  string   // a URI, see https://www.sqlite.org/uri.html
	Setup []string // what every connection runs first
	Size  int      // connections at most, 1 or more
}

// Pool is the connections that are open. Safe for concurrent use.
type Pool struct {
	o     Options
	slots chan struct{} // one for each connection that is in use

	mu     sync.Mutex
	idle   []*conn // the one that was used last is at the end
	open   int
	closed bool
	waits  int64
	waited time.Duration
}

// ErrClosed says that the pool was closed.
var ErrClosed = errors.New("the database is closed")

// NewPool makes a pool. Connections are opened when they are needed.
func NewPool(o Options) *Pool {
	return &Pool{o: o, slots: make(chan struct{}, o.Size)}
}

// Query calls each for every row of a statement with placeholders "?"; each must only
// scan, and its error ends the query. The context counts until a connection is free: a
// statement that has begun runs to its end.
func (p *Pool) Query(ctx context.Context, query string, args []any, each func(*Row) error) (err error) {
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	sound := false
	defer func() {
		if e := p.giveBack(c, sound); err == nil {
			err = e
		}
	}()
	s, err := c.prepared(query)
	if err != nil {
		return err
	}
	sound = true // what fails from here on is told by the statement
	defer c.done(s)
	return c.run(s, args, each)
}

// Ping says whether the database answers.
func (p *Pool) Ping(ctx context.Context) error {
	return p.Query(ctx, "SELECT 1 FROM sqlite_schema LIMIT 1", nil, func(*Row) error { return nil })
}

func (p *Pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
	}
	c, err := p.next()
	if err != nil {
		<-p.slots
	}
	return c, err
}

// wait waits for a slot.
func (p *Pool) wait(ctx context.Context) error {
	begun := time.Now()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waits++
		p.waited += time.Since(begun)
	}()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next is a connection for whoever has a slot.
func (p *Pool) next() (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return c, nil
	}
	p.open++
	p.mu.Unlock()
	c, err := dial(p.o)
	if err != nil {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
	}
	return c, err
}

// giveBack lets others have a connection, or closes it when it is of no use.
func (p *Pool) giveBack(c *conn, sound bool) error {
	defer func() { <-p.slots }()
	p.mu.Lock()
	if sound && !p.closed {
		p.idle = append(p.idle, c)
		p.mu.Unlock()
		return nil
	}
	p.open--
	p.mu.Unlock()
	return c.close()
}

// Close closes all connections; those in use when they come back.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.open -= len(idle)
	p.mu.Unlock()
	errs := make([]error, len(idle))
	for n, c := range idle {
		errs[n] = c.close()
	}
	return errors.Join(errs...)
}

// Stats are the work of the pool, in the terms of database/sql.
func (p *Pool) Stats() sql.DBStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sql.DBStats{
		MaxOpenConnections: p.o.Size, OpenConnections: p.open, Idle: len(p.idle), InUse: p.open - len(p.idle),
		WaitCount: p.waits, WaitDuration: p.waited,
	}
}
