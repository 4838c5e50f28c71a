package gate

import (
	"sync"
	"time"
)

// Flood stops whoever guesses wrong too fast, in the memory of the process alone:
// every address of the network has a bucket of tokens (the generic cell rate algorithm
// of ITU-T I.371 in its virtual scheduling form), and only wrong and refused guesses
// take one. Safe for concurrent use.
type Flood struct {
	burst int           // so many at once
	every time.Duration // then one each

	mu    sync.Mutex
	after map[Key]time.Time // when the bucket is full again
}

// NewFlood makes buckets of burst tokens that get one back every so often.
func NewFlood(burst int, every time.Duration) *Flood {
	return &Flood{burst: burst, every: every, after: map[Key]time.Time{}}
}

// Full says whether the bucket of an address has a token, or when it will.
func (f *Flood) Full(address Key, now time.Time) (ok bool, until time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	until = f.after[address].Add(-time.Duration(f.burst-1) * f.every)
	return !until.After(now), until
}

// Spend takes a token.
func (f *Flood) Spend(address Key, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.after) >= most {
		f.sweep(now)
	}
	at := f.after[address]
	if at.Before(now) {
		at = now
	}
	f.after[address] = at.Add(f.every)
}

// sweep forgets full buckets, and others until there is room for long.
func (f *Flood) sweep(now time.Time) {
	for k, at := range f.after {
		if !at.After(now) {
			delete(f.after, k)
		}
	}
	for k := range f.after {
		if len(f.after) <= most/2 {
			return
		}
		delete(f.after, k)
	}
}

// Len is how many addresses are remembered.
func (f *Flood) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.after)
}
