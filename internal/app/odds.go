package app

import (
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/risk"
	"cardea/internal/telemetry"
)

// watchOdds counts what is unusual about sign-ins, and tells the log of those that were
// held or refused. Who that was stays out of it: the id of the flow leads there.
func (a *App) watchOdds(m *telemetry.Metrics) flow.Odds {
	for _, s := range risk.Signals() {
		m.Signal(string(s), 0) // there from the start, so that rates have a beginning
	}
	for _, r := range risk.Responses() {
		m.Response(r.String(), 0)
	}
	return func(k flow.Kind, id uuid.UUID, v risk.Verdict) {
		for _, s := range v.Signals {
			m.Signal(string(s), 1)
		}
		m.Response(v.Response.String(), 1)
		if v.Response >= risk.Challenge {
			a.log.Warn("an unusual sign-in did not get through at once", "kind", string(k), "flow", id, "signals", v.Signals, "response", v.Response.String())
		}
	}
}
