package config

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Manager holds the configuration in force and replaces it as a whole. All its
// methods may be called at the same time.
//
// Invariant: Current never gives a configuration that failed to load.
type Manager struct {
	current atomic.Pointer[Snapshot]
	load    func() (*Snapshot, error)
	reload  sync.Mutex
}

// NewManager starts with a snapshot; load makes the next ones and is expected to
// read files and environment anew.
func NewManager(initial *Snapshot, load func() (*Snapshot, error)) *Manager {
	m := &Manager{load: load}
	m.current.Store(initial)
	return m
}

// Current is the configuration in force. Take it once per piece of work, so that
// a reload does not change the rules half way.
func (m *Manager) Current() *Snapshot { return m.current.Load() }

// Reload loads the configuration and puts it in force. When that fails, the old
// one stays and the error says why. Keys that cannot change while running keep
// their value; the new snapshot's warnings name those that were to change.
func (m *Manager) Reload() error {
	m.reload.Lock()
	defer m.reload.Unlock()
	next, err := m.load()
	if err != nil {
		return err
	}
	next, err = next.keeping(m.Current())
	if err != nil {
		return err
	}
	m.current.Store(next)
	return nil
}

// Watch looks at the files of the configuration every interval until ctx is done,
// and reloads when their content has changed. report is told the snapshot then in
// force and the error of the reload, if any.
//
// Content is compared, not times: so a file that is renamed into place, a symlink
// that points elsewhere and a coarse clock are all noticed. A change counts once
// it looks the same twice in a row, because editors empty a file before they fill it.
func (m *Manager) Watch(ctx context.Context, interval time.Duration, report func(*Snapshot, error)) {
	known := digests(m.Current().files)
	pending := known
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := digestsNow(m.Current().files)
		settled := slices.Equal(now, pending)
		pending = now
		if !settled || slices.Equal(now, known) {
			continue
		}
		known = now
		err := m.Reload()
		report(m.Current(), err)
	}
}

func digests(files []file) [][sha256.Size]byte {
	out := make([][sha256.Size]byte, len(files))
	for i, f := range files {
		out[i] = f.digest
	}
	return out
}

// digestsNow reads the files again; the digest of one that is missing is zero.
func digestsNow(files []file) [][sha256.Size]byte {
	out := make([][sha256.Size]byte, len(files))
	for i, f := range files {
		if text, err := os.ReadFile(f.path); err == nil {
			out[i] = sha256.Sum256(text)
		}
	}
	return out
}

// fixed are the keys that only a restart can change: listeners, the database and
// the logger exist once per process.
func fixed() []string {
	return []string{"serve", "dsn", "log", "cardea.data_dir", "cardea.admin"}
}

// free are exceptions from fixed.
func free() []string {
	return []string{"serve.public.cors"}
}

// keeping gives the snapshot with the values of old for the fixed keys.
func (s *Snapshot) keeping(old *Snapshot) (*Snapshot, error) {
	before, after := fixedValues(&old.layers), fixedValues(&s.layers)
	var changed []Issue
	for key, v := range after {
		if was, ok := before[key]; !ok || was != v {
			changed = append(changed, s.refuse(key))
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			changed = append(changed, s.refuse(key))
		}
	}
	if len(changed) == 0 {
		return s, nil
	}
	for _, c := range changed {
		was, ok := before[c.Key]
		s.layers.set(c.Key, was, ok)
	}
	return assemble(s.layers, s.opts, s.Development, s.files, append(slices.Clone(s.remarks), changed...))
}

func (s *Snapshot) refuse(key string) Issue {
	return Issue{Key: key, Source: s.layers.source(key), Reason: "cannot change while running: the old value stays in force until a restart"}
}

// fixedValues are the values of the fixed keys; outside of the exceptions they are
// scalars.
func fixedValues(l *layers) map[string]any {
	out := map[string]any{}
	for _, prefix := range fixed() {
		for _, leaf := range l.leaves(prefix) {
			exempt := slices.ContainsFunc(free(), func(f string) bool { return strings.HasPrefix(leaf.key, f+".") })
			if !exempt {
				out[leaf.key] = leaf.value
			}
		}
	}
	return out
}
