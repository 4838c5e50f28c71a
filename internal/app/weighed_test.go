package app

import (
	"testing"

	"cardea/internal/flow"
	"cardea/internal/method/oidc"
	"cardea/internal/method/webauthn"
)

// weighed are the steps whose proof gives somebody a session that they did not have.
// TestEveryWayToASessionIsWeighed in internal/risk walks each of them.
var weighed = map[[2]string]bool{
	{"login", "password"}: true, {"login", "code"}: true, {"login", "oidc"}: true, {"login", "passkey"}: true, {"login", "webauthn"}: true,
	{"registration", "password"}: true, {"registration", "code"}: true, {"registration", "oidc"}: true, {"registration", "passkey"}: true, {"registration", "webauthn"}: true,
	{"recovery", "code"}: true, {"recovery", "link"}: true,
}

// unweighed are the others of these kinds, and why.
var unweighed = map[[2]string]string{
	{"login", "identifier_first"}: "proves nothing",
	{"login", "totp"}:             "a second factor: what others are asked for",
	{"login", "lookup_secret"}:    "the same",
	{"registration", "profile"}:   "proves nothing",
}

func TestSomebodyHasSaidOfEveryStepWhetherItIsWeighed(t *testing.T) {
	found := map[[2]string]bool{}
	for _, s := range (&App{}).steps(nil, nil, nil, webauthn.Method{}, &oidc.Method{}, Options{}) {
		if s.Kind != flow.Login && s.Kind != flow.Registration && s.Kind != flow.Recovery {
			continue
		}
		way := [2]string{string(s.Kind), s.Method}
		found[way] = true
		if !weighed[way] && unweighed[way] == "" {
			t.Errorf("%v may give a session: walk it in internal/risk, and say so here", way)
		}
	}
	for way := range weighed {
		if !found[way] {
			t.Errorf("there is no step %v", way)
		}
	}
}
