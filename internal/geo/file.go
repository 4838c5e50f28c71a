package geo

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// File is a database in a file that somebody replaces now and then. Safe for
// concurrent use.
type File struct {
	path    string
	current atomic.Pointer[Database]

	mu   sync.Mutex
	seen stamp // of the file when it was last read, whatever came of it
}

// stamp tells editions of a file apart without reading them.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.ModTime(), info.Size()} }

// Open reads a file. It is held in memory rather than mapped, because whoever
// overwrites a mapped file ends the process that reads it.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if _, err := f.Refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Refresh reads the file again if it has changed, and says whether another edition
// is in force since. An error leaves the one that was, and is told once for each
// change of the file.
func (f *File) Refresh() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		// A file that is gone is one more edition: told of once.
		if gone := (stamp{size: -1}); f.seen == gone {
			return false, nil
		}
		f.seen = stamp{size: -1}
		return false, err
	}
	if stampOf(info) == f.seen {
		return false, nil
	}
	// The stamp is from before the file was read: what is written meanwhile is
	// noticed the next time.
	f.seen = stampOf(info)
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return false, err
	}
	d, err := Parse(raw)
	if err != nil {
		return false, fmt.Errorf("%s %w", f.path, err)
	}
	f.current.Store(d)
	return true, nil
}

// Find looks an address up in the edition in force.
func (f *File) Find(ip netip.Addr) (Place, bool) { return f.current.Load().Find(ip) }
