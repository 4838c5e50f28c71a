package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"cardea/internal/config"
	"cardea/internal/courier"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/trace"
)

// traces builds what follows requests, if the configuration says where to.
func (a *App) traces(s *config.Snapshot, o Options) error {
	e := s.Tracing.Export
	if e.URL == "" {
		return nil
	}
	client, err := newFetcher(s, fetch.Options{Timeout: trace.Patience, Retries: 1})
	if err != nil {
		return err
	}
	resource := map[string]string{"service.version": o.Version, "telemetry.sdk.language": "go", "telemetry.sdk.name": "cardea"}
	for key, value := range e.Resource {
		resource[key] = value
	}
	a.spans = trace.NewExporter(trace.ExporterOptions{
		Resource: resource,
		Send:     func(ctx context.Context, body []byte) error { return postTraces(ctx, client, e, body) },
		Report:   func(err error) { a.log.Warn("traces are lost until the collector takes them", "error", err) },
	})
	a.tracer = trace.New(o.Clock, o.Rand, trace.Sampling{Ratio: e.Ratio, Alone: e.Alone}, a.spans.Take)
	return nil
}

// postTraces sends one batch.
func postTraces(ctx context.Context, client *fetch.Client, e config.TraceExport, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("tracing.providers.otlp.server_url is no address")
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body) // it is in memory already
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %d", resp.StatusCode)
	}
	return nil
}

// tracedDeliverer makes a trace of every attempt to send a message.
type tracedDeliverer struct {
	tracer *trace.Tracer
	courier.Deliverer
}

// Deliver hands a message on.
func (d tracedDeliverer) Deliver(ctx context.Context, s *flow.Setup, e courier.Envelope, l courier.Letter) error {
	ctx, span := d.tracer.Job(ctx, "send message")
	span.Set("cardea.template", e.Template)
	span.Set("cardea.channel", string(e.Channel))
	err := d.Deliverer.Deliver(ctx, s, e, l)
	span.Done(err)
	return err
}

// tracedRunner makes a trace of every attempt at an errand.
type tracedRunner struct {
	tracer *trace.Tracer
	errand.Runner
}

// Run makes one attempt.
func (r tracedRunner) Run(ctx context.Context, set *flow.Setup, e flow.Errand, said []byte) error {
	ctx, span := r.tracer.Job(ctx, "deliver "+string(e.Kind))
	err := r.Runner.Run(ctx, set, e, said)
	span.Done(err)
	return err
}
