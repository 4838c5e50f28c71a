package gate

import (
	"sync"
	"time"
)

// Meter counts in the memory of the process alone what is done how often: cheap enough
// to be asked about everything, and forgotten with the process. Safe for concurrent use.
type Meter struct {
	mu   sync.Mutex
	seen map[Key]tally
}

type tally struct {
	count int
	ends  time.Time
}

// NewMeter makes a meter.
func NewMeter() *Meter { return &Meter{seen: map[Key]tally{}} }

// Seen is how often something was done in the window that is open.
func (m *Meter) Seen(k Key, now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.seen[k]; now.Before(t.ends) {
		return t.count
	}
	return 0
}

// Count counts once more. The first time opens a window.
func (m *Meter) Count(k Key, window time.Duration, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.seen[k]
	if !now.Before(t.ends) {
		m.sweep(now)
		t = tally{ends: now.Add(window)}
	}
	t.count++
	m.seen[k] = t
}

// sweep keeps the memory bounded: what is over goes first, then anything.
func (m *Meter) sweep(now time.Time) {
	if len(m.seen) < most {
		return
	}
	for k, t := range m.seen {
		if !now.Before(t.ends) {
			delete(m.seen, k)
		}
	}
	for k := range m.seen {
		if len(m.seen) <= most/2 {
			return
		}
		delete(m.seen, k)
	}
}

// Len is how much is remembered.
func (m *Meter) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}
