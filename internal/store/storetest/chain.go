package storetest

import (
	"fmt"
	"sync"
	"time"

	"cardea/internal/audit"
	"cardea/internal/store"
)

// chainTests are about how the audit log is chained, signed, checked and cut.
var chainTests = []test{
	{"rows get their places in the order of their ids, and a check finds nothing wrong", func(c *Case) {
		var said []string
		for n := range 5 {
			c.tell(n)
			said = append([]string{fmt.Sprint("act.", n)}, said...)
			if n%2 == 0 {
				c.seal()
			}
		}
		c.seal()
		same(c, "order", said, c.actions(store.AuditFilter{}))
		for n, l := range c.log(store.AuditFilter{}) {
			same(c, "place", int64(5-n), l.Seq)
		}
		r := c.verify(testKeys(1))
		same(c, "check", []any{"", int64(5), int64(0)}, []any{r.Problem, r.Checked, r.Unsealed})
	}},
	{"an empty log is in order", func(c *Case) {
		same(c, "check", "", c.verify(testKeys(1)).Problem)
		c.seal()
		same(c, "check", "", c.verify(testKeys(1)).Problem)
	}},
	{"a check tells what has no place yet, and since when", func(c *Case) {
		c.tell(0)
		c.seal()
		c.tell(1)
		at := c.now()
		c.tell(2)
		r := c.verify(testKeys(1))
		same(c, "check", []any{"", int64(1), int64(2), at.Truncate(time.Microsecond)}, []any{r.Problem, r.Checked, r.Unsealed, r.Oldest})
	}},
	{"three sealers at a time make one chain", func(c *Case) {
		var all sync.WaitGroup
		const rows = 600
		for w := range 3 {
			all.Go(func() {
				for n := w; n < rows; n += 3 {
					if err := c.Tenant.Audited(func() bool { return true }).Record(c.Context(), audit.Entry{Action: "act"}); err != nil {
						c.Error(err)
					}
					if n%10 == 0 {
						if err := c.sealer().Seal(c.Context()); err != nil {
							c.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		c.seal()
		r := c.verify(testKeys(1))
		same(c, "check", []any{"", int64(rows), int64(0)}, []any{r.Problem, r.Checked, r.Unsealed})
	}},
	{"a sealer that was overtaken changes nothing", func(c *Case) {
		c.tell(0)
		system := c.DB.System()
		from, err := system.Head(c.Context(), 1)
		c.ok(err)
		c.seal()
		waiting, err := system.Waiting(c.Context(), 1, 10)
		c.ok(err)
		same(c, "waiting", 0, len(waiting))
		to := from
		to.Seq, to.Hash = 1, make([]byte, 32)
		testKeys(1).Sign(&to, c.now())
		replaced, err := system.Extend(c.Context(), from, to, nil)
		c.ok(err)
		same(c, "replaced", false, replaced)
		same(c, "check", "", c.verify(testKeys(1)).Problem)
	}},
	{"keys are changed by putting a new one before the old", func(c *Case) {
		c.tell(0)
		c.seal()
		both := audit.NewKeys([][]byte{seed(2), seed(1)})
		s := c.sealer()
		s.Keys = func() audit.Keys { return both }
		c.ok(s.Renew(c.Context()))
		same(c, "with the new key alone", "", c.verify(testKeys(2)).Problem)
		same(c, "with the old key", true, c.verify(testKeys(1)).Broken())
		s.Keys = func() audit.Keys { return testKeys(2) }
		c.tell(1)
		c.ok(s.Seal(c.Context()))
		same(c, "check", "", c.verify(testKeys(2)).Problem)
	}},
	{"nothing is built on a head that no key has signed", func(c *Case) {
		c.tell(0)
		c.seal()
		c.tell(1)
		s := c.sealer()
		s.Keys = func() audit.Keys { return testKeys(9) }
		if err := s.Seal(c.Context()); err == nil {
			c.Error("a strange head was extended")
		}
		same(c, "waiting", int64(1), c.verify(testKeys(1)).Unsealed)
	}},
	{"what was kept long enough goes from the beginning, and the rest is still in order", func(c *Case) {
		begun := c.now()
		for n := range 6 {
			c.Clock.Advance(time.Hour)
			c.tell(n)
		}
		c.seal()
		c.ok(c.sealer().Cut(c.Context(), begun.Add(3*time.Hour+time.Minute)))
		same(c, "left", []string{"act.5", "act.4", "act.3"}, c.actions(store.AuditFilter{}))
		r := c.verify(testKeys(1))
		same(c, "check", []any{"", int64(3), int64(3)}, []any{r.Problem, r.Checked, r.Head.Anchor})
		c.tell(6)
		c.seal()
		c.ok(c.sealer().Cut(c.Context(), c.now().Add(time.Hour)))
		same(c, "the last stays", []string{"act.6"}, c.actions(store.AuditFilter{}))
		same(c, "check", "", c.verify(testKeys(1)).Problem)
	}},
	{"a chain has to pass through what was written down", func(c *Case) {
		for n := range 3 {
			c.tell(n)
		}
		c.seal()
		h, err := c.AuditHead(c.Context())
		c.ok(err)
		check := func(k audit.Known) bool {
			r, err := audit.Verify(c.Context(), c.Tenant, testKeys(1), []audit.Known{k}, nil)
			c.ok(err)
			return r.Broken()
		}
		same(c, "the head", false, check(audit.Known{Seq: 3, Hash: h.Hash}))
		same(c, "another hash", true, check(audit.Known{Seq: 2, Hash: h.Hash}))
		same(c, "a place behind the end", true, check(audit.Known{Seq: 4, Hash: h.Hash}))
	}},
}

func seed(n byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = n
	}
	return b
}

// tell writes a row, a moment later.
func (c *Case) tell(n int) {
	c.Helper()
	c.ok(c.audited().Record(c.Context(), audit.Entry{Action: audit.Action(fmt.Sprint("act.", n)), Details: []byte(`{"n":1}`)}))
}

func (c *Case) verify(keys audit.Keys) *audit.Report {
	c.Helper()
	r, err := audit.Verify(c.Context(), c.Tenant, keys, nil, nil)
	c.ok(err)
	return r
}
