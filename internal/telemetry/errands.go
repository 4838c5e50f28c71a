package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Errand counts an attempt to tell another system something. Kind and result are
// words of a small vocabulary.
func (m *Metrics) Errand(kind, result string) { m.errands.WithLabelValues(kind, result).Inc() }

// ErrandsLost counts what could not be written.
func (m *Metrics) ErrandsLost(n int) { m.lost.Add(float64(n)) }

// WatchErrands shows how many deliveries wait and how many were given up. count is
// asked when the metrics are; when it fails they are left out.
func (m *Metrics) WatchErrands(count func() (waiting, dead int, err error)) {
	m.registry.MustRegister(&backlog{count: count, given: "dead", desc: prometheus.NewDesc(
		"cardea_deliveries", "Deliveries that have not arrived, by state.", []string{"state"}, nil)})
}

// WatchMessages shows how many messages wait in the outbox and how many were given
// up, in the way of WatchErrands.
func (m *Metrics) WatchMessages(count func() (waiting, abandoned int, err error)) {
	m.registry.MustRegister(&backlog{count: count, given: "abandoned", desc: prometheus.NewDesc(
		"courier_messages", "Messages that have not been sent, by state.", []string{"state"}, nil)})
}

// backlog is a collector that counts rows.
type backlog struct {
	count func() (waiting, given int, err error)
	given string // the word for what was given up
	desc  *prometheus.Desc
}

// Describe names the metric.
func (b *backlog) Describe(to chan<- *prometheus.Desc) { to <- b.desc }

// Collect counts.
func (b *backlog) Collect(to chan<- prometheus.Metric) {
	waiting, given, err := b.count()
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(waiting), "waiting")
	to <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(given), b.given)
}
