package config

import "time"

// CardeaAssurance says who has to show two factors, and what counts as two.
type CardeaAssurance struct {
	RequireAAL2 struct {
		Everyone      bool
		Schemas       []string
		Organizations []string // UUIDs
		OAuth2Clients []string
		Since         string // RFC 3339; "" for always
		GracePeriod   time.Duration
	}
	VerifiedPasskeysAreTwoFactors bool
}
