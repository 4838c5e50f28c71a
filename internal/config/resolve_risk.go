package config

import "slices"

// risk remarks on policies that cannot take effect.
func (r resolver) risk() {
	for _, p := range r.Cardea.Risk.Policies {
		if slices.Contains(p.When, "impossible_travel") && r.Cardea.GeoIP.File == "" {
			r.warn("cardea.risk.policies", "asks about impossible_travel, which needs cardea.geoip.file: without it nobody is anywhere")
		}
		if p.Then == "notify" && !r.SelfService.Flows.Verification.Enabled {
			r.warn("cardea.risk.policies", "writes only to verified addresses, and selfservice.flows.verification is not enabled")
		}
	}
}
