// Package trace follows requests through the parts of the house and beyond it: what
// took how long, inside of what. It speaks W3C Trace Context at the edges and hands
// finished spans to an exporter.
//
// It refuses content: names and attributes are words of small vocabularies, chosen
// where a span is made. Nothing that somebody typed, nothing that opens a door and no
// message of an error ever becomes part of a span.
//
// Where nobody traces there is no span in the context, Start gives nil, and all
// methods of a nil span do nothing: that costs one look into the context and no
// memory.
package trace

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"cardea/internal/clock"
)

// Kind says which side of a call a span is, in the numbers of OTLP.
type Kind int

// The kinds (opentelemetry-proto, trace.proto, Span.SpanKind).
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
	Consumer Kind = 5
)

// Span is one step. It belongs to the goroutine that made it until it has ended.
type Span struct {
	tracer  *Tracer
	trace   [16]byte
	id      [8]byte
	parent  [8]byte // zeros for none
	name    string
	kind    Kind
	begin   time.Time
	end     time.Time
	attrs   []attribute
	failure string // "" for none
}

type attribute struct {
	key  string
	text string
	n    int64
	isN  bool
}

// most attributes of a span; further ones are left out.
const most = 16

// Sampling says which traces are kept.
type Sampling struct {
	// Ratio of those that begin here, 0 to 1.
	Ratio float64
	// Alone lets the ratio decide, too, where a caller has decided already.
	Alone bool
}

// Tracer begins traces. A nil tracer begins none. Safe for concurrent use.
type Tracer struct {
	clock    clock.Clock
	rand     io.Reader
	sampling Sampling
	bound    uint64 // of the last 63 bits of a trace's id
	done     func(*Span)
}

// New makes a tracer; done takes finished spans and must not wait.
func New(c clock.Clock, rand io.Reader, s Sampling, done func(*Span)) *Tracer {
	return &Tracer{clock: c, rand: rand, sampling: s, bound: uint64(min(max(s.Ratio, 0), 1) * (1 << 63)), done: done}
}

type spanKey struct{}

// From is the span that a context is in, nil for none.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}

// Start begins a step inside the one that the context is in. Without one it gives
// the context back, and nil.
func Start(ctx context.Context, name string) (context.Context, *Span) {
	outer := From(ctx)
	if outer == nil {
		return ctx, nil
	}
	return outer.tracer.start(ctx, &Span{trace: outer.trace, parent: outer.id, name: name, kind: Internal})
}

// Request begins the first step of a request. traceparent is the header of that name
// (https://www.w3.org/TR/trace-context/), "" for none. A trace that is not kept gives
// the context back, and nil.
func (t *Tracer) Request(ctx context.Context, name, traceparent string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	s := &Span{name: name, kind: Server}
	kept, known := s.readParent(traceparent)
	if !known {
		if _, err := io.ReadFull(t.rand, s.trace[:]); err != nil {
			return ctx, nil
		}
	}
	if !known || t.sampling.Alone {
		kept = t.keeps(s.trace)
	}
	if !kept {
		return ctx, nil
	}
	return t.start(ctx, s)
}

// Job begins a trace of work that no request waits for.
func (t *Tracer) Job(ctx context.Context, name string) (context.Context, *Span) {
	ctx, s := t.Request(ctx, name, "")
	if s != nil {
		s.kind = Consumer
	}
	return ctx, s
}

func (t *Tracer) start(ctx context.Context, s *Span) (context.Context, *Span) {
	if _, err := io.ReadFull(t.rand, s.id[:]); err != nil {
		return ctx, nil
	}
	s.tracer, s.begin = t, t.clock.Now()
	return context.WithValue(ctx, spanKey{}, s), s
}

// keeps decides by the id, so that all who see it decide alike.
func (t *Tracer) keeps(id [16]byte) bool {
	var n uint64
	for _, b := range id[8:] {
		n = n<<8 | uint64(b)
	}
	return n&(1<<63-1) < t.bound
}

// As says which side of a call the span is.
func (s *Span) As(k Kind) *Span {
	if s != nil {
		s.kind = k
	}
	return s
}

// Set adds a word of a small vocabulary.
func (s *Span) Set(key, word string) {
	if s != nil && len(s.attrs) < most {
		s.attrs = append(s.attrs, attribute{key: key, text: word})
	}
}

// SetInt adds a number.
func (s *Span) SetInt(key string, n int64) {
	if s != nil && len(s.attrs) < most {
		s.attrs = append(s.attrs, attribute{key: key, n: n, isN: true})
	}
}

// Fail says that the step failed, in one word.
func (s *Span) Fail(word string) {
	if s != nil {
		s.failure = word
	}
}

// Done ends the step as an error tells, without its text; nil is success.
func (s *Span) Done(err error) {
	if s == nil {
		return
	}
	if err != nil && s.failure == "" {
		s.failure = why(err)
	}
	s.End()
}

// End ends the step. A span that has ended is not touched any more.
func (s *Span) End() {
	if s == nil {
		return
	}
	s.end = s.tracer.clock.Now()
	s.tracer.done(s)
}

// why is the kind of an error.
func why(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

// TraceID is the trace in hexadecimal digits, "" for none.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return hex.EncodeToString(s.trace[:])
}

// SpanID is the step in hexadecimal digits, "" for none.
func (s *Span) SpanID() string {
	if s == nil {
		return ""
	}
	return hex.EncodeToString(s.id[:])
}

// Traceparent is the header that lets another system go on with the trace.
func (s *Span) Traceparent() string {
	return "00-" + s.TraceID() + "-" + s.SpanID() + "-01"
}

// readParent reads a traceparent header: whether it is one, and whether its trace is
// kept. Versions to come begin like this one (Trace Context, section 4.3).
func (s *Span) readParent(header string) (kept, known bool) {
	const length = len("00-") + 32 + len("-") + 16 + len("-01")
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' || header[:2] == "ff" ||
		len(header) > length && (header[:2] == "00" || header[length] != '-') {
		return false, false
	}
	var version, flags [1]byte
	ok := unhex(version[:], header[:2]) && unhex(flags[:], header[53:55]) && unhex(s.trace[:], header[3:35]) && unhex(s.parent[:], header[36:52])
	if !ok || s.trace == [16]byte{} || s.parent == [8]byte{} {
		s.trace, s.parent = [16]byte{}, [8]byte{}
		return false, false
	}
	return flags[0]&1 == 1, true
}

// unhex takes lower-case digits alone.
func unhex(to []byte, text string) bool {
	for _, c := range []byte(text) {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}
