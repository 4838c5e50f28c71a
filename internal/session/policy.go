package session

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// Policy says who has to show two factors, whatever the contract's settings ask
// for. The zero value asks nobody.
type Policy struct {
	Everyone      bool
	Schemas       []string
	Organizations []uuid.UUID
	Clients       []string // OAuth2 clients: whoever signs in to one of them

	Since time.Time     // nobody is asked before; zero for always
	Grace time.Duration // how long an account is let in that has no second factor yet
}

// Wants says whether an account has to show two factors at a moment. client is the
// OAuth2 client that it signs in to, "" for none.
func (p *Policy) Wants(i *identity.Identity, client string, now time.Time) bool {
	if now.Before(p.Since) {
		return false
	}
	switch {
	case p.Everyone, client != "" && slices.Contains(p.Clients, client):
		return true
	case i == nil:
		return false
	}
	return slices.Contains(p.Schemas, i.SchemaID) ||
		i.OrganizationID != nil && slices.Contains(p.Organizations, *i.OrganizationID)
}

// Asks says whether the policy asks anybody.
func (p *Policy) Asks() bool {
	return p.Everyone || len(p.Schemas)+len(p.Organizations)+len(p.Clients) > 0
}

// Due is when an account needs a second factor at the latest: the grace begins with
// the policy, or with the account if that is younger.
func (p *Policy) Due(i *identity.Identity) time.Time {
	from := p.Since
	if i != nil && i.CreatedAt.After(from) {
		from = i.CreatedAt
	}
	return from.Add(p.Grace)
}

// Requirement is what a place asks of a session.
type Requirement struct {
	Level  AAL // the contract's setting
	Policy *Policy
	Client string // the OAuth2 client that somebody signs in to, "" for none
}

// Met judges the session of an identity. available is what the identity's
// credentials can reach: whoever has a second factor shows it from the first day of
// a policy on, and whoever has none is let in until it is due.
func (q Requirement) Met(s *Session, i *identity.Identity, available string, now time.Time) bool {
	switch {
	case s.AAL == AAL2:
		return true
	case s.Held():
		return false
	case !s.Satisfies(q.Level, available):
		return false
	case !q.Policy.Wants(i, q.Client, now):
		return true
	}
	return s.AAL >= AAL1 && available != string(AAL2) && now.Before(q.Policy.Due(i))
}
