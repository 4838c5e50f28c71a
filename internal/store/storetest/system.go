package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"cardea/internal/store"
)

var systemTests = []test{
	{"a lease has one holder until it runs out", func(c *Case) {
		system, ttl := c.DB.System(), time.Minute
		for _, step := range []struct {
			holder string
			after  time.Duration
			want   bool
		}{
			{"a", 0, true}, {"b", 0, false}, {"b", ttl - 1000, false}, {"a", ttl - 1000, true},
			{"b", ttl, false}, {"b", 2*ttl - 1000, true}, {"a", 2 * ttl, false},
		} {
			held, err := system.AcquireLease(c.Context(), "job", step.holder, Start.Add(step.after), ttl)
			c.ok(err)
			same(c, fmt.Sprintf("%s after %s", step.holder, step.after), step.want, held)
		}
	}},
	{"a lease is given back by its holder only", func(c *Case) {
		system := c.DB.System()
		c.acquire("a", true)
		c.ok(system.ReleaseLease(c.Context(), "job", "b"))
		c.acquire("b", false)
		c.ok(system.ReleaseLease(c.Context(), "job", "a"))
		c.acquire("b", true)
	}},
	{"of 32 candidates one gets the lease", func(c *Case) {
		var all sync.WaitGroup
		var holders atomic.Int64
		for k := range 32 {
			all.Go(func() {
				held, err := c.DB.System().AcquireLease(c.Context(), "job", fmt.Sprint(k), Start, time.Minute)
				if err != nil {
					c.Error(err)
				}
				if held {
					holders.Add(1)
				}
			})
		}
		all.Wait()
		same(c, "holders", 1, int(holders.Load()))
	}},
	{"the janitor takes what has ended, batch by batch", func(c *Case) {
		i := c.stored("a")
		var ended []uuid.UUID
		for k := range 5 {
			ended = append(ended, c.session(i, fmt.Sprint(k)).ID)
			f := c.flow()
			c.ok(c.CreateFlow(c.Context(), f))
			c.put(store.OneTime{Key: []byte{byte(k)}, ExpiresAt: c.now().Add(time.Hour)})
			c.ok(c.CreateExchange(c.Context(), f.ID, []byte{byte(k)}, c.now().Add(time.Hour)))
		}
		c.Clock.Advance(time.Hour)
		lasting := c.session(i, "lasting")
		before := c.now().Add(time.Minute)
		total := 0
		for range 3 {
			n, more, err := c.DB.System().Sweep(c.Context(), store.Before{Rows: before, Sessions: before}, 2)
			c.ok(err)
			total += n
			if !more {
				break
			}
		}
		same(c, "rows deleted", 20, total)
		_, err := c.Session(c.Context(), ended[4])
		c.missing(err)
		_, err = c.SessionByToken(c.Context(), []byte("0"))
		c.missing(err)
		c.active(lasting.ID, true)
		_, more, err := c.DB.System().Sweep(c.Context(), store.Before{Rows: before, Sessions: before}, 2)
		c.ok(err)
		same(c, "more", false, more)
	}},
	{"the janitor leaves sessions alone that sign-ins are still compared with", func(c *Case) {
		i := c.stored("a")
		s := c.from(i, homeSource.String())
		c.Clock.Advance(2 * time.Hour)
		for _, keep := range []bool{true, false} {
			before := store.Before{Rows: c.now(), Sessions: c.now()}
			if keep {
				before.Sessions = s.ExpiresAt.Add(-time.Minute)
			}
			_, _, err := c.DB.System().Sweep(c.Context(), before, 10)
			c.ok(err)
			same(c, "remembered", keep, len(c.past(i.ID, everything, homeSource, s.IssuedAt).Earlier) == 1)
		}
	}},
	{"the schema is up to date and says so", func(c *Case) {
		pending, err := c.DB.Pending(c.Context())
		c.ok(err)
		same(c, "pending", false, pending)
		c.ok(c.DB.Migrate(c.Context()))
		list, err := c.DB.Status(c.Context())
		c.ok(err)
		if len(list) == 0 || list[0].AppliedAt.IsZero() {
			c.Errorf("unexpected status %+v", list)
		}
	}},
}

func (c *Case) acquire(holder string, want bool) {
	c.Helper()
	held, err := c.DB.System().AcquireLease(c.Context(), "job", holder, Start, time.Minute)
	c.ok(err)
	same(c, holder+" has it", want, held)
}
