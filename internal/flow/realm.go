package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Organizations in the journeys: whose connections a form offers, and the one place
// that asks whether somebody may come in. What the rules are is a matter of org.

// OrganizationStore finds organizations that do not stand in the configuration.
// Missing rows answer problem.ErrNotFound.
type OrganizationStore interface {
	Organization(ctx context.Context, id uuid.UUID) (*org.Organization, error)
	// OrganizationByDomain finds the one that a domain is verified to belong to.
	OrganizationByDomain(ctx context.Context, domain string) (*org.Organization, error)
}

// Realm says whose ways of signing in a journey offers.
type Realm struct {
	Organization *org.Organization // nil for nobody's
	Only         bool              // nothing but its connections
}

// Offers says whether a provider has a place in the journey; bound is the id of the
// organization that it is a connection of, "" for everybody's.
func (m Realm) Offers(bound string) bool {
	if bound == "" {
		return !m.Only
	}
	id, err := uuid.Parse(bound)
	return err == nil && m.Organization != nil && m.Organization.Enabled && m.Organization.ID == id
}

// organizations are those of a configuration. An entry of ours counts for more than
// one of Kratos' key with the same id.
func organizations(s *config.Snapshot) (*org.Catalogue, error) {
	var all []*org.Organization
	add := func(key, id string, o org.Organization, domains []string) error {
		var err error
		if o.ID, err = uuid.Parse(id); err != nil {
			return fmt.Errorf("%s: the id %q is no UUID", key, id)
		}
		if slices.ContainsFunc(all, func(known *org.Organization) bool { return known.ID == o.ID }) && key != ownOrganizations {
			return nil
		}
		for _, name := range domains {
			o.Domains = append(o.Domains, org.Domain{Name: name, Verified: true})
		}
		o.Configured = true
		settled, err := o.Settled()
		if err != nil {
			return fmt.Errorf("%s: the organization %s: %w", key, o.ID, err)
		}
		all = append(all, settled)
		return nil
	}
	for _, c := range s.Cardea.Organizations {
		o := org.Organization{
			Label: c.Label, Enabled: c.Enabled == nil || *c.Enabled,
			SignIn: org.Way(c.SignIn), SignUp: org.Way(c.SignUp), SessionLifespan: c.SessionLifespan,
		}
		if err := add(ownOrganizations, c.ID, o, c.Domains); err != nil {
			return nil, err
		}
	}
	for _, c := range s.SelfService.Methods.B2B.Config.Organizations {
		o := org.Organization{Label: c.Label, Enabled: true, SessionLifespan: c.SessionLifespan}
		if o.Label == "" {
			o.Label = c.ID
		}
		if id, err := uuid.Parse(c.ID); err == nil && len(connections(s, id)) > 0 { // Kratos' own meaning: whoever has a connection uses it
			o.SignIn, o.SignUp = org.Connections, org.Connections
		}
		if err := add("selfservice.methods.b2b.config.organizations", c.ID, o, c.Domains); err != nil {
			return nil, err
		}
	}
	catalogue, err := org.NewCatalogue(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ownOrganizations, err)
	}
	return catalogue, nil
}

const ownOrganizations = "cardea.organizations"

// Connections are the providers that are bound to an organization.
func (s *Setup) Connections(id uuid.UUID) []config.OIDCProvider { return connections(s.Snapshot, id) }

func connections(s *config.Snapshot, id uuid.UUID) (all []config.OIDCProvider) {
	if !s.SelfService.Methods.OIDC.Enabled {
		return nil
	}
	for _, p := range s.SelfService.Methods.OIDC.Config.Providers {
		if bound, err := uuid.Parse(p.OrganizationID); err == nil && bound == id {
			all = append(all, p)
		}
	}
	return all
}

// Organizations are those of the configuration.
func (s *Setup) Organizations() *org.Catalogue { return s.organizations }

// organization finds an organization, nil for one that nobody has described.
func (r *run) organization(ctx context.Context, id *uuid.UUID) (*org.Organization, error) {
	if id == nil {
		return nil, nil
	}
	if o := r.Setup.organizations.ByID(*id); o != nil {
		return o, nil
	}
	return orNone(r.store.Organization(ctx, *id))
}

// ownerOf finds the organization that the domain of an address belongs to, nil for
// none.
func (r *run) ownerOf(ctx context.Context, address string) (*org.Organization, error) {
	domain, ok := org.DomainOf(address)
	if !ok {
		return nil, nil
	}
	if o := r.Setup.organizations.ByDomain(domain); o != nil {
		return o, nil
	}
	return orNone(r.store.OrganizationByDomain(ctx, domain))
}

func orNone(o *org.Organization, err error) (*org.Organization, error) {
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	return o, err
}

// home is the organization whose connections somebody with this identifier, or with
// this account, is led to; nil for none. The account is nil for one that is not known
// or must not show.
func (r *run) home(ctx context.Context, identifier string, i *identity.Identity) (*org.Organization, error) {
	o, err := r.ownerOf(ctx, identifier)
	if err == nil && i != nil && i.OrganizationID != nil {
		o, err = r.organization(ctx, i.OrganizationID) // wherever their mail is
	}
	if err != nil || o == nil || !o.Enabled || len(r.Connections(o.ID)) == 0 {
		return nil, err
	}
	return o, nil
}

// connecting lists the steps of the flow's kind that bring connections.
func (r *run) connecting() []string {
	var all []string
	for _, s := range r.steps[r.kind.name] {
		if s.Connects && s.Enabled(r.Setup) && (s.Accepts == nil || s.Accepts(r.flow)) {
			all = append(all, s.Method)
		}
	}
	return all
}

// describedHome is the organization of an account whose settings are an
// organization's: nil when nobody has described it.
func (r *run) describedHome(ctx context.Context, id *uuid.UUID) (*uuid.UUID, error) {
	o, err := r.organization(ctx, id)
	if o == nil || err != nil {
		return nil, err
	}
	return &o.ID, nil
}

// enterRealm finds out whose ways of signing in the flow offers.
func (r *run) enterRealm(ctx context.Context) (err error) {
	stage := r.flow.stage()
	id, only := r.flow.Organization, true
	if id == nil {
		id, only = stage.Organization, stage.Only
	}
	r.realm = Realm{}
	if id == nil || r.flow.RequestedAAL == session.AAL2 {
		return nil
	}
	if r.realm.Organization, err = r.organization(ctx, id); err != nil {
		return err
	}
	// Whoever signs in again, or links, has signed in before in a way that this
	// organization allows.
	o := r.realm.Organization
	free := o == nil || o.SignIn == org.Anywhere
	r.realm.Only = only && r.flow.Linking() == nil && (!r.flow.Refresh || !free)
	return nil
}

// leavesOut says whether a step has no place because the journey is an
// organization's.
func (r *run) leavesOut(s *Step) bool {
	if !r.realm.Only || r.kind.name == Settings || r.flow.Organization == nil && s.Catches {
		return false
	}
	return !s.Connects || r.realm.Organization == nil || !r.realm.Organization.Enabled
}
