package app

import (
	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/telemetry"
)

// watchGuesses counts guesses at secrets, and tells the log when somebody has none
// left. Who that is stays out of it.
func (a *App) watchGuesses(m *telemetry.Metrics) flow.Watch {
	return func(outcome string, scope gate.Scope) {
		m.Guessed(string(scope), outcome)
		if outcome == "stopped" {
			a.log.Warn("too many wrong guesses: no more are looked at for a while", "scope", string(scope))
		}
	}
}
