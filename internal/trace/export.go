package trace

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// What an exporter keeps at most.
const (
	queueLength = 4096 // spans that wait
	batchLength = 512  // spans of one request
	// Interval is how long a span waits for others.
	Interval = 2 * time.Second
	// Patience is how long the end of the process waits for the last batches.
	Patience = 5 * time.Second
)

// Exporter collects spans and sends them in batches. What does not fit is dropped and
// counted: tracing never makes anybody wait. Run must run.
type Exporter struct {
	resource []keyValue
	send     func(ctx context.Context, body []byte) error
	report   func(error)
	queue    chan *Span

	dropped, sent, failed atomic.Uint64
	ailing                bool // the last batch was lost; of Run alone
}

// ExporterOptions are the parts of an exporter.
type ExporterOptions struct {
	// Resource describes this process.
	Resource map[string]string
	// Send posts a batch in the JSON encoding of OTLP
	// (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
	Send func(ctx context.Context, body []byte) error
	// Report is told of the first of several batches that are lost in a row.
	Report func(error)
}

// NewExporter makes an exporter.
func NewExporter(o ExporterOptions) *Exporter {
	return &Exporter{resource: keyValues(o.Resource), send: o.Send, report: o.Report, queue: make(chan *Span, queueLength)}
}

// Take takes a finished span, or drops it.
func (e *Exporter) Take(s *Span) {
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// Stats are how many spans were sent, were lost because the collector did not take
// them, and were dropped because too many waited; and how many wait.
func (e *Exporter) Stats() (sent, failed, dropped uint64, waiting int) {
	return e.sent.Load(), e.failed.Load(), e.dropped.Load(), len(e.queue)
}

// Run sends until ctx is done, and then what is left.
func (e *Exporter) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if batch := e.collect(ctx); len(batch) > 0 {
			e.post(context.WithoutCancel(ctx), batch)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), Patience)
	defer cancel()
	for batch := e.waiting(nil); len(batch) > 0 && last.Err() == nil; batch = e.waiting(nil) {
		e.post(last, batch)
	}
}

// collect waits for a batch that is full, or for the interval after its first span.
func (e *Exporter) collect(ctx context.Context) []*Span {
	var batch []*Span
	select {
	case s := <-e.queue:
		batch = append(batch, s)
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(Interval)
	defer timer.Stop()
	for len(batch) < batchLength {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
		case <-timer.C:
			return batch
		case <-ctx.Done():
			return e.waiting(batch)
		}
	}
	return batch
}

// waiting fills a batch without waiting.
func (e *Exporter) waiting(batch []*Span) []*Span {
	for len(batch) < batchLength {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

func (e *Exporter) post(ctx context.Context, batch []*Span) {
	err := e.send(ctx, e.encode(batch))
	if err == nil {
		e.sent.Add(uint64(len(batch)))
		e.ailing = false
		return
	}
	e.failed.Add(uint64(len(batch)))
	if !e.ailing && e.report != nil {
		e.report(err)
	}
	e.ailing = true
}

// The JSON encoding of OTLP: ids are hexadecimal, 64-bit numbers are strings, enums
// are numbers, names are in lowerCamelCase (OTLP, section "JSON Protobuf Encoding").
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []spanWire `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	spanWire struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Flags      uint32      `json:"flags"`
		Name       string      `json:"name"`
		Kind       Kind        `json:"kind"`
		Begin      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []keyValue  `json:"attributes,omitempty"`
		Status     *statusWire `json:"status,omitempty"`
	}
	statusWire struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
	keyValue struct {
		Key   string    `json:"key"`
		Value valueWire `json:"value"`
	}
	valueWire struct {
		Text   *string `json:"stringValue,omitempty"`
		Number string  `json:"intValue,omitempty"`
	}
)

const (
	statusError = 2 // Status.StatusCode
	sampled     = 1 // SpanFlags: the flags of the trace context
)

func (e *Exporter) encode(batch []*Span) []byte {
	spans := make([]spanWire, len(batch))
	for i, s := range batch {
		spans[i] = s.wire()
	}
	raw, err := json.Marshal(exportRequest{[]resourceSpans{{
		Resource: resource{e.resource}, ScopeSpans: []scopeSpans{{Scope: scope{"cardea"}, Spans: spans}},
	}}})
	if err != nil {
		panic(err) // strings and numbers: it cannot fail
	}
	return raw
}

func (s *Span) wire() spanWire {
	w := spanWire{
		TraceID: s.TraceID(), SpanID: s.SpanID(), Flags: sampled, Name: s.name, Kind: s.kind,
		Begin: strconv.FormatInt(s.begin.UnixNano(), 10), End: strconv.FormatInt(s.end.UnixNano(), 10),
	}
	if s.parent != [8]byte{} {
		w.Parent = (&Span{id: s.parent}).SpanID()
	}
	for _, a := range s.attrs {
		v := valueWire{}
		if a.isN {
			v.Number = strconv.FormatInt(a.n, 10)
		} else {
			v.Text = &a.text
		}
		w.Attributes = append(w.Attributes, keyValue{a.key, v})
	}
	if s.failure != "" {
		w.Status = &statusWire{Message: s.failure, Code: statusError}
	}
	return w
}

// keyValues are attributes in the order of their names.
func keyValues(words map[string]string) []keyValue {
	all := make([]keyValue, 0, len(words))
	for _, key := range slices.Sorted(maps.Keys(words)) {
		text := words[key]
		all = append(all, keyValue{key, valueWire{Text: &text}})
	}
	return all
}
