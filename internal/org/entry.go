package org

import "github.com/google/uuid"

// Refusal is why somebody may not go on.
type Refusal string

// The refusals; none is no reason.
const (
	None    Refusal = ""
	Closed  Refusal = "closed"  // the organization lets nobody in
	Outside Refusal = "outside" // it wants one of its connections to vouch for them
	Foreign Refusal = "foreign" // the connection of another organization has vouched for them
)

// Entry is somebody who is about to be signed in, whichever way they have come.
type Entry struct {
	Member  *uuid.UUID    // the organization of the account; nil for none
	Home    *Organization // that one, nil when nobody has described it
	Through *uuid.UUID    // the organization whose connection has vouched for them; nil for none
	Origin  *Organization // that one, nil when nobody has described it
}

// Refused is the one rule about who is let in.
//
// An organization that nobody has described is a mere note of whose account it is:
// it refuses nobody, and no connection can vouch in its name.
func (e Entry) Refused() Refusal {
	switch {
	case e.Through != nil && (e.Origin == nil || !e.Origin.Enabled):
		return Closed
	case e.Through != nil && e.Member != nil && *e.Through != *e.Member:
		return Foreign
	case e.Home == nil:
		return None
	case !e.Home.Enabled:
		return Closed
	case e.Home.SignIn == Connections && e.Through == nil:
		return Outside
	}
	return None
}

// Ends says whether the session of a member ends when the organization becomes what
// it is; vouched is whether one of its connections has vouched for the person.
func (o *Organization) Ends(vouched bool) bool {
	return !o.Enabled || o.SignIn == Connections && !vouched
}

// Claim is an account that is about to have an address in a domain of an
// organization.
type Claim struct {
	Owner   *Organization // whose verified domain it is; nil for nobody's
	Member  *uuid.UUID    // the organization of the account; nil for none
	Through *uuid.UUID    // the organization whose connection says so; nil for none
}

// Refused is the one rule about who may have an address. A connection never speaks
// for the domain of another organization. Whether the owner lets anybody in makes
// no difference: its domains stay its own.
func (c Claim) Refused() Refusal {
	switch {
	case c.Owner == nil, c.Member != nil && *c.Member == c.Owner.ID && (c.Through == nil || *c.Through == c.Owner.ID):
		return None
	case c.Through != nil && *c.Through != c.Owner.ID:
		return Foreign
	case c.Owner.SignUp == Connections:
		return Outside
	}
	return None
}
