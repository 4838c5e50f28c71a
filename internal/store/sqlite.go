package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"cardea/internal/problem"
	"cardea/internal/store/sqliteread"
)

// sqliteDialect is SQLite as modernc.org/sqlite compiles it.
func sqliteDialect() *dialect {
	return &dialect{
		name:       "sqlite",
		goose:      goose.DialectSQLite3,
		parse:      parseSQLite,
		open:       openSQLite,
		migrations: sqliteMigrations,
		idText:     func(column string) string { return "hex(" + column + ")" },
		jsonRows:   sqliteJSONRows,
		insertNew:  " ON CONFLICT DO NOTHING",
		insertOver: " ON CONFLICT DO NOTHING",
		overwrite:  conflictUpdate,
		guesses:    guessCounts,
		some:       someByKey,
		returning:  true,
		unique:     isUnique,
		orphan:     func(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY },
		intact:     sqliteIntact,
		again:      isBusy,
		raced:      isBusy,
		public:     sqlitePublic,
	}
}

// openSQLite opens one connection that writes and a pool of others that read.
func openSQLite(ctx context.Context, db *DB, queue int) error {
	cleanup, err := db.source.materialise()
	db.cleanup = cleanup
	if err != nil {
		return err
	}
	writes, err := openSQLitePool(db.source.sqliteDSN(), 1)
	if err != nil {
		return err
	}
	// The writer goes first: it creates the file and switches it to the write-ahead log.
	c, err := newWriterConn(ctx, writes, db.dialect, &db.stats)
	if err != nil {
		return errors.Join(sqlitePublic(err), writes.Close())
	}
	db.writes = newGroupWriter(c, &db.stats, queue)
	db.reads = &embeddedReads{sqliteread.NewPool(db.source.sqliteReads()), &db.stats}
	return nil
}

// embeddedReads are the connections that read an SQLite database.
type embeddedReads struct {
	pool  *sqliteread.Pool
	stats *counters
}

func (e *embeddedReads) on(ctx context.Context) conn {
	return traced(ctx, embeddedReader{noWrites{}, ctx, e})
}

func (e *embeddedReads) ping(ctx context.Context) error { return sqlitePublic(e.pool.Ping(ctx)) }

func (e *embeddedReads) work() sql.DBStats { return e.pool.Stats() }

func (e *embeddedReads) close() error { return e.pool.Close() }

// embeddedReader runs statements of one caller.
type embeddedReader struct {
	noWrites
	ctx context.Context
	*embeddedReads
}

func (r embeddedReader) query(query string, args []any, each func(row) error) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.stats.statements.Add(1)
	return sqlitePublic(r.pool.Query(r.ctx, query, args, func(found *sqliteread.Row) error { return each(found) }))
}

// sqliteMigrations gives a connection whose transactions take the write lock when
// they begin, so that two of them cannot interleave.
func sqliteMigrations(db *DB, _ string) (*sql.DB, error) {
	return openSQLitePool(db.source.sqliteDSN()+"&_txlock=immediate", 1)
}

func openSQLitePool(dsn string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

func sqliteJSONRows(columns string) string {
	return "json_group_array(json_array(" + columns + "))"
}

// someByKey is dialect.some as most databases understand it.
func someByKey(table, key, condition string) string {
	return "(" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE " + condition + " LIMIT ?)"
}

// sqliteCode is the extended result code of an error, 0 for others' errors.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	var read *sqliteread.Error
	if errors.As(err, &read) {
		return read.Code
	}
	return 0
}

// primary cuts an extended result code down to its class.
func primary(code int) int { return code & 0xff }

func isUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

func isBusy(err error) bool {
	code := primary(sqliteCode(err))
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// sqliteIntact: a violated constraint undoes its statement and nothing else. Every
// other failure of SQLite may undo the transaction
// (https://www.sqlite.org/lang_transaction.html, section 3).
func sqliteIntact(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return false
	}
	code := sqliteCode(err)
	return code == 0 || primary(code) == sqlite3.SQLITE_CONSTRAINT && code != sqlite3.SQLITE_CONSTRAINT_COMMITHOOK
}

// sqlitePublic gives failures that are not the caller's fault the answer they
// deserve; others stay as they are.
func sqlitePublic(err error) error {
	var already *problem.Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	switch primary(sqliteCode(err)) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return problem.Busy("The database is in use by another process, please try again.").With(err)
	case sqlite3.SQLITE_FULL:
		return problem.Busy("There is no room left to store anything.").With(err)
	}
	return err
}
