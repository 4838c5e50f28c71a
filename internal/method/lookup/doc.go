// Package lookup is backup codes as a second factor: a list of codes that people
// keep on paper, each of which works once.
//
// It owns how codes are made, shown and used up. Codes are stored only after
// somebody has confirmed having seen them, and are shown again only to a recent
// sign-in.
//
// Invariants: codes are sealed in rows and facts; of parallel submissions of one
// code exactly one counts; what was used stays in the list, marked.
package lookup

import (
	"cardea/internal/flow"
	"cardea/internal/session"
)

const method = "lookup_secret"

// evidence is what a code proves.
func evidence() session.Method { return session.Method{Method: method, AAL: session.AAL2} }

// Steps are the steps of the method.
func Steps() []*flow.Step { return []*flow.Step{login(), settings()} }

func enabled(s *flow.Setup) bool { return s.SelfService.Methods.LookupSecret.Enabled }
