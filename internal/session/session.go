// Package session owns who is signed in: the session, the evidence it stands
// on, the level that follows from the evidence, its devices and its secrets.
// It knows no SQL, no HTTP and no configuration file.
//
// Invariants: AAL is always AALOf(Methods); a secret (token, logout token) is
// never stored, only its hash.
package session

import (
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// AAL is an authenticator assurance level (NIST SP 800-63B calls the idea AAL;
// the words are the contract's).
type AAL string

// The levels, lowest first. They compare as strings.
const (
	AAL0 AAL = "aal0"
	AAL1 AAL = "aal1"
	AAL2 AAL = "aal2"
)

// HighestAvailable as a requirement means: whatever the identity's own
// credentials can reach.
const HighestAvailable AAL = "highest_available"

// Method is one piece of evidence: a completed authentication method.
type Method struct {
	Method       string     `json:"method"`
	AAL          AAL        `json:"aal"`
	CompletedAt  time.Time  `json:"completed_at"`
	Provider     string     `json:"provider,omitempty"`
	Organization *uuid.UUID `json:"organization,omitempty"`
	UpstreamACR  string     `json:"upstream_acr,omitempty"`
	UpstreamAMR  []string   `json:"upstream_amr,omitempty"`
	// Signals are what was unusual when it was given; see package risk.
	Signals []string `json:"signals,omitempty"`
	// Holds evidence is not enough by itself, and Lifts evidence makes up for it: see
	// Session.Held.
	Holds bool `json:"holds,omitempty"`
	Lifts bool `json:"lifts,omitempty"`
}

// Device is where a session was started from.
type Device struct {
	ID        uuid.UUID `json:"id"`
	IPAddress *string   `json:"ip_address"`
	UserAgent *string   `json:"user_agent"`
	Location  *string   `json:"location"`
}

// Session is one sign-in of one identity. A session can have several tokens; a
// token leads to exactly one session.
type Session struct {
	ID              uuid.UUID
	IdentityID      uuid.UUID
	Active          bool // the stored flag; see IsActive
	AAL             AAL
	Methods         []Method
	IssuedAt        time.Time
	AuthenticatedAt time.Time
	ExpiresAt       time.Time
	LastUsedAt      time.Time // coarse: see Limits.Coarseness
	CreatedAt       time.Time
	UpdatedAt       time.Time
	// Source is the part of the network in which it began, in the notation of CIDR; ""
	// when it is not known or nobody asked. It is written and never loaded.
	Source string
	// Transient sessions end with the browser: nobody asked to be remembered.
	Transient bool

	Devices  []Device           // nil when not loaded
	Identity *identity.Identity // nil when not loaded
}

// IsActive is the one rule of whether a session counts at a moment: not
// revoked, not over, and its identity (when loaded) may sign in.
func (s *Session) IsActive(now time.Time, l *Limits) bool {
	return s.Active && now.Before(s.End(l)) &&
		(s.Identity == nil || s.Identity.State == identity.Active)
}
