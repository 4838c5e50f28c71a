package httpapi

import (
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// Wire writes the JSON of the contract for those who tell others of it: web hooks
// hear of flows, identities and sessions as their owners see them.
type Wire struct{}

// Flow is a flow as its client sees it.
func (Wire) Flow(set *flow.Setup, p *flow.Page) []byte { return appendPage(nil, set, p) }

// Identity is an identity without credentials and metadata_admin.
func (Wire) Identity(set *flow.Setup, i *identity.Identity) []byte {
	return appendIdentity(nil, set, i, publicSession)
}

// Session is a session with its identity.
func (Wire) Session(set *flow.Setup, s *session.Session, now time.Time) []byte {
	return appendSession(nil, set, s, now, publicSession)
}
