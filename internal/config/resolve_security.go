package config

// enumeration switches on what cardea.security.strict_enumeration includes, so that
// journeys ask for the one setting that they are about.
func (r resolver) enumeration() {
	if !r.Cardea.Security.StrictEnumeration {
		return
	}
	flows := &r.SelfService.Flows
	r.Security.AccountEnumeration.Mitigate = true
	flows.Recovery.NotifyUnknownRecipients = true
	flows.Verification.NotifyUnknownRecipients = true
	flows.Registration.LoginHints = false
	if flows.Registration.Enabled && !flows.Verification.Enabled {
		r.warn("cardea.security.strict_enumeration", "does not close registration: that needs selfservice.flows.verification.enabled, because the truth goes by mail")
	}
}
