package session

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// Cursor is where a reader of the feed is who asks from time to time and remembers
// nothing but this. All that stands before floor was given to it for good. What is
// younger than Overlap is read over and over, because earlier changes may still
// become visible between those that were given; the batches in seen are left out.
// There is room for so many: in a busy moment a reader is given some changes twice,
// never too few.
type Cursor struct {
	floor time.Time
	// A pass that did not reach the end goes on behind place; began is when it did.
	place Place
	began time.Time
	seen  []mark // the oldest first
}

// mark is what is remembered of a batch: half of its id, which is random.
type mark [8]byte

const (
	cursorVersion = 1
	cursorHead    = 1 + 8 + 8 + 8 + 16 + 16
	maxSeen       = 128
)

// NewCursor begins with what happens from a moment on, and what may have become
// visible since.
func NewCursor(now time.Time) Cursor { return Cursor{floor: now.Add(-Overlap)} }

// ErrGone is for readers who were away for so long that lines are missing.
var ErrGone = problem.New(410, "What happened since then is not known any more. Forget all sessions and begin without a cursor.")

// ParseCursor reads the text of a cursor: ErrGone for one that is too old, a problem
// with status 400 for what is none.
func ParseCursor(text string, now time.Time) (Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	size := len(mark{})
	if err != nil || len(raw) < cursorHead || raw[0] != cursorVersion || (len(raw)-cursorHead)%size != 0 || len(raw) > cursorHead+maxSeen*size {
		return Cursor{}, problem.BadRequest("The cursor is not one of this list.").With(err)
	}
	at := func(from int) (t time.Time) {
		if n := binary.BigEndian.Uint64(raw[from:]); n != 0 {
			t = time.UnixMicro(int64(n)).UTC()
		}
		return t
	}
	c := Cursor{floor: at(1), began: at(9), place: Place{At: at(17)}}
	copy(c.place.Batch[:], raw[25:])
	copy(c.place.SessionID[:], raw[41:])
	for part := range slices.Chunk(raw[cursorHead:], size) {
		c.seen = append(c.seen, mark(part))
	}
	if c.floor.Before(now.Add(-Retention)) {
		return Cursor{}, ErrGone
	}
	return c, nil
}

// String is the text of a cursor, good for URLs.
func (c Cursor) String() string {
	raw := make([]byte, 1, cursorHead+len(c.seen)*len(mark{}))
	raw[0] = cursorVersion
	for _, t := range []time.Time{c.floor, c.began, c.place.At} {
		n := int64(0)
		if !t.IsZero() {
			n = t.UnixMicro()
		}
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	raw = append(append(raw, c.place.Batch[:]...), c.place.SessionID[:]...)
	for _, m := range c.seen {
		raw = append(raw, m[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readChunk is how many lines are read at once.
const readChunk = 512

// Next gives at most limit changes that end sessions and have not been given yet, in
// order, and where to go on. read reads the feed.
func (c Cursor) Next(ctx context.Context, read func(context.Context, ChangeFilter) ([]Change, error), limit int, now time.Time) ([]Change, Cursor, error) {
	if limit < 1 {
		return nil, c, errors.New("a page of changes needs a limit")
	}
	p := pass{Cursor: c}
	if !p.going() {
		p.began = now
	}
	for f := (ChangeFilter{Since: c.floor, After: c.place, Ended: true, Limit: readChunk}); ; {
		chunk, err := read(ctx, f)
		if err != nil {
			return nil, c, err
		}
		for _, one := range chunk {
			if len(p.given) == limit {
				return p.given, p.pause(), nil
			}
			f.After = one.place()
			p.meet(one)
		}
		if len(chunk) < f.Limit {
			return p.given, p.rewind(), nil
		}
	}
}

// going says whether a pass is under way.
func (c *Cursor) going() bool { return !c.place.At.IsZero() }

// pass is one walk through the feed, or the part of it that one page takes.
type pass struct {
	Cursor
	met   []Change // one of each batch
	given []Change
}

// meet gives a change, unless its batch was given.
func (p *pass) meet(one Change) {
	if len(p.met) == 0 || p.met[len(p.met)-1].Batch != one.Batch {
		p.met = append(p.met, one)
	}
	if !slices.Contains(p.seen, markOf(one.Batch)) {
		p.given = append(p.given, one)
	}
}

// pause stops a pass before its end. A batch that it stops in counts as seen only
// when the rest of it was given, too.
func (p *pass) pause() Cursor {
	next := p.Cursor
	next.place = p.given[len(p.given)-1].place()
	next.seen = p.remembered(time.Time{}, next.place.Batch)
	return next
}

// rewind ends a pass: the next one begins where changes may still have been missing
// when this one began.
func (p *pass) rewind() Cursor {
	next := Cursor{floor: p.floor}
	if settled := p.began.Add(-Overlap); settled.After(p.floor) {
		next.floor = settled
	}
	next.seen = p.remembered(next.floor, uuid.Nil)
	return next
}

// remembered are the batches of the pass that will be met again from floor on, but
// one. What earlier pages of the pass have met is kept whatever its time.
func (p *pass) remembered(floor time.Time, but uuid.UUID) []mark {
	var seen []mark
	add := func(batch uuid.UUID) {
		if m := markOf(batch); batch != but && !slices.Contains(seen, m) {
			seen = append(seen, m)
		}
	}
	if p.going() || but != uuid.Nil {
		seen = slices.Clone(p.seen)
	}
	if p.going() {
		add(p.place.Batch)
	}
	for _, one := range p.met {
		if !one.At.Before(floor) {
			add(one.Batch)
		}
	}
	return seen[max(0, len(seen)-maxSeen):]
}

func markOf(batch uuid.UUID) mark { return mark(batch[8:]) }
