package webauthn_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

func TestACeremonyInAFrameOfAnotherPageCountsForNothing(t *testing.T) {
	for about, frame := range map[string]func(*cardeatest.Authenticator){
		"in a frame":              func(k *cardeatest.Authenticator) { k.CrossOrigin = true },
		"in a frame of evil.test": func(k *cardeatest.Authenticator) { k.CrossOrigin, k.TopOrigin = true, "https://evil.test" },
		"below evil.test":         func(k *cardeatest.Authenticator) { k.TopOrigin = "https://evil.test" },
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			s := house(t, second)
			k := key(t)
			ann := s.Client(cardeatest.SPA)
			signUp(t, ann, k, email)
			framed := *k
			frame(&framed)
			c := s.Client(cardeatest.SPA)
			f := c.Start("login", "")
			refused(t, "signing in", f, f.Submit(map[string]any{"passkey_login": framed.Get(value(t, f.Answer, "passkey_challenge"))}), 4000043)
			status(t, "whoami", c.WhoAmI(), http.StatusUnauthorized)
			f = c.Start("registration", "")
			a := f.Submit(map[string]any{"method": "passkey", "traits.email": "bob@cardea.test", "passkey_register": framed.Create(value(t, f.Answer, "passkey_create_data"))})
			refused(t, "signing up", f, a, 4000043)
			f = ann.Start("settings", "")
			a = f.Submit(map[string]any{
				"method": "webauthn", "webauthn_register_displayname": "k", "webauthn_register": framed.Attest(k.Keys()[0], value(t, f.Answer, "webauthn_register_trigger")),
			})
			refused(t, "adding a security key", f, a, 4000043)
		})
	}
}

func TestAnOldSignInNeitherAddsNorRemovesAKey(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := house(t, second, "    settings: {privileged_session_max_age: 1ns}\n")
			k := key(t)
			c := s.Client(kind)
			signUp(t, c, k, email)
			f := c.Start("settings", "")
			for about, fields := range map[string]map[string]any{
				"adding a passkey":        {"method": "passkey", "passkey_settings_register": key(t).Create(value(t, f.Answer, "passkey_create_data"))},
				"removing a passkey":      {"passkey_remove": "00"},
				"removing a security key": {"webauthn_remove": "00"},
				"adding a security key":   {"method": "webauthn", "webauthn_register_displayname": "k", "webauthn_register": "{}"},
			} {
				if kind == cardeatest.Native && strings.Contains(about, "security key") {
					continue // for browsers alone
				}
				a := f.Submit(fields)
				if a.ErrorID() != "session_refresh_required" && !strings.Contains(a.Location, "refresh=true") {
					t.Errorf("%s: %d %s %s", about, a.Status, a.Location, a.Body)
				}
			}
			if got := proofs(t, c); !slices.Equal(got, []string{"passkey aal1"}) {
				t.Errorf("the session stands on %v", got)
			}
		})
	}
}
