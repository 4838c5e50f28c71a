package config_test

import "testing"

func TestStrictEnumerationIncludesTheContractsSettings(t *testing.T) {
	const strict = "cardea: {security: {strict_enumeration: true}}\n"
	on := func(flows string) string {
		return strict + "selfservice: {flows: {registration: {enabled: true, login_hints: true}" + flows + "}}"
	}
	s := load(t, nil, minimal, on(", verification: {enabled: true}"))
	equal(t, "mitigate", s.Security.AccountEnumeration.Mitigate, true)
	equal(t, "strangers hear of recovery", s.SelfService.Flows.Recovery.NotifyUnknownRecipients, true)
	equal(t, "strangers hear of verification", s.SelfService.Flows.Verification.NotifyUnknownRecipients, true)
	equal(t, "login hints", s.SelfService.Flows.Registration.LoginHints, false)
	equal(t, "warned", about(s.Warnings, "cardea.security.strict_enumeration"), false)

	s = load(t, nil, minimal, on(""))
	equal(t, "warned without verification", about(s.Warnings, "cardea.security.strict_enumeration"), true)

	s = load(t, nil, minimal)
	equal(t, "mitigate by default", s.Security.AccountEnumeration.Mitigate, false)
}
