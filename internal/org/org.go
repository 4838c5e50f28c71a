// Package org owns organizations: customers with mail domains and connections of
// their own, the rules about who may come in as one of their members, and what a
// domain is.
//
// It refuses to know how somebody proves anything: a connection is whatever has
// vouched for a person on behalf of an organization, an OpenID provider today. It
// knows neither SQL nor HTTP nor configuration files.
//
// Invariants: the names of domains are ASCII, in lower case and without a trailing
// dot; a domain belongs to one organization; a domain that nobody has verified
// has no effect; a subdomain is another domain.
package org

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// Limits of an organization.
const (
	maxLabel   = 200 // characters
	maxDomains = 100
)

// Way says by which ways something may be done.
type Way string

// The ways.
const (
	Anywhere    Way = "anywhere"    // as everybody
	Connections Way = "connections" // through a connection of the organization only
)

// Ways are all ways.
func Ways() []Way { return []Way{Anywhere, Connections} }

// Organization is a customer with people of its own.
type Organization struct {
	ID    uuid.UUID
	Label string // what people call it; not unique
	// Enabled organizations let people in. Nobody signs in as a member of one that
	// is not, and its domains stay reserved.
	Enabled bool
	Domains []Domain // by name
	SignIn  Way      // how members sign in
	SignUp  Way      // how somebody comes to have an address in one of the domains
	// SessionLifespan is how long sessions live that began at a connection; 0 for as
	// long as all others.
	SessionLifespan time.Duration
	// Configured organizations stand in the configuration, not in a row.
	Configured           bool
	CreatedAt, UpdatedAt time.Time // zero for configured ones
}

// Domain is a mail domain of an organization.
type Domain struct {
	Name string
	// Verified is the word of an operator that the domain is the organization's.
	Verified bool
}

// Settled is the organization as it is stored: names normalised, defaults filled
// in. Errors are problems with status 400.
func (o Organization) Settled() (*Organization, error) {
	o.Label = strings.TrimSpace(o.Label)
	if o.SignIn == "" {
		o.SignIn = Anywhere
	}
	if o.SignUp == "" {
		o.SignUp = Anywhere
	}
	switch {
	case o.Label == "" || utf8.RuneCountInString(o.Label) > maxLabel || !utf8.ValidString(o.Label) || strings.ContainsFunc(o.Label, unicode.IsControl):
		return nil, problem.BadRequest("The label of an organization is a text of 1 to %d characters.", maxLabel)
	case !slices.Contains(Ways(), o.SignIn), !slices.Contains(Ways(), o.SignUp):
		return nil, problem.BadRequest("The values of sign_in and sign_up are %s and %s.", Anywhere, Connections)
	case o.SessionLifespan < 0:
		return nil, problem.BadRequest("The session_lifespan cannot be negative.")
	case len(o.Domains) > maxDomains:
		return nil, problem.BadRequest("An organization has at most %d domains.", maxDomains)
	}
	o.Domains = slices.Clone(o.Domains)
	for n, d := range o.Domains {
		name, err := NormalizeDomain(d.Name)
		if err != nil {
			return nil, err
		}
		o.Domains[n].Name = name
	}
	slices.SortStableFunc(o.Domains, func(a, b Domain) int { return strings.Compare(a.Name, b.Name) })
	for n := range o.Domains[min(1, len(o.Domains)):] {
		if o.Domains[n].Name == o.Domains[n+1].Name {
			return nil, problem.BadRequest("The domain %q is there twice.", o.Domains[n].Name)
		}
	}
	return &o, nil
}

// Owns says whether a domain is verified to be the organization's.
func (o *Organization) Owns(domain string) bool {
	return slices.Contains(o.Domains, Domain{Name: domain, Verified: true})
}
