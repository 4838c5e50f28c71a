package sqliteread

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// maxPrepared bounds the statements that a connection keeps prepared; others are prepared
// for one use. Only lists of unusual lengths ever get there.
const maxPrepared = 512

// Error is a failure that SQLite tells.
type Error struct {
	Code    int // the extended result code, see https://www.sqlite.org/rescode.html
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// conn is a connection. One goroutine uses it at a time.
type conn struct {
	tls   *libc.TLS
	db    uintptr // *sqlite3
	stmts map[string]*stmt
	// room is memory of the library, for the arguments of the statement that runs.
	room, size uintptr
}

// stmt is a prepared statement.
type stmt struct {
	handle             uintptr // *sqlite3_stmt
	columns, arguments int
	kept               bool
}

// dial opens a connection. It has no lock of its own (SQLITE_OPEN_NOMUTEX), because the
// pool gives it to one at a time.
func dial(o Options) (c *conn, err error) {
	c = &conn{tls: libc.NewTLS(), stmts: map[string]*stmt{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	name, err := libc.CString(o.Name)
	if err != nil {
		return c, err
	}
	defer libc.Xfree(c.tls, name)
	if err := c.reserve(256); err != nil {
		return c, err
	}
	// Readers may have to write: to recover the log that a process left behind which was
	// killed. A "mode" in the name may take away from these, and not add to them.
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.room, flags, 0)
	c.db = pointerAt(c.room)
	if rc != sqlite3.SQLITE_OK {
		return c, c.failure(rc)
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	for _, text := range o.Setup {
		s, err := c.prepare(text)
		if err != nil {
			return c, err
		}
		err = c.run(s, nil, func(*Row) error { return nil })
		c.done(s)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		sqlite3.Xsqlite3_finalize(c.tls, s.handle)
	}
	var err error
	if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
		err = c.failure(rc)
	}
	libc.Xfree(c.tls, c.room)
	c.tls.Close()
	return err
}

// failure is what a result code other than those of success says.
func (c *conn) failure(rc int32) error {
	if c.db == 0 {
		return &Error{int(rc), "the database cannot be opened"}
	}
	return &Error{int(rc), libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}

// prepared is a statement that the connection has, or keeps from now on.
func (c *conn) prepared(query string) (*stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.prepare(query)
	if err == nil && len(c.stmts) < maxPrepared {
		s.kept = true
		c.stmts[query] = s
	}
	return s, err
}

func (c *conn) prepare(query string) (*stmt, error) {
	text, err := libc.CString(query)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	if rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, c.room, 0); rc != sqlite3.SQLITE_OK {
		return nil, c.failure(rc)
	}
	s := &stmt{handle: pointerAt(c.room)}
	s.columns = int(sqlite3.Xsqlite3_column_count(c.tls, s.handle))
	s.arguments = int(sqlite3.Xsqlite3_bind_parameter_count(c.tls, s.handle))
	return s, nil
}

// run binds the arguments and visits the rows.
func (c *conn) run(s *stmt, args []any, each func(*Row) error) error {
	if err := c.bind(s, args); err != nil {
		return err
	}
	row := Row{c, s}
	for {
		switch rc := sqlite3.Xsqlite3_step(c.tls, s.handle); rc {
		case sqlite3.SQLITE_ROW:
			if err := each(&row); err != nil {
				return err
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			return c.failure(rc)
		}
	}
}

// done ends a statement that was run, whether it succeeded or not, and with it what it
// reads from: the log cannot start anew before. What it returns, step has told. Arguments
// stay bound, because to clear them would have the statement prepared anew; nothing looks
// at them before they are bound again.
func (c *conn) done(s *stmt) {
	if !s.kept {
		sqlite3.Xsqlite3_finalize(c.tls, s.handle)
		return
	}
	sqlite3.Xsqlite3_reset(c.tls, s.handle)
}

// reserve makes room of a size for arguments.
func (c *conn) reserve(size uintptr) error {
	if size <= c.size {
		return nil
	}
	libc.Xfree(c.tls, c.room)
	c.size = 0
	if c.room = libc.Xmalloc(c.tls, types.Size_t(size)); c.room == 0 {
		return fmt.Errorf("there are no %d bytes of memory for arguments", size)
	}
	c.size = size
	return nil
}

// bind sets the arguments. Texts and bytes are copied to memory that the library knows,
// and that stays as it is until the statement is done.
func (c *conn) bind(s *stmt, args []any) error {
	if len(args) != s.arguments {
		return fmt.Errorf("a statement takes %d arguments, not %d", s.arguments, len(args))
	}
	size := uintptr(0)
	for _, a := range args {
		switch v := a.(type) {
		case []byte:
			size += uintptr(len(v))
		case string:
			size += uintptr(len(v))
		}
	}
	if err := c.reserve(size + 1); err != nil { // and an end that an empty value may begin at
		return err
	}
	at := c.room
	for n, a := range args {
		switch a.(type) {
		case nil, int64, []byte, string:
		default:
			v, err := driver.DefaultParameterConverter.ConvertValue(a)
			if err != nil {
				return fmt.Errorf("argument %d: %w", n+1, err)
			}
			a = v
		}
		if rc := c.bindOne(s, int32(n+1), a, &at); rc != sqlite3.SQLITE_OK { //nolint:gosec // SQLite allows 32,766 at most
			return c.failure(rc)
		}
	}
	return nil
}

func (c *conn) bindOne(s *stmt, n int32, arg any, at *uintptr) int32 {
	switch v := arg.(type) {
	case int64:
		return sqlite3.Xsqlite3_bind_int64(c.tls, s.handle, n, v)
	case []byte:
		if v == nil {
			break
		}
		p := *at
		*at += uintptr(copy(memory(p, len(v)), v))
		return sqlite3.Xsqlite3_bind_blob(c.tls, s.handle, n, p, int32(len(v)), 0) //nolint:gosec // nobody asks with 2 GB
	case string:
		p := *at
		*at += uintptr(copy(memory(p, len(v)), v))
		return sqlite3.Xsqlite3_bind_text(c.tls, s.handle, n, p, int32(len(v)), 0) //nolint:gosec // nobody asks with 2 GB
	case bool:
		if v {
			return sqlite3.Xsqlite3_bind_int64(c.tls, s.handle, n, 1)
		}
		return sqlite3.Xsqlite3_bind_int64(c.tls, s.handle, n, 0)
	case float64:
		return sqlite3.Xsqlite3_bind_double(c.tls, s.handle, n, v)
	}
	return sqlite3.Xsqlite3_bind_null(c.tls, s.handle, n)
}

// memory is memory of the library as Go sees it.
func memory(p uintptr, n int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), n)
}

// pointerAt is the pointer that the library has put somewhere.
func pointerAt(p uintptr) uintptr { return *(*uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&p))) }
