package oidc

import (
	"testing"

	"cardea/internal/config"
)

func TestAProviderSpeaksForTheAddressesThatItGivesOut(t *testing.T) {
	for name, c := range map[string]struct {
		provider, address, email, hosted string
		verified                         truth
		trusted                          []string
		want                             bool
	}{
		"Google's own":                  {"google", "a@gmail.com", "A@Gmail.com", "", true, nil, true},
		"Google's older name":           {"google", "a@googlemail.com", "a@googlemail.com", "", true, nil, true},
		"hosted by Google":              {"google", "a@acme.test", "a@acme.test", "Acme.test", true, nil, true},
		"somebody else's at Google":     {"google", "a@acme.test", "a@acme.test", "", true, nil, false},
		"hosted for another":            {"google", "a@acme.test", "a@acme.test", "evil.test", true, nil, false},
		"Google's, not verified":        {"google", "a@gmail.com", "a@gmail.com", "", false, nil, false},
		"another address":               {"google", "b@gmail.com", "a@gmail.com", "", true, nil, false},
		"no address":                    {"google", "ann", "ann", "", true, nil, false},
		"Apple's":                       {"apple", "a@acme.test", "a@acme.test", "", true, nil, true},
		"Apple's, narrowed":             {"apple", "a@acme.test", "a@acme.test", "", true, []string{"icloud.com"}, false},
		"gmail at a provider like any":  {"generic", "a@gmail.com", "a@gmail.com", "", true, nil, false},
		"hosted at a provider like any": {"generic", "a@acme.test", "a@acme.test", "acme.test", true, nil, false},
		"trusted":                       {"generic", "a@acme.test", "a@acme.test", "", true, []string{"Acme.Test"}, true},
		"trusted, not verified":         {"generic", "a@acme.test", "a@acme.test", "", false, []string{"*"}, false},
	} {
		a := &arrival{
			provider: config.OIDCProvider{Provider: c.provider, Cardea: config.CardeaProvider{TrustedDomains: c.trusted}},
			claims:   &Claims{Email: c.email, EmailVerified: c.verified, HostedDomain: c.hosted},
		}
		if got := a.speaksFor(c.address); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
