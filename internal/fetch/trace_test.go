package fetch

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"cardea/internal/clock"
	"cardea/internal/trace"
)

func TestACallCarriesItsTraceAndTellsItNothingOfAddressesFromData(t *testing.T) {
	for name, c := range map[string]struct {
		policy Policy
		host   bool
	}{"the operator's address": {Trusted, true}, "an address from data": {Untrusted, false}} {
		t.Run(name, func(t *testing.T) {
			heard := ""
			n := newNetwork(t, map[string][]string{"canary.cardea.test": {"93.184.216.34"}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				heard = r.Header.Get("Traceparent")
				w.WriteHeader(http.StatusTeapot)
			}))
			said := ""
			e := trace.NewExporter(trace.ExporterOptions{Send: func(_ context.Context, body []byte) error {
				said += string(body)
				return nil
			}})
			ctx, span := trace.New(clock.System{}, rand.Reader, trace.Sampling{Ratio: 1}, e.Take).Request(t.Context(), "request", "")
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://canary.cardea.test/path-canary?q=query-canary", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.client(t, Options{Policy: c.policy}).Do(req); err != nil {
				t.Fatal(err)
			}
			over, stop := context.WithCancel(t.Context())
			stop()
			e.Run(over)
			if !strings.HasPrefix(heard, "00-"+span.TraceID()+"-") || strings.Contains(heard, span.SpanID()) {
				t.Errorf("the other side hears of %q, want a step inside of %s", heard, span.TraceID())
			}
			if !strings.Contains(said, `"intValue":"418"`) || strings.Contains(said, "path-canary") || strings.Contains(said, "query-canary") {
				t.Errorf("the step is %s", said)
			}
			if strings.Contains(said, "canary.cardea.test") != c.host {
				t.Errorf("that the step tells the host is %v", !c.host)
			}
		})
	}
}
