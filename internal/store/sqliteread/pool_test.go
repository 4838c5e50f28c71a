package sqliteread

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// house is a database with a writer, and a pool that reads it.
type house struct {
	*testing.T
	writer *sql.DB
	*Pool
}

func newHouse(t *testing.T, size int) house {
	t.Helper()
	name := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "test.db"))
	connector, err := sqlite.NewConnector(name + "?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	h := house{t, sql.OpenDB(connector), NewPool(Options{Name: name, Setup: []string{"PRAGMA busy_timeout(5000)", "PRAGMA query_only(ON)"}, Size: size})}
	t.Cleanup(func() {
		if err := errors.Join(h.Pool.Close(), h.writer.Close()); err != nil {
			t.Error(err)
		}
	})
	h.write("CREATE TABLE notes (id INTEGER PRIMARY KEY, raw BLOB, text TEXT, real REAL)")
	return h
}

func (h house) write(query string, args ...any) {
	h.Helper()
	if _, err := h.writer.Exec(query, args...); err != nil {
		h.Fatal(err)
	}
}

func (h house) ask(query string, args []any, dest ...any) error {
	return h.Query(h.Context(), query, args, func(r *Row) error { return r.Scan(dest...) })
}

func TestValuesComeBackAsTheyWentIn(t *testing.T) {
	h := newHouse(t, 1)
	id := uuid.New()
	for _, c := range []struct{ in, out any }{
		{int64(-1 << 60), int64(-1 << 60)}, {7, int64(7)}, {true, int64(1)}, {false, int64(0)}, {uint8(3), int64(3)}, {2.5, 2.5},
		{"", ""}, {"a\x00b – ü", "a\x00b – ü"}, {id[:], id[:]}, {[]byte{}, []byte{}}, {[]byte(nil), nil}, {nil, nil},
		{string(make([]byte, 1<<20)), string(make([]byte, 1<<20))},
	} {
		var got any
		if err := h.ask("SELECT ?", []any{c.in}, &got); err != nil {
			t.Errorf("%T: %v", c.in, err)
		}
		if raw, ok := c.out.([]byte); ok {
			if is, ok := got.([]byte); !ok || string(is) != string(raw) {
				t.Errorf("%v came back as %#v", c.in, got)
			}
		} else if got != c.out {
			t.Errorf("a %T came back as %T", c.in, got)
		}
	}
}

type name string

func TestPlacesGetWhatFitsThemAndNothingElse(t *testing.T) {
	h := newHouse(t, 1)
	id := uuid.New()
	var (
		text    string
		named   name
		raw     = []byte("old")
		number  int64
		small   int
		count   uint16
		yes     bool
		maybe   *int64
		there   *string
		theID   uuid.UUID
		scanned sql.NullString
	)
	if err := h.ask("SELECT 'a', 'b', x'63', 4, 5, 6, 1, NULL, 'c', ?, 'd'", []any{id[:]},
		&text, &named, &raw, &number, &small, &count, &yes, &maybe, &there, &theID, &scanned); err != nil {
		t.Fatal(err)
	}
	if text != "a" || named != "b" || string(raw) != "c" || number != 4 || small != 5 || count != 6 || !yes || maybe != nil || *there != "c" || theID != id || scanned.String != "d" {
		t.Error(text, named, raw, number, small, count, yes, maybe, there, theID, scanned)
	}
	if err := h.ask("SELECT NULL, 'text'", nil, &raw, &raw); err != nil || string(raw) != "text" {
		t.Error(string(raw), err)
	}
	for query, dest := range map[string]any{
		"SELECT NULL": &text, "SELECT 1": &text, "SELECT 'a'": &number, "SELECT 'b'": &yes, "SELECT 70000": &count, "SELECT -1": &count, "SELECT 'c'": &theID, "SELECT 2.5": &number, "SELECT 2": text,
	} {
		if err := h.ask(query, nil, dest); err == nil {
			t.Errorf("%s fits into %T", query, dest)
		}
	}
	if err := h.ask("SELECT 1, 2", nil, &number); err == nil {
		t.Error("two columns fit into one place")
	}
}

// What a scan gave must not change when the connection goes on.
func TestWhatWasScannedStays(t *testing.T) {
	h := newHouse(t, 1)
	var first, second []byte
	var texts []string
	if err := h.ask("SELECT 'first'", nil, &first); err != nil {
		t.Fatal(err)
	}
	if err := h.ask("SELECT ?", []any{"other"}, &second); err != nil {
		t.Fatal(err)
	}
	err := h.Query(t.Context(), "SELECT 'a' UNION ALL SELECT 'b'", nil, func(r *Row) error {
		texts = append(texts, "")
		return r.Scan(&texts[len(texts)-1])
	})
	if err != nil || string(first) != "first" || string(second) != "other" || texts[0] != "a" || texts[1] != "b" {
		t.Errorf("%q %q %q %v", first, second, texts, err)
	}
}

