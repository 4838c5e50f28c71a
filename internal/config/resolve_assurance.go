package config

import "slices"

// assurance remarks on a policy that asks people for what they cannot set up, or
// nobody.
func (r resolver) assurance() {
	q, m := r.Cardea.Assurance.RequireAAL2, &r.SelfService.Methods
	if !q.Everyone && len(q.Schemas)+len(q.Organizations)+len(q.OAuth2Clients) == 0 {
		return
	}
	keys := m.WebAuthn.Enabled && !m.WebAuthn.Config.Passwordless
	if !m.TOTP.Enabled && !keys && !(m.Passkey.Enabled && r.Cardea.Assurance.VerifiedPasskeysAreTwoFactors) {
		r.warn("cardea.assurance.require_aal2", "asks for a second factor, but no method is enabled with which one can be set up: "+
			"totp, webauthn that is not passwordless, or passkey with cardea.assurance.verified_passkeys_are_two_factors")
	}
	for _, id := range q.Schemas {
		if !slices.ContainsFunc(r.Identity.Schemas, func(s SchemaRef) bool { return s.ID == id }) {
			r.warn("cardea.assurance.require_aal2.schemas", "names the schema "+id+", which is not configured")
		}
	}
	if len(q.OAuth2Clients) > 0 && r.OAuth2Provider.URL == "" {
		r.warn("cardea.assurance.require_aal2.oauth2_clients", "has no effect without oauth2_provider.url")
	}
}
