package app

import (
	"testing"

	"cardea/internal/flow"
	"cardea/internal/method/oidc"
	"cardea/internal/method/webauthn"
)

// unguessable are the steps that no guess leads through, and why. Whoever adds a step
// has to decide: does it take a guess, or is there a reason why nobody can guess?
var unguessable = map[[2]string]string{
	{"login", "oidc"}:             "a provider vouches; nothing of ours is compared",
	{"login", "passkey"}:          "a signature",
	{"login", "webauthn"}:         "a signature",
	{"login", "identifier_first"}: "proves nothing",
	{"recovery", "link"}:          "asks for a link, or brings a secret of 32 letters and digits",
	{"verification", "link"}:      "asks for a link, or brings a secret of 32 letters and digits",
	{"verification", "code"}:      "asks for a code",
	{"registration", "profile"}:   "nothing is compared",
	{"registration", "password"}:  "nothing is compared",
	{"registration", "oidc"}:      "nothing is compared",
	{"registration", "passkey"}:   "nothing is compared",
	{"registration", "webauthn"}:  "nothing is compared",
}

// guessed are the ways in on which something can be guessed, by kind and method.
var guessed = map[[2]string][]flow.Secret{
	{"login", "password"}:      {flow.SecretPassword},
	{"login", "code"}:          {flow.SecretCode, flow.SecretFactor, flow.SecretFactor}, // the last confirms a sign-in
	{"login", "totp"}:          {flow.SecretFactor},
	{"login", "lookup_secret"}: {flow.SecretFactor},
	{"registration", "code"}:   {flow.SecretCode},
	{"recovery", "code"}:       {flow.SecretCode},
	{"verification", "code"}:   {flow.SecretCode},
}

func TestEveryWayToASessionPassesTheGate(t *testing.T) {
	found := map[[2]string][]flow.Secret{}
	for _, s := range (&App{}).steps(nil, nil, nil, webauthn.Method{}, &oidc.Method{}, Options{}) {
		way := [2]string{string(s.Kind), s.Method}
		switch {
		case s.Kind == flow.Settings:
			if s.Guess != nil {
				t.Errorf("%v: settings are changed by whoever is signed in", way)
			}
		case s.Guess == nil && s.Needs >= flow.NeedSession && s.Kind == flow.Login:
			// Setting up a second factor while signing in: the account has none.
		case s.Guess == nil:
			if unguessable[way] == "" {
				t.Errorf("%v takes no guess, and nobody has said why nothing can be guessed there", way)
			}
		default:
			found[way] = append(found[way], s.Guess.Secret)
			if s.Guess.Field == "" || s.Guess.Secret != flow.SecretFactor && s.Guess.About == nil {
				t.Errorf("%v does not say what is guessed at", way)
			}
		}
	}
	for way, secrets := range guessed {
		if len(found[way]) != len(secrets) {
			t.Errorf("%v guesses at %v, want %v", way, found[way], secrets)
			continue
		}
		for n, s := range secrets {
			if found[way][n] != s {
				t.Errorf("%v guesses at %v, want %v", way, found[way], secrets)
			}
		}
	}
	for way := range found {
		if guessed[way] == nil {
			t.Errorf("%v is not in the table", way)
		}
	}
}
