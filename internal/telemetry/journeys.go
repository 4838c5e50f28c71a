package telemetry

import "github.com/prometheus/client_golang/prometheus"

// journeys counts how requests go on with journeys, and who signs in and out.
type journeys struct {
	flows   *prometheus.CounterVec
	submits *prometheus.CounterVec
	reloads *prometheus.CounterVec
}

func newJourneys() journeys {
	return journeys{
		flows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_flows_total", Help: "Requests for new flows by kind and outcome: started, or continued elsewhere, refused, failed.",
		}, []string{"flow", "outcome"}),
		submits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_submissions_total", Help: "Submissions by kind of flow, method and outcome: succeeded, continued, rejected (a form with a complaint), refused (an error of the client's), failed (an error of the server's).",
		}, []string{"flow", "method", "outcome"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cardea_config_reloads_total", Help: "Changed configurations by result: in_force, or refused, and the old one stayed.",
		}, []string{"result"}),
	}
}

func (j journeys) collectors() []prometheus.Collector {
	for _, result := range []string{"in_force", "refused"} {
		j.reloads.WithLabelValues(result)
	}
	return []prometheus.Collector{j.flows, j.submits, j.reloads}
}

// Started counts a request for a new flow.
func (m *Metrics) Started(flow, outcome string) { m.flows.WithLabelValues(flow, outcome).Inc() }

// Submitted counts a submission. All three are words of small vocabularies; a
// submission that no method took has "none".
func (m *Metrics) Submitted(flow, method, outcome string) {
	if method == "" {
		method = "none"
	}
	m.submits.WithLabelValues(flow, method, outcome).Inc()
}

// Reloaded counts a changed configuration.
func (m *Metrics) Reloaded(inForce bool) {
	result := "refused"
	if inForce {
		result = "in_force"
	}
	m.reloads.WithLabelValues(result).Inc()
}
