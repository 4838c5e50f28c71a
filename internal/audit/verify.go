package audit

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Rows are one tenant's log as a check reads it.
type Rows interface {
	AuditHead(ctx context.Context) (Head, error)
	// AuditLinks reads the chain behind a place, in order, at most limit rows.
	AuditLinks(ctx context.Context, after int64, limit int) ([]Link, error)
	// AuditTail counts the rows that wait for a place, and tells the time of the oldest.
	AuditTail(ctx context.Context) (n int64, oldest time.Time, err error)
}

// Report is what a check has found.
type Report struct {
	Head     Head
	Checked  int64 // rows
	Problem  string
	At       int64     // the first place that is broken; 0 when the head is
	Unsealed int64     // rows that wait for a place
	Oldest   time.Time // of those
}

// Broken says whether the log is not as it was written.
func (r *Report) Broken() bool { return r.Problem != "" }

// Known is a place of the chain that somebody has written down before. A chain that
// does not pass through it is another one.
type Known struct {
	Seq  int64
	Hash []byte
}

// readAtOnce is how many rows a check holds in memory.
const readAtOnce = 1000

// Verify reads the whole log and says where it is broken first. It may run while the
// log grows and is cut. progress, which may be nil, is told the place it has come to.
// The error is about reading.
func Verify(ctx context.Context, rows Rows, keys Keys, known []Known, progress func(at, end int64)) (*Report, error) {
	c := check{rows: rows, keys: keys, known: known}
	if err := c.run(ctx, progress); err != nil {
		return nil, err
	}
	var err error
	c.Unsealed, c.Oldest, err = rows.AuditTail(ctx)
	return &c.Report, err
}

type check struct {
	Report
	rows  Rows
	keys  Keys
	known []Known
	at    int64 // the last place that is in order
	hash  []byte
}

func (c *check) run(ctx context.Context, progress func(at, end int64)) error {
	for {
		if err := c.begin(ctx); err != nil || c.Broken() {
			return err
		}
		cut, err := c.walk(ctx, progress)
		if err != nil || c.Broken() {
			return err
		}
		if cut {
			continue
		}
		if err := c.beyond(ctx); err != nil {
			return err
		}
		c.pass()
		return nil
	}
}

// begin reads the head, and begins where that says.
func (c *check) begin(ctx context.Context) (err error) {
	if c.Head, err = c.rows.AuditHead(ctx); err != nil {
		return err
	}
	if c.Head.Seq == 0 && len(c.Head.Signature) == 0 { // nothing was sealed yet
		c.at, c.hash, c.Checked = 0, c.Head.Hash, 0
		return nil
	}
	if !c.keys.Verify(&c.Head) {
		c.fail(0, "the head is signed by none of the keys (it names key %s)", c.Head.Key)
		return nil
	}
	c.at, c.hash, c.Checked = c.Head.Anchor, c.Head.AnchorHash, 0
	c.passes(c.at, c.hash)
	return nil
}

// walk checks rows up to the head. cut says that the beginning was dropped meanwhile.
func (c *check) walk(ctx context.Context, progress func(at, end int64)) (cut bool, err error) {
	for c.at < c.Head.Seq {
		links, err := c.rows.AuditLinks(ctx, c.at, int(min(readAtOnce, c.Head.Seq-c.at)))
		if err != nil {
			return false, err
		}
		for n := range links {
			if gone, err := c.missing(ctx, links[n].Seq); gone || err != nil || c.Broken() {
				return gone, err
			}
			if c.link(&links[n]); c.Broken() {
				return false, nil
			}
		}
		if len(links) == 0 {
			return c.missing(ctx, c.Head.Seq+1)
		}
		if progress != nil {
			progress(c.at, c.Head.Seq)
		}
	}
	if !bytes.Equal(c.hash, c.Head.Hash) {
		c.fail(c.at, "row %d is not the one that the signed head is about", c.at)
	}
	return false, nil
}

// missing looks at whether the row found follows the last one. Rows that the janitor
// has dropped since the check began are no gap.
func (c *check) missing(ctx context.Context, found int64) (cut bool, err error) {
	if found == c.at+1 {
		return false, nil
	}
	now, err := c.rows.AuditHead(ctx)
	if err != nil {
		return false, err
	}
	if now.Anchor > c.at && now.Anchor > c.Head.Anchor {
		return true, nil
	}
	if found-c.at == 2 {
		c.fail(c.at+1, "row %d is missing", c.at+1)
	} else {
		c.fail(c.at+1, "rows %d to %d are missing", c.at+1, found-1)
	}
	return false, nil
}

func (c *check) link(l *Link) {
	hash := Next(c.hash, c.Head.Tenant, l.Seq, &l.Entry)
	if !bytes.Equal(hash, l.Hash) {
		c.fail(l.Seq, "row %d is not as it was sealed", l.Seq)
		return
	}
	c.at, c.hash = l.Seq, hash
	c.Checked++
	c.passes(l.Seq, hash)
}

// passes compares with the places that are known.
func (c *check) passes(seq int64, hash []byte) {
	for _, k := range c.known {
		if k.Seq == seq && !bytes.Equal(k.Hash, hash) && !c.Broken() {
			c.fail(seq, "row %d has another hash than was written down", seq)
		}
	}
}

// pass looks for known places that the chain does not reach.
func (c *check) pass() {
	for _, k := range c.known {
		if k.Seq > c.Head.Seq && !c.Broken() {
			c.fail(c.Head.Seq+1, "the log ends at row %d, and row %d was written down", c.Head.Seq, k.Seq)
		}
	}
}

// beyond looks for rows behind the head, which nobody has sealed.
func (c *check) beyond(ctx context.Context) error {
	links, err := c.rows.AuditLinks(ctx, c.Head.Seq, 1)
	if err != nil || len(links) == 0 {
		return err
	}
	now, err := c.rows.AuditHead(ctx)
	if err == nil && now.Seq < links[0].Seq {
		c.fail(links[0].Seq, "row %d stands behind the head", links[0].Seq)
	}
	return err
}

func (c *check) fail(at int64, format string, args ...any) {
	c.At, c.Problem = at, fmt.Sprintf(format, args...)
}
