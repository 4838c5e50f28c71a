// Package totp is the authenticator app as a second factor: adding and removing it
// in settings, and its codes (RFC 6238) at sign-in.
//
// It owns how a key is made and shown, and which code counts when. It refuses codes
// more than one time step away from now, and codes of a step that is not newer than
// the last one that counted.
//
// Invariants: a key leaves the process only to its owner, before it is added; in
// rows and facts it is sealed; of parallel submissions of one code at most one
// counts.
package totp

import (
	"cardea/internal/flow"
	"cardea/internal/session"
)

const method = "totp"

// evidence is what a code proves.
func evidence() session.Method { return session.Method{Method: method, AAL: session.AAL2} }

// Steps are the steps of the method.
func Steps() []*flow.Step {
	own := settings()
	return []*flow.Step{login(), flow.Enrollment(own, func(*flow.Setup) bool { return true }), own}
}

func enabled(s *flow.Setup) bool { return s.SelfService.Methods.TOTP.Enabled }
