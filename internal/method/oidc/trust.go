package oidc

import (
	"slices"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// speaksFor says whether the provider can be believed about an address: it calls it
// verified, and it is the one who gives out addresses of that domain, or the operator
// trusts it with them. A provider that repeats what people type is nobody to believe.
func (a *arrival) speaksFor(address string) bool {
	if !bool(a.claims.EmailVerified) || identity.NormalizeIdentifier(a.claims.Email) != address {
		return false
	}
	_, domain, ok := strings.Cut(address, "@")
	if !ok {
		return false
	}
	trusted := a.provider.Cardea.TrustedDomains
	if slices.Contains(trusted, "*") || slices.ContainsFunc(trusted, func(d string) bool { return strings.EqualFold(d, domain) }) {
		return true
	}
	switch a.provider.Provider {
	case "google": // https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
		return domain == "gmail.com" || domain == "googlemail.com" || domain != "" && strings.EqualFold(a.claims.HostedDomain, domain)
	case "apple":
		return trusted == nil
	}
	return false
}

// trusted says whether the namesake can be signed in without further proof. Both sides
// must have proved the address, the account must not ask for more than an address
// proves, and somebody who was linked with the provider before under another subject is
// somebody else: addresses are given to new people.
func (c *creation) trusted(x *flow.Exec, a *arrival) bool {
	return a.provider.AccountLinkingMode == "automatic" && a.speaksFor(c.identifier) && proves(c.namesake, c.identifier) &&
		c.namesake.OrganizationID == nil && a.organization() == nil && !slices.Contains(linkedWith(c.namesake), a.provider.ID) &&
		identity.HighestAAL(c.namesake, x.Setup.Factors()) != string(session.AAL2)
}
