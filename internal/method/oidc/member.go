package oidc

import (
	"context"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/org"
)

// Members whom an operator has made before they ever came: whoever is in charge of the
// domain of their address says who they are.

// expected says whether the namesake is a member of the organization whose connection
// has brought somebody, and is known by an address that the connection can vouch for: in a
// domain of the organization, and verified by the provider as far as the mapper says.
// Somebody who is linked with the provider already is not expected as another of its
// people: addresses are given to new people. Neither is somebody whose account another
// could have prepared, with a way in that stays open.
func (c *creation) expected(realm flow.Realm, a *arrival) bool {
	id, home := a.organization(), realm.Organization
	if id == nil || home == nil || home.ID != *id || c.namesake.OrganizationID == nil || *c.namesake.OrganizationID != *id {
		return false
	}
	domain, ok := org.DomainOf(c.identifier)
	if !ok || !home.Owns(domain) || slices.Contains(linkedWith(c.namesake), a.provider.ID) {
		return false
	}
	return proves(c.identity, c.identifier) && (home.SignIn == org.Connections || proves(c.namesake, c.identifier))
}

// proves says whether an account has an e-mail address that is verified.
func proves(i *identity.Identity, address string) bool {
	return slices.ContainsFunc(i.VerifiableAddresses, func(v identity.VerifiableAddress) bool {
		return v.Via == identity.Email && v.Value == address && v.Verified
	})
}

// welcome signs an expected member in and adds the link.
func (c *creation) welcome(x *flow.Exec, a *arrival) (flow.Result, error) {
	if x.Flow.Kind != flow.Login {
		return flow.Switch{Kind: flow.Login, Then: func(_ context.Context, x *flow.Exec) (flow.Result, error) { return c.welcome(x, a) }}, nil
	}
	sealed, err := identity.SealLink(x.Vault(), c.namesake.ID, a.link(), a.tokens)
	if err != nil {
		return nil, err
	}
	return flow.Proved{
		Identity: c.namesake, Method: a.evidence(), Fresh: true,
		Update: func(i *identity.Identity) error { return i.AddLink(sealed, x.Now, x.NewID) },
	}, nil
}