func TestOnlyReadsAreAllowed(t *testing.T) {
	h := newHouse(t, 1)
	h.write("INSERT INTO notes (id) VALUES (1)")
	var failure *Error
	if err := h.ask("DELETE FROM notes RETURNING id", nil, new(int64)); !errors.As(err, &failure) || failure.Code != sqlite3.SQLITE_READONLY {
		t.Errorf("a deletion: %v", err)
	}
	var n int64
	if err := h.ask("SELECT count(*) FROM notes", nil, &n); err != nil || n != 1 {
		t.Errorf("afterwards there are %d, %v", n, err)
	}
}

func TestAFailureEndsOneQueryAndNotTheConnection(t *testing.T) {
	h := newHouse(t, 1)
	broken := errors.New("broken")
	for range 3 {
		if err := h.ask("SELECT nonsense", nil, new(int64)); err == nil {
			t.Error("nonsense was understood")
		}
		if err := h.ask("SELECT ?", nil, new(int64)); err == nil {
			t.Error("an argument may be missing")
		}
		if err := h.ask("SELECT abs(-9223372036854775807 - 1)", nil, new(int64)); err == nil {
			t.Error("an overflow was not told")
		}
		err := h.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2", nil, func(*Row) error { return broken })
		if err != broken { //nolint:errorlint // callers compare
			t.Errorf("the error of a row is %v", err)
		}
		var n int64
		if err := h.ask("SELECT 5", nil, &n); err != nil || n != 5 {
			t.Errorf("then: %d, %v", n, err)
		}
	}
}

// A reader sees what was committed before it began, also after tables were changed, and
// leaves no read open behind that would keep the log from being written back.
func TestReadersSeeWhatWasCommittedAndHoldNothing(t *testing.T) {
	h := newHouse(t, 2)
	for n := range int64(50) {
		h.write("INSERT INTO notes (id, text) VALUES (?, ?)", n, "text")
		if n == 25 {
			h.write("ALTER TABLE notes ADD COLUMN more TEXT")
		}
		var count int64
		if err := h.ask("SELECT count(*) FROM notes", nil, &count); err != nil || count != n+1 {
			t.Fatalf("after %d there are %d, %v", n+1, count, err)
		}
		_ = h.Query(t.Context(), "SELECT id FROM notes", nil, func(*Row) error { return context.Canceled })
	}
	var busy, log, done int64
	if err := h.writer.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil || busy != 0 {
		t.Errorf("the log cannot be written back: %d, %v", busy, err)
	}
}

func TestManyReadAtOnceWhileSomebodyWrites(t *testing.T) {
	h := newHouse(t, 3)
	h.write("INSERT INTO notes (id, raw, text) VALUES (1, x'00', 'a')")
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 200 {
				var raw []byte
				var text string
				want := make([]byte, g*100+n)
				if err := h.ask("SELECT ?, text FROM notes WHERE id = ?", []any{want, 1}, &raw, &text); err != nil || len(raw) != len(want) || text == "" {
					t.Errorf("%d bytes of %d, %q, %v", len(raw), len(want), text, err)
				}
			}
		})
	}
	for n := range 100 {
		h.write("UPDATE notes SET text = ? WHERE id = 1", string(rune('a'+n%26)))
	}
	all.Wait()
	if s := h.Stats(); s.OpenConnections > 3 || s.InUse != 0 || s.Idle != s.OpenConnections {
		t.Errorf("afterwards: %+v", s)
	}
}

func TestWhoWaitsForAConnectionMayGiveUp(t *testing.T) {
	h := newHouse(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := h.Query(t.Context(), "SELECT 1", nil, func(*Row) error {
		time.AfterFunc(0, cancel)
		return h.Query(ctx, "SELECT 1", nil, func(*Row) error { return nil })
	})
	if err != context.Canceled { //nolint:errorlint // nothing may wrap it
		t.Errorf("whoever waited heard %v", err)
	}
	if s := h.Stats(); s.WaitCount != 1 || s.InUse != 0 {
		t.Errorf("the pool tells %+v", s)
	}
}

func TestAClosedPoolReadsNothing(t *testing.T) {
	h := newHouse(t, 2)
	err := h.Query(t.Context(), "SELECT 1", nil, func(*Row) error { return h.Close() })
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	if s := h.Stats(); s.OpenConnections != 0 {
		t.Errorf("%d connections are left", s.OpenConnections)
	}
}

func TestADatabaseThatIsNotThereIsAFailure(t *testing.T) {
	p := NewPool(Options{Name: "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "none", "test.db")), Size: 1})
	var failure *Error
	for range 3 {
		if err := p.Ping(t.Context()); !errors.As(err, &failure) {
			t.Errorf("a missing folder: %v", err)
		}
	}
	if s := p.Stats(); s.OpenConnections != 0 {
		t.Errorf("%d connections are open", s.OpenConnections)
	}
}

// More texts than are kept prepared work all the same.
func TestTextsWithoutEnd(t *testing.T) {
	h := newHouse(t, 1)
	query := "SELECT 1"
	for range maxPrepared + 50 {
		query += " "
		var n int64
		if err := h.ask(query, nil, &n); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
}
