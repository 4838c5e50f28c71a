// Package store owns every row: it keeps the aggregates of the other packages in
// a relational database and answers with domain values, never with rows.
//
// It refuses business rules (it stores what it is given), secrets in the clear
// (tokens and codes arrive hashed, payloads encrypted), and callers without a
// tenant: every query hangs off DB.Tenant; DB.System is for background jobs.
//
// Invariants:
//   - a read of a row that is not there answers problem.ErrNotFound, a taken unique
//     value *problem.ConflictError, a database that is too busy a problem of status 503;
//   - a write is acknowledged only after it is durable;
//   - times come back in UTC, cut to microseconds;
//   - statements are prepared once per connection, and no statement text holds a value.
package store

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/session"
)

// TenantID names a tenant. It is a small number because it leads every key.
type TenantID int64

// DefaultTenant is the only tenant of an installation that does not ask for more.
const DefaultTenant TenantID = 1

// Options say which database to open and with what.
type Options struct {
	// DSN names the database: "memory" for a private temporary file that is deleted
	// on Close, or a "sqlite://", "postgres://", "cockroach://" or "mysql://" address.
	DSN string
	// Clock gives created_at and updated_at; nil for the system's.
	Clock clock.Clock
	// NewID gives ids to child rows that come without one; nil for random UUIDs.
	NewID func() uuid.UUID
	// Changed is told after a transaction which sessions are not as they were; nil for
	// nobody. It has to return at once.
	Changed func([]session.Change)
	// Queue is how many writes may wait for their turn before further ones are
	// refused with a 503; 0 for 1024.
	Queue int
}

// DB is one open database. Safe for concurrent use.
type DB struct {
	dialect *dialect
	texts   *texts
	clock   clock.Clock
	newID   func() uuid.UUID
	changed func([]session.Change)
	source  source
	reads   readPool
	writes  writer
	stats   counters
	cleanup func() error
}

// writer runs functions in transactions.
type writer interface {
	// write runs fn in a transaction of its own and returns once that is durable or
	// undone. fn may run more than once.
	write(ctx context.Context, fn func(conn) error) error
	// writeAlone is write for work that is large by itself: it shares no transaction,
	// so nothing has to be remembered to undo it apart from others.
	writeAlone(ctx context.Context, fn func(conn) error) error
	// insert is write for one row, with a key that nobody else can have: rows of others
	// may be stored by the same statement.
	insert(ctx context.Context, in *inserter, row []any) error
	close() error
}

// A judge turns the outcome of a statement into the error that it is for its caller.
type judge interface {
	of(touched int64, err error) error
}

// outcome judges how many rows were touched as well: COMMIT waits for it.
type outcome func(touched int64, err error) error

func (o outcome) of(n int64, err error) error { return o(n, err) }

// failure judges failures alone, which keep COMMIT from happening by themselves.
type failure func(error) error

func (f failure) of(_ int64, err error) error {
	if err == nil {
		return nil
	}
	return f(err)
}

// Open opens a database. It does not migrate, except a "memory" one, which would
// be of no use otherwise. The caller closes it.
func Open(ctx context.Context, o Options) (*DB, error) {
	src, err := parseDSN(o.DSN)
	if err != nil {
		return nil, err
	}
	db := &DB{source: src, dialect: src.dialect, clock: o.Clock, newID: o.NewID, changed: o.Changed}
	if db.clock == nil {
		db.clock = clock.System{}
	}
	if db.newID == nil {
		db.newID = uuid.New
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	db.texts = newTexts(db.dialect)
	if err := db.dialect.open(ctx, db, o.Queue); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	db.writes = tracedWriter{db.writes}
	if src.temporary {
		if err := db.Migrate(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// Dialect is the name of the kind of database in use: "sqlite", "postgres", "mysql".
func (db *DB) Dialect() string { return db.dialect.name }

// Warnings are sentences for the operator about parts of the DSN that have no
// effect. They contain no secrets.
func (db *DB) Warnings() []string { return db.source.warnings }

// Close finishes the writes that wait, and closes all connections.
func (db *DB) Close() error {
	var errs []error
	if db.writes != nil {
		errs = append(errs, db.writes.close())
	}
	if db.reads != nil {
		errs = append(errs, db.reads.close())
	}
	if db.cleanup != nil {
		errs = append(errs, db.cleanup())
	}
	return errors.Join(errs...)
}

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reads.ping(ctx) }

// Tenant is the handle from which all queries of one tenant hang.
func (db *DB) Tenant(id TenantID) *Tenant { return &Tenant{db: db, id: int64(id)} }

// System is the handle of background jobs, which work for all tenants.
func (db *DB) System() *System { return &System{db: db} }

// Tenant reads and writes the rows of one tenant.
type Tenant struct {
	db      *DB
	id      int64
	witness Witness     // nil for none
	audited func() bool // says whether there is an audit log; nil for never
}

// System works across tenants. For package task alone.
type System struct{ db *DB }

// Tx is one transaction of one tenant. It ends with the function it was given to.
// After an error other than *problem.ConflictError of CreateIdentity the
// function must return it.
type Tx struct {
	db      *DB
	tenant  int64
	c       conn
	told    told
	witness Witness // nil for none

	dispatched bool      // errands were written
	register   *register // nil for no audit log
}

// Tx runs fn in a transaction: all of its writes happen, or none. fn does nothing
// but call methods of its Tx, and may run more than once, so it must not build on
// what an earlier run left behind. It may share a commit with other transactions;
// none sees the others' failures. A panic in fn comes back as a *PanicError.
func (t *Tenant) Tx(ctx context.Context, fn func(*Tx) error) error {
	return t.tx(ctx, t.db.writes.write, fn)
}

// tx is Tx with one of the ways to write.
func (t *Tenant) tx(ctx context.Context, write func(context.Context, func(conn) error) error, fn func(*Tx) error) error {
	var last Tx
	err := write(ctx, func(c conn) error {
		last = Tx{db: t.db, tenant: t.id, c: c, witness: t.witness, register: t.register(ctx)}
		if err := fn(&last); err != nil {
			return err
		}
		return last.finishRegister()
	})
	if err == nil && last.dispatched && t.witness != nil {
		t.witness.Dispatched()
	}
	if err == nil {
		last.register.durable()
	}
	return t.settle(ctx, last.told, err)
}

// read is where reads outside of transactions run.
func (t *Tenant) read(ctx context.Context) conn { return t.db.reads.on(ctx) }

// conn runs statements: a connection of the read pool or a transaction. Its
// context is bound already.
type conn interface {
	// exec runs a statement and tells how many rows it touched.
	exec(query string, args ...any) (int64, error)
	// later is exec for whoever need not know at once: the statement may travel with
	// those that follow. What its judge answers is the failure of a later call. Without a
	// judge failures are what they are.
	later(judge judge, query string, args ...any) error
	// flush makes sure that nothing waits any more.
	flush() error
	// query calls each for every row; each must only scan.
	query(query string, args []any, each func(row) error) error
}
