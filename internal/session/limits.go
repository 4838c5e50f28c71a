package session

import (
	"time"

	"cardea/internal/problem"
)

// Limits end sessions earlier than their lifespan does. What is zero limits nothing.
type Limits struct {
	Idle     time.Duration // since the last use
	Absolute time.Duration // since the first sign-in, whatever was renewed since
	// Concurrent is how many sessions an identity has at a time. One more ends the
	// oldest, or is refused.
	Concurrent int
	Refuse     bool
}

// UseInterval is how exact the last use of a session is at best: one in steady use is
// written down this often, so that checking it writes nothing.
const UseInterval = 5 * time.Minute

// Coarseness is how exact the last use is under these limits. It may lag behind, so a
// session never lives longer than Idle after its last use, and at most this much less.
func (l *Limits) Coarseness() time.Duration {
	if l.Idle > 0 {
		return min(UseInterval, l.Idle/10)
	}
	return UseInterval
}

// End is when a session ends if nobody uses it and nobody ends it.
func (s *Session) End(l *Limits) time.Time {
	end := s.ExpiresAt
	if idle := s.LastUsedAt.Add(l.Idle); l.Idle > 0 && idle.Before(end) {
		end = idle
	}
	if last := s.IssuedAt.Add(l.Absolute); l.Absolute > 0 && last.Before(end) {
		end = last
	}
	return end
}

// ErrTooMany refuses one more session of an identity.
var ErrTooMany = problem.BadRequest("There are too many sessions of this account already.")
