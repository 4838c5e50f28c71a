package telemetry

import "github.com/prometheus/client_golang/prometheus"

// unusual counts what is unusual about sign-ins and sign-ups.
type unusual struct{ signals, responses *prometheus.CounterVec }

func newUnusual() unusual {
	return unusual{
		signals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_risk_signals_total", Help: "Signals of unusual sign-ins and sign-ups, as far as policies ask for them.",
		}, []string{"signal"}),
		responses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_risk_responses_total", Help: "What was done about sign-ins and sign-ups with at least one signal.",
		}, []string{"response"}),
	}
}

// Signal counts a signal. It is a word of a small vocabulary.
func (u unusual) Signal(signal string, n float64) { u.signals.WithLabelValues(signal).Add(n) }

// Response counts a response. It is a word of a small vocabulary.
func (u unusual) Response(response string, n float64) { u.responses.WithLabelValues(response).Add(n) }
