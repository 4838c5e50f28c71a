package trace_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
	"cardea/internal/trace"
)

const (
	parent    = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func tracer(s trace.Sampling) *trace.Tracer {
	return trace.New(clock.System{}, rand.Reader, s, func(*trace.Span) {})
}

func TestATraceGoesOnWhereItsCallerLeftIt(t *testing.T) {
	ctx, span := tracer(trace.Sampling{}).Request(t.Context(), "request", parent)
	if got := span.TraceID(); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the trace is %s", got)
	}
	_, inner := trace.Start(ctx, "step")
	if inner.TraceID() != span.TraceID() || inner.SpanID() == span.SpanID() {
		t.Errorf("a step inside is %s of %s", inner.SpanID(), inner.TraceID())
	}
	if got, want := inner.Traceparent(), "00-"+span.TraceID()+"-"+inner.SpanID()+"-01"; got != want {
		t.Errorf("others are told %s, want %s", got, want)
	}
}

func TestWhatIsNoTraceparentBeginsATraceOfItsOwn(t *testing.T) {
	for _, header := range []string{
		"", "x", "00", strings.ToUpper(parent), parent + "x", parent + "-more", "ff" + parent[2:], "0g" + parent[2:],
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		strings.Replace(parent, "-", "_", 1), parent[:54], strings.Repeat("0", 55), parent + "\r\n",
	} {
		_, span := tracer(trace.Sampling{Ratio: 1}).Request(t.Context(), "request", header)
		if span == nil || span.TraceID() == "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%q is taken for a trace", header)
		}
	}
	if _, span := tracer(trace.Sampling{}).Request(t.Context(), "request", "cc"+parent[2:]+"-what-comes-later"); span == nil {
		t.Error("a version to come is not understood as far as it can be")
	}
}

func TestSampling(t *testing.T) {
	for _, c := range []struct {
		name     string
		sampling trace.Sampling
		header   string
		kept     bool
	}{
		{"all that begin here", trace.Sampling{Ratio: 1}, "", true},
		{"none that begins here", trace.Sampling{}, "", false},
		{"what a caller keeps", trace.Sampling{}, parent, true},
		{"what a caller does not keep", trace.Sampling{Ratio: 1}, unsampled, false},
		{"none, whatever a caller does", trace.Sampling{Alone: true}, parent, false},
		{"all, whatever a caller does", trace.Sampling{Ratio: 1, Alone: true}, unsampled, true},
	} {
		ctx, span := tracer(c.sampling).Request(t.Context(), "request", c.header)
		if got := span != nil; got != c.kept {
			t.Errorf("%s: kept is %v", c.name, got)
		}
		if _, inner := trace.Start(ctx, "step"); (inner != nil) != c.kept {
			t.Errorf("%s: a step inside differs", c.name)
		}
	}
	half, kept := tracer(trace.Sampling{Ratio: .5}), 0
	for range 1000 {
		if _, span := half.Request(t.Context(), "request", ""); span != nil {
			kept++
		}
	}
	if kept < 350 || kept > 650 {
		t.Errorf("of 1000 traces %d are kept, want about half", kept)
	}
}

