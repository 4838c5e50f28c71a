package sqliteread

import (
	"database/sql"
	"fmt"
	"reflect"

	"github.com/google/uuid"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Row is the row that a query has come to. It is valid until the function that got it
// returns.
type Row struct {
	c *conn
	s *stmt
}

// Scan copies the columns into places, as (*sql.Rows).Scan does: *string, *[]byte,
// *int64, *int, *bool, their named relatives, *any, pointers to pointers for what may be
// NULL, and sql.Scanner. A value is not turned into one of another kind.
func (r *Row) Scan(dest ...any) error {
	if len(dest) != r.s.columns {
		return fmt.Errorf("there are %d columns, not %d", r.s.columns, len(dest))
	}
	for n, d := range dest {
		if err := r.scan(int32(n), d); err != nil { //nolint:gosec // SQLite allows 32,767 columns at most
			return fmt.Errorf("column %d: %w", n+1, err)
		}
	}
	return nil
}

func (r *Row) scan(n int32, dest any) error {
	switch d := dest.(type) {
	case *string:
		if raw, ok := r.text(n); ok {
			*d = string(raw)
			return nil
		}
	case *[]byte:
		raw, ok := r.text(n)
		if ok {
			*d = append([]byte{}, raw...)
			return nil
		}
		if r.kind(n) == sqlite3.SQLITE_NULL {
			*d = nil
			return nil
		}
	case *int64:
		if r.kind(n) == sqlite3.SQLITE_INTEGER {
			*d = r.integer(n)
			return nil
		}
	case *bool:
		if r.kind(n) == sqlite3.SQLITE_INTEGER {
			*d = r.integer(n) != 0
			return nil
		}
	case *uuid.UUID:
		if raw, ok := r.text(n); ok && len(raw) == len(d) {
			copy(d[:], raw)
			return nil
		}
		return d.Scan(r.value(n))
	case IntegerScanner:
		if r.kind(n) == sqlite3.SQLITE_INTEGER {
			d.ScanInteger(r.integer(n))
			return nil
		}
		return d.Scan(r.value(n))
	case TextScanner:
		if raw, ok := r.text(n); ok {
			return d.ScanText(raw)
		}
		return d.Scan(r.value(n))
	case sql.Scanner:
		return d.Scan(r.value(n))
	default:
		return assign(reflect.ValueOf(dest), r.value(n))
	}
	return unsuitable(dest, r.value(n))
}

// IntegerScanner takes an integer without having it boxed.
type IntegerScanner interface {
	sql.Scanner
	ScanInteger(n int64)
}

// TextScanner takes a text or bytes out of the memory of the library. It must not keep
// them.
type TextScanner interface {
	sql.Scanner
	ScanText(raw []byte) error
}

func unsuitable(dest, value any) error { return fmt.Errorf("a %T does not fit into %T", value, dest) }

// assign is Scan for what is rare.
func assign(dest reflect.Value, value any) error {
	if dest.Kind() != reflect.Pointer || dest.IsNil() {
		return fmt.Errorf("%s is no place", dest.Type())
	}
	to := dest.Elem()
	if to.Kind() == reflect.Pointer {
		if value == nil {
			to.SetZero()
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return assign(to, value)
	}
	switch v := value.(type) {
	case string:
		if to.Kind() == reflect.String {
			to.SetString(v)
			return nil
		}
		if to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8 {
			to.SetBytes([]byte(v))
			return nil
		}
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
			return nil
		case to.CanUint() && v >= 0 && !to.OverflowUint(uint64(v)):
			to.SetUint(uint64(v))
			return nil
		case to.Kind() == reflect.Bool:
			to.SetBool(v != 0)
			return nil
		}
	}
	from := reflect.ValueOf(value)
	if from.IsValid() && from.Type().AssignableTo(to.Type()) {
		to.Set(from)
		return nil
	}
	if value == nil && (to.Kind() == reflect.Interface || to.Kind() == reflect.Slice) {
		to.SetZero()
		return nil
	}
	return unsuitable(dest.Interface(), value)
}

func (r *Row) kind(n int32) int32 { return sqlite3.Xsqlite3_column_type(r.c.tls, r.s.handle, n) }

func (r *Row) integer(n int32) int64 {
	return sqlite3.Xsqlite3_column_int64(r.c.tls, r.s.handle, n)
}

// text is the memory of a text or of bytes; it is valid until the next step.
func (r *Row) text(n int32) (raw []byte, ok bool) {
	switch r.kind(n) {
	case sqlite3.SQLITE_TEXT, sqlite3.SQLITE_BLOB:
		p := sqlite3.Xsqlite3_column_blob(r.c.tls, r.s.handle, n)
		return memory(p, int(sqlite3.Xsqlite3_column_bytes(r.c.tls, r.s.handle, n))), true
	}
	return nil, false
}

// value is a column as drivers of database/sql tell it.
func (r *Row) value(n int32) any {
	switch r.kind(n) {
	case sqlite3.SQLITE_INTEGER:
		return r.integer(n)
	case sqlite3.SQLITE_FLOAT:
		return sqlite3.Xsqlite3_column_double(r.c.tls, r.s.handle, n)
	case sqlite3.SQLITE_TEXT:
		raw, _ := r.text(n)
		return string(raw)
	case sqlite3.SQLITE_BLOB:
		p := sqlite3.Xsqlite3_column_blob(r.c.tls, r.s.handle, n)
		return libc.GoBytes(p, int(sqlite3.Xsqlite3_column_bytes(r.c.tls, r.s.handle, n)))
	}
	return nil
}
