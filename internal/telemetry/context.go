package telemetry

import (
	"context"
	"log/slog"

	"cardea/internal/trace"
)

// inContext adds to every line which request it is about, and where its trace is.
type inContext struct{ slog.Handler }

// InContext wraps a handler so that every line names the request and the trace that
// its context belongs to.
func InContext(h slog.Handler) slog.Handler { return inContext{h} }

// Handle adds what the context knows.
func (h inContext) Handle(ctx context.Context, r slog.Record) error {
	if id := trace.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.From(ctx); span != nil {
		r.AddAttrs(slog.String("trace_id", span.TraceID()), slog.String("span_id", span.SpanID()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the wrapping.
func (h inContext) WithAttrs(attrs []slog.Attr) slog.Handler {
	return inContext{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapping.
func (h inContext) WithGroup(name string) slog.Handler { return inContext{h.Handler.WithGroup(name)} }
