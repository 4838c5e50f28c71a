package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (r resolver) providers() error {
	c := &r.SelfService.Methods.OIDC.Config
	c.BaseRedirectURI = cmp.Or(c.BaseRedirectURI, r.Serve.Public.BaseURLRaw)
	for i := range c.Providers {
		p := &c.Providers[i]
		p.Label = cmp.Or(p.Label, p.ID)
		p.SubjectSource = cmp.Or(p.SubjectSource, "userinfo")
		p.ClaimsSource = cmp.Or(p.ClaimsSource, "id_token")
		p.PKCE = cmp.Or(p.PKCE, "auto")
		p.AccountLinkingMode = cmp.Or(p.AccountLinkingMode, "confirm_with_existing_credential")
		p.UpdateIdentityOnLogin = cmp.Or(p.UpdateIdentityOnLogin, "never")
	}
	if err := distinctProviders(c.Providers); err != nil {
		return err
	}
	return r.federation()
}

// distinctProviders refuses providers whose people could not be told apart. Somebody
// is called by provider and subject with a colon in between, so that the subject "b:c"
// of a provider "a" would be the subject "c" of a provider "a:b".
func distinctProviders(all []OIDCProvider) error {
	for i, p := range all {
		for j, other := range all {
			if i != j && (p.ID == other.ID || strings.HasPrefix(p.ID, other.ID+":")) {
				return fmt.Errorf("selfservice.methods.oidc.config.providers: the ids %q and %q cannot be told apart in front of a subject", other.ID, p.ID)
			}
		}
	}
	return nil
}

// federation brings what cardea.federation says of a provider to its entry.
func (r resolver) federation() error {
	const here = "cardea.federation.providers"
	providers := r.SelfService.Methods.OIDC.Config.Providers
	r.Cardea.Federation.Order = cmp.Or(r.Cardea.Federation.Order, "id")
	for i, more := range r.Cardea.Federation.Providers {
		at := slices.IndexFunc(providers, func(p OIDCProvider) bool { return p.ID == more.ID })
		switch {
		case at < 0:
			return fmt.Errorf("%s: there is no provider %q", here, more.ID)
		case providers[at].Cardea.ID != "":
			return fmt.Errorf("%s: the provider %q has two entries", here, more.ID)
		case providers[at].MapperURL != "" && more.Claims != nil:
			return fmt.Errorf("%s.%d.claims: the provider %q has a mapper_url", here, i, more.ID)
		}
		providers[at].Cardea = more
	}
	for i, p := range providers {
		if p.MapperURL == "" && p.Cardea.Claims == nil {
			return fmt.Errorf("selfservice.methods.oidc.config.providers.%d.mapper_url: is required and not set", i)
		}
		if p.FedCMConfigURL != "" && !p.Mediates() {
			r.warn(fmt.Sprintf("selfservice.methods.oidc.config.providers.%d.fedcm_config_url", i), withoutFedCM(p))
		}
		if p.AccountLinkingMode == "automatic" && p.Cardea.TrustedDomains == nil && p.Provider != "google" && p.Provider != "apple" {
			r.warn(fmt.Sprintf("selfservice.methods.oidc.config.providers.%d.account_linking_mode", i),
				"automatic has no effect without trusted_domains in "+here+": nothing says for which addresses the provider can be believed")
		}
	}
	return nil
}

// withoutFedCM is why browsers cannot ask a provider by themselves.
func withoutFedCM(p OIDCProvider) string {
	if p.Provider == "netid" {
		return "has no effect without net_id_token_origin_header"
	}
	return fmt.Sprintf("has no effect: tokens of the type %s cannot be checked without a code", p.Provider)
}
