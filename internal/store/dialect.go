package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is all that differs between databases. Statements are written once with
// "?" for values; what cannot be written once is made from these parts.
type dialect struct {
	name  string // of the folder of its migrations, too
	goose goose.Dialect

	// parse understands what follows "://" in a DSN.
	parse func(rest string) (source, error)
	// open fills db.reads and db.writes; queue bounds the writes that wait.
	open func(ctx context.Context, db *DB, queue int) error
	// migrations opens one connection for the schema, which begins with a statement.
	migrations func(db *DB, first string) (*sql.DB, error)
	// impatient lets a connection wait for a table no longer than tablePatience; ""
	// where readers are in nobody's way.
	impatient string
	// lockMigrations keeps others from migrating at the same time, for databases whose
	// migrations are no transactions; nil for the others.
	lockMigrations func(ctx context.Context, c *sql.DB) (unlock func() error, err error)

	// rebind turns "?" into the database's own placeholders; nil keeps them.
	rebind func(string) string
	// idText turns an id column into its hexadecimal text.
	idText func(column string) string
	// jsonText turns a column of text into what jsonRows takes; nil keeps it.
	jsonText func(column string) string
	// jsonRows aggregates rows into a JSON array of arrays; columns is a list as SQL
	// writes it.
	jsonRows func(columns string) string
	// insertNew ends an INSERT that leaves rows with taken keys out, or, where that
	// cannot be said, nothing: then the statement fails as unique tells, alone.
	insertNew string
	// guesses ends the INSERT that counts guesses: see takeReturning and takeLocked.
	guesses string
	// insertOver ends an INSERT for which rows with taken keys are as good as new.
	insertOver string
	// overwrite ends an INSERT whose rows give those with their key some columns anew.
	overwrite func(key string, columns ...string) string
	// lockRow ends a SELECT whose row is about to be changed; lockFree one that leaves
	// rows out which somebody else is changing.
	lockRow, lockFree string
	// some is the condition that at most "?" rows of a table fulfil, of those that
	// fulfil another one; key is the table's primary key. It ends its statement.
	some func(table, key, condition string) string
	// returning: an UPDATE can tell the rows that it changed.
	returning bool

	// begin begins a transaction; nil for a database without a server.
	begin func(ctx context.Context, db *sql.DB, stats *counters) (transaction, error)
	// batches: statements that nobody waits for travel together. What one of them
	// shows to be in vain has to be undone with those behind it.
	batches bool

	// Classes of errors.
	unique func(error) bool  // a unique value is taken
	orphan func(error) bool  // a foreign key leads nowhere
	intact func(error) bool  // only the statement failed, the transaction is alive
	again  func(error) bool  // a transaction lost against others and may be run again
	raced  func(error) bool  // somebody else migrates at the same time
	inUse  func(error) bool  // a table was read or written for longer than tablePatience; nil: cannot be
	public func(error) error // gives failures of the database itself the answer they deserve
}

// asText is jsonText, where there is one.
func (d *dialect) asText(column string) string {
	if d.jsonText == nil {
		return column
	}
	return d.jsonText(column)
}

// list makes "?, ?, ?".
func list(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// conflictUpdate is overwrite as PostgreSQL and SQLite say it.
func conflictUpdate(key string, columns ...string) string {
	set := make([]string, len(columns))
	for n, column := range columns {
		set[n] = column + " = excluded." + column
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// padded rounds the number of values in an IN list up to a power of two, so that
// few texts serve all lengths; the last value is repeated to fill it.
func padded[T any](values []T, arg func(T) any) (placeholders string, args []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	args = make([]any, n)
	for i := range args {
		args[i] = arg(values[min(i, len(values)-1)])
	}
	return list(n), args
}

// window ends a SELECT of some rows of many. An OFFSET stands there only where rows are
// skipped: PostgreSQL believes of one it does not know that it skips a tenth of them, so a
// plan for every value seems dear to it, and it would plan the statement each time.
func window(limit, offset int) (end string, args []any) {
	if offset == 0 {
		return " LIMIT ?", []any{int64(limit)}
	}
	return " LIMIT ? OFFSET ?", []any{int64(limit), int64(offset)}
}

// most is how many rows one INSERT takes.
const most = 32

// inserter is the multi-row INSERT of one table, as texts for 1 to most rows.
type inserter struct {
	width int
	texts [most + 1]string
}

// newInserter makes the texts. columns is a list as SQL writes it.
func newInserter(table, columns, end string) *inserter {
	in := &inserter{width: strings.Count(columns, ",") + 1}
	row := "(" + list(in.width) + ")"
	head := "INSERT INTO " + table + " (" + columns + ") VALUES "
	for n := 1; n <= most; n++ {
		in.texts[n] = head + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") + end
	}
	return in
}

// later is run for whoever need not know at once. judge makes the judge of a statement
// with so many rows; nil for none.
func (in *inserter) later(c conn, args []any, judge func(rows int) judge) error {
	for len(args) > 0 {
		n := min(len(args)/in.width, most)
		if err := c.later(judge(n), in.texts[n], args[:n*in.width]...); err != nil {
			return err
		}
		args = args[n*in.width:]
	}
	return nil
}

// run inserts rows that are laid out one after another in args, and tells how
// many were new.
func (in *inserter) run(c conn, args []any) (inserted int64, err error) {
	for len(args) > 0 {
		n := min(len(args)/in.width, most)
		k, err := c.exec(in.texts[n], args[:n*in.width]...)
		inserted += k
		if err != nil {
			return inserted, err
		}
		args = args[n*in.width:]
	}
	return inserted, nil
}
