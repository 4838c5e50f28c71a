package telemetry

import "github.com/prometheus/client_golang/prometheus"

// hashing observes the pool of password hashes.
type hashing struct {
	hashes *prometheus.CounterVec
	wait   prometheus.Histogram
	work   prometheus.Histogram
}

func newHashing() hashing {
	return hashing{
		hashes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_hashes_total", Help: "Password hashes by outcome: done, refused because the queue was full, or abandoned by a client that waited for its turn.",
		}, []string{"outcome"}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cardea_hash_wait_seconds", Help: "Time that password hashes waited for their turn.",
			Buckets: []float64{.0001, .001, .01, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		work: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cardea_hash_work_seconds", Help: "Time that password hashes took once it was their turn.",
			Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
}

func (h hashing) collectors() []prometheus.Collector {
	for _, outcome := range []string{"done", "refused", "abandoned"} {
		h.hashes.WithLabelValues(outcome)
	}
	return []prometheus.Collector{h.hashes, h.wait, h.work}
}

// Hashed observes a password hash: how long it waited and worked, in seconds.
func (m *Metrics) Hashed(waited, worked float64) {
	m.hashes.WithLabelValues("done").Inc()
	m.wait.Observe(waited)
	m.work.Observe(worked)
}

// NotHashed counts a password hash that was not let in: "refused" or "abandoned".
func (m *Metrics) NotHashed(outcome string) { m.hashes.WithLabelValues(outcome).Inc() }

// Hashing is how busy the pool is.
type Hashing struct{ Waiting, Queue, Busy, Threads int }

// WatchHashing shows how busy the pool of password hashes is.
func (m *Metrics) WatchHashing(read func() Hashing) {
	m.gauge("cardea_hash_queue", "Password hashes that wait for their turn.", nil, func() float64 { return float64(read().Waiting) })
	m.gauge("cardea_hash_queue_limit", "Password hashes that may wait; further ones are refused.", nil, func() float64 { return float64(read().Queue) })
	m.gauge("cardea_hash_threads_busy", "Threads that compute password hashes.", nil, func() float64 { return float64(read().Busy) })
	m.gauge("cardea_hash_threads", "Threads that may compute password hashes.", nil, func() float64 { return float64(read().Threads) })
}
