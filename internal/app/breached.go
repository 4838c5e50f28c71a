package app

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"cardea/internal/breach"
	"cardea/internal/method/password"
	"cardea/internal/problem"
)

// breachedFile is the file of breached passwords in force. Another one in its place is
// taken up by itself; one that cannot be read is not, and said in the log.
type breachedFile struct {
	log *slog.Logger

	mu    sync.RWMutex
	path  string
	file  *breach.File
	stamp stamp // of the file that was looked at last, good or not
}

// stamp tells a file from the one that stood there before.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// prepare opens the file at a path, "" for none; what it gives puts it in force.
func (b *breachedFile) prepare(path string) (use func(), err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if path == b.path {
		return func() {}, nil
	}
	if path == "" {
		return b.close, nil
	}
	s, err := stampOf(path)
	if err != nil {
		return nil, unreadable(err)
	}
	next, err := breach.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.put(path, next, s)
	}, nil
}

func unreadable(err error) error {
	return fmt.Errorf("cardea.breached_passwords.file: %w (cardea hibp build makes such a file)", err)
}

func (b *breachedFile) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put("", nil, stamp{})
}

// put closes what was in force; nobody reads it, because the lock is held.
func (b *breachedFile) put(path string, next *breach.File, s stamp) {
	if b.file != nil {
		if err := b.file.Close(); err != nil {
			b.log.Warn("the file of breached passwords could not be closed", "path", b.path, "error", err)
		}
	}
	b.path, b.file, b.stamp = path, next, s
}

// renew takes up another file that was put in the place of the one in force.
func (b *breachedFile) renew() {
	b.mu.RLock()
	path, known := b.path, b.stamp
	b.mu.RUnlock()
	now, err := stampOf(path)
	if err != nil || now == known {
		return // one that is gone for a moment is still open here
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path != path || b.stamp != known {
		return
	}
	next, err := breach.Open(path)
	if err != nil {
		b.stamp = now
		b.log.Error("the new file of breached passwords cannot be read, so the old one stays in force", "path", path, "error", err)
		return
	}
	b.put(path, next, now)
	b.log.Info("a new file of breached passwords is in force", "path", path, "entries", next.Info().Entries)
}

// offline looks breached passwords up in the file. What is in it counts as seen more
// often than the policy lets pass: which ones are in it was decided when it was made.
type offline struct {
	*breachedFile
	tolerated int
}

// Breaches is how often a password was seen at least, 0 for never.
func (o offline) Breaches(_ context.Context, candidate string) (int, error) {
	o.renew()
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.file == nil {
		return 0, nil
	}
	found, err := o.file.Contains(sha1.Sum([]byte(candidate)))
	if err != nil {
		return 0, problem.Busy("Passwords cannot be checked right now, please try again later.").With(errors.Join(password.ErrBreachUnavailable, err))
	}
	if !found {
		return 0, nil
	}
	return max(int(o.file.Info().MinCount), o.tolerated+1), nil
}
