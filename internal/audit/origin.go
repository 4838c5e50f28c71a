package audit

import "context"

// Origin is where a change comes from.
type Origin struct {
	Actor         string
	Request       string
	IP, UserAgent string
	// Operation names what was asked for, as the description of the API does.
	Operation string
	// Target is the id in the address of the request, if there is one.
	Target string
	// Operates says that an operator changes something: a transaction that tells nothing
	// else is told as this operation.
	Operates bool
}

// Source knows the origin of what a context is about. It is asked only when something
// is told.
type Source interface {
	Origin() Origin
	// Recorded is called when something was told and is durable.
	Recorded()
}

type sourceKey struct{}

// With says where what follows comes from.
func With(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// SourceOf is what With has said, nil for nothing: background work has no origin.
func SourceOf(ctx context.Context) Source {
	s, _ := ctx.Value(sourceKey{}).(Source)
	return s
}

// OriginOf is the origin of what a context is about.
func OriginOf(ctx context.Context) Origin {
	if s := SourceOf(ctx); s != nil {
		return s.Origin()
	}
	return Origin{Actor: System}
}

// Fixed is an origin that is known beforehand.
type Fixed Origin

// Origin is itself.
func (f Fixed) Origin() Origin { return Origin(f) }

// Recorded is nothing that a fixed origin has to know.
func (f Fixed) Recorded() {}

// From fills in what an entry does not say about where it comes from.
func (e *Entry) From(o Origin) {
	for _, field := range []struct {
		to   *string
		from string
	}{{&e.Actor, o.Actor}, {&e.Request, o.Request}, {&e.IP, o.IP}, {&e.UserAgent, o.UserAgent}} {
		if *field.to == "" {
			*field.to = field.from
		}
		*field.to = Cut(*field.to)
	}
}
