// Package telemetry owns what operators see of a running server: logs and
// metrics. It refuses secrets: nothing that identifies a person or opens a door
// is a label or a log attribute.
package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a registry of its own, so that several servers fit into a process.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	statuses *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	journeys
	hashing

	queued   *prometheus.CounterVec
	withheld *prometheus.CounterVec
	attempts *prometheus.CounterVec
	delivery *prometheus.HistogramVec

	errands *prometheus.CounterVec
	lost    prometheus.Counter
	guesses *prometheus.CounterVec
	unusual
}

// NewMetrics starts with what the runtime and the process tell.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests by route, method and status.",
		}, []string{"endpoint", "method", "code"}),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_statuses_total", Help: "Requests by class of status.",
		}, []string{"status_bucket"}),
		journeys: newJourneys(), hashing: newHashing(), unusual: newUnusual(),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_requests_duration_seconds", Help: "Time to answer by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"endpoint"}),
		queued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_messages_queued_total", Help: "Messages that journeys put into the outbox, by type and channel.",
		}, []string{"template", "channel"}),
		withheld: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_messages_withheld_total", Help: "Messages that were not sent, by channel and by the budget or the list that was in the way.",
		}, []string{"channel", "reason"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "courier_attempts_total", Help: "Attempts to send a message, by its type and channel, and by what became of it: sent, failed (to be tried again) or abandoned.",
		}, []string{"template", "channel", "outcome"}),
		delivery: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "courier_delivery_duration_seconds", Help: "Time that a channel takes for a message, or to refuse it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"channel"}),
		errands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_delivery_attempts_total", Help: "Attempts to deliver events and web hooks that nobody waits for, by kind and result.",
		}, []string{"kind", "result"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cardea_events_lost_total", Help: "Events of failures that could not be written.",
		}),
	}
	m.guesses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cardea_guesses_total", Help: "Guesses at secrets, by what they were counted for and outcome: right, wrong, refused (not looked at), barred (for want of a proof of work), stopped (the last that was looked at) or lapsed (took too long).",
	}, []string{"scope", "outcome"})
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.seconds, m.queued, m.withheld, m.attempts, m.delivery, m.errands, m.lost, m.guesses, m.unusual.signals, m.unusual.responses)
	m.registry.MustRegister(m.statuses)
	for _, kind := range []string{"web_hook", "event"} {
		for _, result := range []string{"delivered", "retried", "dead"} {
			m.errands.WithLabelValues(kind, result) // there from the start, so that rates have a beginning
		}
	}
	m.registry.MustRegister(m.journeys.collectors()...)
	m.registry.MustRegister(m.hashing.collectors()...)
	return m
}

// Withheld counts a message that was not put there.
func (m *Metrics) Withheld(channel, reason string) {
	m.withheld.WithLabelValues(channel, reason).Inc()
}

// Queued counts a message that was put into the outbox.
func (m *Metrics) Queued(template, channel string) {
	m.queued.WithLabelValues(template, channel).Inc()
}

// Settled counts an attempt to send a message: sent, failed or abandoned.
func (m *Metrics) Settled(template, channel, outcome string) {
	m.attempts.WithLabelValues(template, channel, outcome).Inc()
}

// Guessed counts a guess at a secret. Both are words of a small vocabulary.
func (m *Metrics) Guessed(scope, outcome string) { m.guesses.WithLabelValues(scope, outcome).Inc() }

// Delivered observes how long a channel took for a message.
func (m *Metrics) Delivered(channel string, seconds float64) {
	m.delivery.WithLabelValues(channel).Observe(seconds)
}

// Handler serves the metrics in the Prometheus text format, whatever a scraper
// would also take.
func (m *Metrics) Handler() http.Handler {
	inner := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Set("Accept", "text/plain;version=0.0.4;escaping=underscores")
		inner.ServeHTTP(fixed{w}, r)
	})
}

// fixed drops the Vary header: the answer does not depend on the request.
type fixed struct{ http.ResponseWriter }

// WriteHeader drops the header and passes the status on.
func (f fixed) WriteHeader(status int) {
	f.Header().Del("Vary")
	f.ResponseWriter.WriteHeader(status)
}

// Write starts the answer if nobody has.
func (f fixed) Write(b []byte) (int, error) {
	f.Header().Del("Vary")
	return f.ResponseWriter.Write(b)
}

// Route prepares the observation of one route, so that a request costs three
// additions. The result may be called by many at a time.
func (m *Metrics) Route(endpoint, method string) func(code string, seconds float64) {
	seconds := m.seconds.WithLabelValues(endpoint)
	requests := m.requests.MustCurryWith(prometheus.Labels{"endpoint": endpoint, "method": method})
	classes := map[byte]prometheus.Counter{}
	for c := byte('1'); c <= '5'; c++ {
		classes[c] = m.statuses.WithLabelValues(string(c) + "xx")
	}
	return func(code string, took float64) {
		if class := classes[code[0]]; class != nil {
			class.Inc()
		}
		requests.WithLabelValues(code).Inc()
		seconds.Observe(took)
	}
}
