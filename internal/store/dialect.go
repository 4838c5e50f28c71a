package store

import (
	"context"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is all that differs between databases. Statements are written once with
// "?" for values; what cannot be written once is made from these parts.
type dialect struct {
	name  string // of the folder of its migrations, too
	goose goose.Dialect

	// open fills db.reads and db.writes; queue bounds the writes that wait.
	open func(ctx context.Context, db *DB, queue int) error

	// rebind turns "?" into the database's own placeholders; nil keeps them.
	rebind func(string) string
	// idText turns an id column into its hexadecimal text.
	idText func(column string) string
	// jsonRows aggregates rows into a JSON array of objects; fields alternate
	// between a key and a column.
	jsonRows func(fields ...string) string
	// insertNew ends an INSERT that leaves rows with taken keys out.
	insertNew string
	// lockRow ends a SELECT whose row is about to be changed.
	lockRow string
	// deleteSome removes at most "?" rows of a table that fulfil a condition; key is
	// the table's primary key.
	deleteSome func(table, key, condition string) string
	// unwaited: statements take microseconds and are not worth a watchdog for the
	// caller's context.
	unwaited bool

	// Classes of errors.
	unique func(error) bool  // a unique value is taken
	orphan func(error) bool  // a foreign key leads nowhere
	intact func(error) bool  // only the statement failed, the transaction is alive
	public func(error) error // gives failures of the database itself the answer they deserve
}

// list makes "?, ?, ?".
func list(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

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
