package store

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"
)

func discard(row) error { return nil }

// breakFile makes every open descriptor of a file refuse to be written, until
// repaired. What it does is the same as a device that fails under the process.
func breakFile(t *testing.T, path string) (repair func()) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	var repairs []func()
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || target != path {
			continue
		}
		saved, err := syscall.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		repairs = append(repairs, func() {
			if err := syscall.Dup3(saved, fd, syscall.O_CLOEXEC); err != nil {
				t.Error(err)
			}
			_ = syscall.Close(saved)
		})
	}
	if len(repairs) == 0 {
		t.Fatalf("nobody has %s open", filepath.Base(path))
	}
	return func() {
		for _, r := range repairs {
			r()
		}
		_ = null.Close()
	}
}

func TestADiskThatFailsAtTheCommit(t *testing.T) {
	b := newBed(t, "")
	var repair func()
	runs := 0
	errs := b.batch(func(c conn) error {
		if repair != nil {
			repair()
			repair = nil
		}
		return note(c, "a")
	}, flaky(&runs, "b", func(conn) error {
		repair = breakFile(t, b.path+"-wal")
		return nil
	}), writes("c"))
	b.is("results", []error{nil, nil, nil}, errs)
	b.is("runs", 2, runs)
	b.is("stored", []string{"a", "b", "c"}, b.names())
}

func TestADiskThatFailsInTheMiddleOfABatch(t *testing.T) {
	b := newBed(t, "?_cache_size=10")
	failed := false
	errs := b.batch(writes("a"), func(c conn) error {
		defer breakFile(t, b.path+"-wal")()
		if err := note(c, "b"); err != nil {
			return err
		}
		_, err := c.exec(strings.Replace(big, "100000", "5000", 1)) // more than the cache holds
		failed = primary(sqliteCode(err)) == sqlite3.SQLITE_IOERR
		return err
	}, writes("c"))
	if !failed || errs[1] == nil {
		t.Errorf("got %v, want an I/O error", errs[1])
	}
	b.is("neighbours", []error{nil, nil}, []error{errs[0], errs[2]})
	b.is("stored", []string{"a", "c"}, b.names())
}