func TestWhereNobodyTracesNothingIsMade(t *testing.T) {
	var none *trace.Tracer
	ctx := t.Context()
	allocations := testing.AllocsPerRun(100, func() {
		ctx, span := none.Request(ctx, "request", parent)
		ctx, inner := trace.Start(ctx, "step")
		inner.Set("key", "word")
		inner.SetInt("n", 1)
		inner.Fail("error")
		inner.Done(nil)
		span.End()
		_ = ctx
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// collector keeps what it is sent.
type collector struct {
	mu     sync.Mutex
	bodies [][]byte
	err    error
}

func (c *collector) send(_ context.Context, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, body)
	return c.err
}

func TestSpansTravelInTheJSONOfOTLP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		e := trace.NewExporter(trace.ExporterOptions{Resource: map[string]string{"service.name": "cardea-test"}, Send: c.send})
		tracer := trace.New(clock.System{}, rand.Reader, trace.Sampling{Ratio: 1}, e.Take)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { e.Run(ctx) })
		inside, span := tracer.Request(t.Context(), "request", parent)
		_, inner := trace.Start(inside, "step")
		inner.As(trace.Client).Set("key", "word")
		inner.SetInt("number", 1<<60)
		time.Sleep(time.Millisecond)
		inner.Done(fmt.Errorf("with a secret: %w", context.DeadlineExceeded))
		span.End()
		time.Sleep(2 * trace.Interval)
		synctest.Wait()
		if len(c.bodies) != 1 {
			t.Fatalf("%d requests, want one for both spans", len(c.bodies))
		}
		var got, want any
		if err := json.Unmarshal(c.bodies[0], &got); err != nil {
			t.Fatal(err)
		}
		began := time.Now().Add(-2*trace.Interval - time.Millisecond).UnixNano()
		text := fmt.Sprintf(`{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cardea-test"}}]},
		  "scopeSpans": [{"scope": {"name": "cardea"}, "spans": [
		    {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": %[1]q, "parentSpanId": %[2]q, "flags": 1, "name": "step", "kind": 3,
		     "startTimeUnixNano": "%[3]d", "endTimeUnixNano": "%[4]d",
		     "attributes": [{"key": "key", "value": {"stringValue": "word"}}, {"key": "number", "value": {"intValue": "1152921504606846976"}}],
		     "status": {"code": 2, "message": "timeout"}},
		    {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": %[2]q, "parentSpanId": "b7ad6b7169203331", "flags": 1, "name": "request", "kind": 2,
		     "startTimeUnixNano": "%[3]d", "endTimeUnixNano": "%[4]d"}]}]}]}`, inner.SpanID(), span.SpanID(), began, began+int64(time.Millisecond))
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			t.Errorf("the collector is sent\n%s\nwant\n%s", g, w)
		}
		stop()
		all.Wait()
	})
}

func TestSpansWaitInABoundedQueueAndTheRestIsCounted(t *testing.T) {
	c := &collector{}
	e := trace.NewExporter(trace.ExporterOptions{Send: c.send})
	tracer := trace.New(clock.System{}, rand.Reader, trace.Sampling{Ratio: 1}, e.Take)
	const many = 10_000
	for range many { // nobody takes them away
		_, span := tracer.Request(t.Context(), "request", "")
		span.End()
	}
	_, _, dropped, waiting := e.Stats()
	if waiting == 0 || waiting > 5000 || int(dropped)+waiting != many {
		t.Errorf("%d wait and %d were dropped, of %d", waiting, dropped, many)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	e.Run(ctx) // the end of the process sends what waits
	if sent, _, _, left := e.Stats(); int(sent) != waiting || left != 0 {
		t.Errorf("at the end %d were sent and %d are left, of %d", sent, left, waiting)
	}
	for _, body := range c.bodies {
		if n := strings.Count(string(body), `"spanId"`); n > 512 {
			t.Errorf("a request holds %d spans", n)
		}
	}
}

func TestACollectorThatFailsIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{err: errors.New("out of order")}
		reports := 0
		e := trace.NewExporter(trace.ExporterOptions{Send: c.send, Report: func(error) { reports++ }})
		tracer := trace.New(clock.System{}, rand.Reader, trace.Sampling{Ratio: 1}, e.Take)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { e.Run(ctx) })
		for range 3 {
			_, span := tracer.Request(t.Context(), "request", "")
			span.End()
			time.Sleep(2 * trace.Interval)
		}
		stop()
		all.Wait()
		if _, failed, _, _ := e.Stats(); failed != 3 || reports != 1 {
			t.Errorf("%d spans failed and %d reports were made, want 3 and 1", failed, reports)
		}
	})
}

func TestNamesOfRequestsThatLogsMayHold(t *testing.T) {
	for id, want := range map[string]bool{
		"7f9c2ba4-e88f": true, "a.b_c:d": true, "": false, "with space": false, "line\nbreak": false, `quote"`: false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "ä": false,
	} {
		if trace.Acceptable(id) != want {
			t.Errorf("%q: acceptable is %v", id, !want)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(parent)
	f.Add(unsampled)
	f.Fuzz(func(t *testing.T, header string) {
		_, span := tracer(trace.Sampling{Ratio: 1, Alone: true}).Request(context.Background(), "request", header)
		if span == nil {
			t.Fatal("no trace")
		}
		if id := span.TraceID(); len(id) != 32 || id == strings.Repeat("0", 32) {
			t.Fatalf("the trace is %q", id)
		}
	})
}
