package store

import (
	"context"

	"cardea/internal/trace"
)

// tracedWriter makes a span of every transaction that belongs to a trace, from when
// it was asked for until it was durable or undone, and one of each of its statements.
type tracedWriter struct{ writer }

func (w tracedWriter) write(ctx context.Context, fn func(conn) error) error {
	return spanned(ctx, "database transaction", w.writer.write, fn)
}

func (w tracedWriter) writeAlone(ctx context.Context, fn func(conn) error) error {
	return spanned(ctx, "database transaction alone", w.writer.writeAlone, fn)
}

// insert shows the statement as it would be for the row alone.
func (w tracedWriter) insert(ctx context.Context, in *inserter, row []any) error {
	ctx, span := trace.Start(ctx, "database transaction")
	if span == nil {
		return w.writer.insert(ctx, in, row)
	}
	statement := tracedConn{ctx: ctx}.begin(in.texts[1])
	err := w.writer.insert(ctx, in, row)
	statement.Done(err)
	span.Done(err)
	return err
}

func spanned(ctx context.Context, name string, write func(context.Context, func(conn) error) error, fn func(conn) error) error {
	ctx, span := trace.Start(ctx, name)
	if span == nil {
		return write(ctx, fn)
	}
	runs := int64(0)
	err := write(ctx, func(c conn) error {
		runs++
		return fn(tracedConn{c, ctx})
	})
	span.SetInt("cardea.runs", runs) // several when it lost against others
	span.Done(err)
	return err
}

// traced is a connection whose statements become spans, if ctx belongs to a trace.
func traced(ctx context.Context, c conn) conn {
	if trace.From(ctx) == nil {
		return c
	}
	return tracedConn{c, ctx}
}

// tracedConn makes a span of every statement. Texts hold no values, so they may be
// seen.
type tracedConn struct {
	conn
	ctx context.Context
}

func (c tracedConn) begin(query string) *trace.Span {
	_, span := trace.Start(c.ctx, "database statement")
	span.As(trace.Client).Set("db.query.text", query)
	return span
}

func (c tracedConn) exec(query string, args ...any) (int64, error) {
	span := c.begin(query)
	n, err := c.conn.exec(query, args...)
	span.Done(err)
	return n, err
}

// later ends its span when the statement may go, which need not be now.
func (c tracedConn) later(judge judge, query string, args ...any) error {
	span := c.begin(query)
	err := c.conn.later(judge, query, args...)
	span.Done(err)
	return err
}

func (c tracedConn) query(query string, args []any, each func(row) error) error {
	span := c.begin(query)
	err := c.conn.query(query, args, each)
	span.Done(err)
	return err
}
