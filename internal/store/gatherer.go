package store

import (
	"context"
	"errors"
	"slices"
	"sync"

	"cardea/internal/problem"
)

// gatherer stores rows about which nothing has to be judged, so that each would be a
// transaction of one INSERT. Rows that come while others are on their way wait and travel
// together in the next statement: on a server, round trip and commit cost more than a row.
// Where a lane is free a row goes at once; there are no timers.
type gatherer struct {
	send func(in *inserter, rows int, args []any) error

	mu      sync.Mutex
	busy    int // lanes
	waiting []*gathered
}

// lanes is how many statements are on their way at a time: one may travel while another
// one is being made durable. More would make each of them smaller.
const lanes = 2

// gathered is a row on its way.
type gathered struct {
	in   *inserter
	args []any
	done chan error // holds one
}

// add stores a row. Its failure may be that of another one: the statement has stored
// nothing then. A caller that gives up before its turn leaves no trace; after that it is
// told how it went.
func (g *gatherer) add(ctx context.Context, in *inserter, args []any) error {
	r := &gathered{in: in, args: args, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, r)
	if g.busy < lanes {
		g.busy++
		go g.lane()
	}
	g.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if g.withdraw(r) {
			return ctx.Err()
		}
		return <-r.done
	}
}

func (g *gatherer) withdraw(r *gathered) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, r)
	if at >= 0 {
		g.waiting = slices.Delete(g.waiting, at, at+1)
	}
	return at >= 0
}

// lane sends statements as long as rows wait.
func (g *gatherer) lane() {
	for batch := g.next(); batch != nil; batch = g.next() {
		args := slices.Clip(batch[0].args)
		for _, r := range batch[1:] {
			args = append(args, r.args...)
		}
		err := g.send(batch[0].in, len(batch), args)
		for _, r := range batch {
			r.done <- err
		}
	}
}

// next takes rows of one table from the front. Their number is a power of two, so that few
// texts serve all. Without any the lane is free.
func (g *gatherer) next() []*gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.busy--
		return nil
	}
	in, n := g.waiting[0].in, 1
	for 2*n <= min(len(g.waiting), most) && !slices.ContainsFunc(g.waiting[n:2*n], func(r *gathered) bool { return r.in != in }) {
		n *= 2
	}
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return batch
}

// insert implements writer. The statement is a transaction by itself, of whatever
// isolation: it reads nothing, and nobody can have known its keys before. If the database
// refuses it the row is stored alone, so that everybody is told their own failure.
func (w *txWriter) insert(ctx context.Context, in *inserter, row []any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.turn(func() error { return w.rows.add(ctx, in, row) }); err == nil || ctx.Err() != nil || !w.refused(err) {
		return w.dialect.public(err)
	}
	return w.write(ctx, func(c conn) error { return c.later(nil, in.texts[1], row...) })
}

// refused: the database was there, and the statement has done nothing.
func (w *txWriter) refused(err error) bool {
	var away *problem.Error
	return w.dialect.again(err) || !errors.As(w.dialect.public(err), &away)
}

// sendRows is a statement of the gatherer.
func (w *txWriter) sendRows(in *inserter, rows int, args []any) error {
	ctx, cancel := context.WithTimeout(context.Background(), longestWrite)
	defer cancel()
	w.stats.statements.Add(1)
	w.stats.trips.Add(1)
	_, err := w.db.ExecContext(ctx, w.dialect.bound(in.texts[rows]), args...)
	if err == nil {
		w.stats.writes.Add(uint64(rows))
		w.stats.commits.Add(1)
	}
	return err
}
