package config_test

import "testing"

func TestAPolicyThatNobodyCanMeetIsRemarkedOn(t *testing.T) {
	for name, c := range map[string]struct {
		more string
		want bool
	}{
		"no method":             {"", true},
		"backup codes alone":    {"selfservice: {methods: {lookup_secret: {enabled: true}}}", true},
		"an app":                {"selfservice: {methods: {totp: {enabled: true}}}", false},
		"security keys":         {"selfservice: {methods: {webauthn: {enabled: true, config: {passwordless: false, rp: {id: a.test, display_name: A}}}}}", false},
		"passwordless keys":     {"selfservice: {methods: {webauthn: {enabled: true, config: {passwordless: true, rp: {id: a.test, display_name: A}}}}}", true},
		"passkeys":              {"selfservice: {methods: {passkey: {enabled: true, config: {rp: {id: a.test, display_name: A}}}}}", true},
		"passkeys that are two": {"selfservice: {methods: {passkey: {enabled: true, config: {rp: {id: a.test, display_name: A}}}}}\ncardea: {assurance: {verified_passkeys_are_two_factors: true}}", false},
	} {
		s := load(t, nil, minimal, "cardea: {assurance: {require_aal2: {everyone: true}}}", c.more)
		equal(t, name, about(s.Warnings, "cardea.assurance.require_aal2"), c.want)
	}
	s := load(t, nil, minimal, "cardea: {assurance: {require_aal2: {schemas: [nowhere], oauth2_clients: [app]}}}")
	equal(t, "an unknown schema", about(s.Warnings, "cardea.assurance.require_aal2.schemas"), true)
	equal(t, "clients of no server", about(s.Warnings, "cardea.assurance.require_aal2.oauth2_clients"), true)
}
