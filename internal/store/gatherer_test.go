package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"cardea/internal/store/dbtest"
)

// held is a gatherer whose statements wait until they are let go.
func held() (g *gatherer, sizes func() []int, open func()) {
	opened := make(chan struct{})
	var mu sync.Mutex
	var all []int
	g = &gatherer{send: func(in *inserter, rows int, args []any) error {
		mu.Lock()
		all = append(all, rows)
		mu.Unlock()
		<-opened
		if len(args) != rows*in.width {
			return fmt.Errorf("%d values in %d rows", len(args), rows)
		}
		return nil
	}}
	return g, func() []int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(slices.Values(all))
	}, func() { close(opened) }
}

func TestRowsThatWaitTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sizes, open := held()
		notes, others := newInserter("notes", "id, text", ""), newInserter("others", "id", "")
		var all sync.WaitGroup
		add := func(in *inserter, args ...any) {
			all.Go(func() {
				if err := g.add(t.Context(), in, args); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for n := range lanes + 7 {
			add(notes, n, "")
		}
		add(others, 1)
		if got := sizes(); !slices.Equal(got, []int{1, 1}) {
			t.Errorf("statements of %v rows are on their way, want one row in each of two lanes", got)
		}
		open()
		all.Wait()
		synctest.Wait()
		if got := sizes(); !slices.Equal(got, []int{1, 1, 1, 1, 2, 4}) {
			t.Errorf("statements of %v rows, want what waited for one table in powers of two", got)
		}
		if g.busy != 0 || len(g.waiting) != 0 {
			t.Errorf("%d lanes are busy with %d rows when nobody waits", g.busy, len(g.waiting))
		}
	})
}

func TestWhoGivesUpBeforeItsTurnLeavesNoRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sizes, open := held()
		in := newInserter("notes", "id", "")
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for n := range lanes + 1 {
			all.Go(func() {
				if err := g.add(t.Context(), in, []any{n}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		all.Go(func() {
			if err := g.add(ctx, in, []any{9}); !errors.Is(err, context.Canceled) {
				t.Errorf("whoever gave up was told %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		open()
		all.Wait()
		if got := sizes(); !slices.Equal(got, []int{1, 1, 1}) {
			t.Errorf("statements of %v rows, want those of the three who stayed", got)
		}
	})
}

// rowsTogether: one that is refused takes nobody along.
func rowsTogether(t *testing.T, s *dbtest.Server) {
	db, count := notes(t, s)
	in := newInserter("notes", "id", "")
	run(t, db, "INSERT INTO notes (id) VALUES (3)")
	w := db.writes.(tracedWriter).writer.(*txWriter)
	send, open := w.rows.send, make(chan struct{})
	var mu sync.Mutex
	together := 0
	w.rows.send = func(in *inserter, rows int, args []any) error {
		<-open
		mu.Lock()
		together = max(together, rows)
		mu.Unlock()
		return send(in, rows, args)
	}
	until := func(busy, waiting int) {
		for there := false; !there; runtime.Gosched() {
			w.rows.mu.Lock()
			there = w.rows.busy == busy && len(w.rows.waiting) == waiting
			w.rows.mu.Unlock()
		}
	}
	const rows = lanes + 8
	var all sync.WaitGroup
	told := map[int]error{}
	for n := range rows {
		all.Go(func() {
			err := db.writes.insert(t.Context(), in, []any{int64(n)})
			mu.Lock()
			told[n] = err
			mu.Unlock()
		})
		until(min(n+1, lanes), max(n+1-lanes, 0))
	}
	close(open)
	all.Wait()
	for n, err := range told {
		if n == 3 && !db.dialect.unique(err) || n != 3 && err != nil {
			t.Errorf("whoever stored %d was told %v", n, err)
		}
	}
	if n := count(); n != rows || together != 8 {
		t.Errorf("%d rows stayed, want %d; at most %d travelled together, want 8", n, rows, together)
	}
}
