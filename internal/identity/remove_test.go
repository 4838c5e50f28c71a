package identity_test

import (
	"encoding/json"
	"testing"

	"cardea/internal/identity"
)

func withCredentials(configs map[identity.CredentialType]string) *identity.Identity {
	i := &identity.Identity{ID: id(900), Credentials: map[identity.CredentialType]identity.Credential{}}
	for ct, config := range configs {
		c := identity.Credential{ID: id(1), Type: ct, Config: json.RawMessage(config), CreatedAt: born, UpdatedAt: born}
		switch ct {
		case identity.OIDC, identity.SAML:
			c.Identifiers = []string{"p:1", "p:2"}
		default:
			c.Identifiers = []string{"a@ex.org"}
		}
		i.Credentials[ct] = c
	}
	return i
}

const (
	aPassword = `{"hashed_password":"x"}`
	twoLinks  = `{"providers":[{"provider":"p","subject":"1"},{"provider":"p","subject":"2"}]}`
	twoKeys   = `{"credentials":[{"id":"YQ==","is_passwordless":true},{"id":"Yg==","is_passwordless":false}]}`
	oneSecond = `{"credentials":[{"id":"Yg==","is_passwordless":false}]}`
	aCode     = `{"addresses":[{"channel":"email","address":"a@ex.org"}]}`
)

func TestRemoveCredential(t *testing.T) {
	type configs = map[identity.CredentialType]string
	for about, tc := range map[string]struct {
		have       configs
		remove     identity.CredentialType
		identifier string
		factors    identity.Factors
		status     int    // 0 for success
		left       string // config; "" when the credential is gone
	}{
		"one that is not there":                    {configs{}, identity.TOTP, "", identity.Factors{}, 404, ""},
		"a word that is no type":                   {configs{}, "magic", "", identity.Factors{}, 404, ""},
		"TOTP goes whatever else there is":         {configs{identity.TOTP: `{"apps":[{"sealed":"x"}]}`}, identity.TOTP, "", identity.Factors{}, 0, ""},
		"lookup secrets go":                        {configs{identity.LookupSecret: `{"recovery_codes":[1]}`}, identity.LookupSecret, "", identity.Factors{}, 0, ""},
		"the only password stays":                  {configs{identity.Password: aPassword, identity.TOTP: `{"apps":[{"sealed":"x"}]}`}, identity.Password, "", identity.Factors{}, 400, aPassword},
		"codes as second factor are no way in":     {configs{identity.Password: aPassword, identity.Code: aCode}, identity.Password, "", identity.Factors{CodeIsSecond: true}, 400, aPassword},
		"a password goes when codes are a way in":  {configs{identity.Password: aPassword, identity.Code: aCode}, identity.Password, "", identity.Factors{CodeIsFirst: true}, 0, `{}`},
		"a password goes when a link stays":        {configs{identity.Password: aPassword, identity.OIDC: twoLinks}, identity.Password, "", identity.Factors{}, 0, `{}`},
		"a link without saying which":              {configs{identity.OIDC: twoLinks}, identity.OIDC, "", identity.Factors{}, 400, twoLinks},
		"a link that is not there":                 {configs{identity.OIDC: twoLinks}, identity.OIDC, "p:3", identity.Factors{}, 404, twoLinks},
		"one of two links goes":                    {configs{identity.OIDC: twoLinks}, identity.OIDC, "p:1", identity.Factors{}, 0, `{"providers":[{"provider":"p","subject":"2"}]}`},
		"the last first factor is checked earlier": {configs{identity.OIDC: `{"providers":[{"provider":"p","subject":"1"}]}`}, identity.OIDC, "", identity.Factors{}, 400, `{"providers":[{"provider":"p","subject":"1"}]}`},
		"the last link goes when a password stays": {configs{identity.SAML: `{"providers":[{"provider":"p","subject":"1"}]}`, identity.Password: aPassword}, identity.SAML, "p:1", identity.Factors{}, 0, `{"providers":[]}`},
		"passwordless keys stay":                   {configs{identity.WebAuthn: twoKeys}, identity.WebAuthn, "", identity.Factors{}, 0, `{"credentials":[{"id":"YQ==","is_passwordless":true}]}`},
		"the identifiers of no key stay taken":     {configs{identity.WebAuthn: oneSecond}, identity.WebAuthn, "", identity.Factors{}, 0, `{}`},
		"codes cannot go":                          {configs{identity.Code: aCode, identity.Password: aPassword}, identity.Code, "", identity.Factors{CodeIsFirst: true}, 400, aCode},
		"passkeys cannot go":                       {configs{identity.Passkey: twoKeys}, identity.Passkey, "", identity.Factors{}, 400, twoKeys},
	} {
		i := withCredentials(tc.have)
		err := i.RemoveCredential(tc.remove, tc.identifier, tc.factors, now)
		if status(err) != tc.status || (err == nil) != (tc.status == 0) {
			t.Errorf("%s: %v", about, err)
		}
		if got := string(i.Credentials[tc.remove].Config); got != tc.left {
			t.Errorf("%s: %q is left", about, got)
		}
	}
}

func TestARemovedLinkGivesItsIdentifierBack(t *testing.T) {
	i := withCredentials(map[identity.CredentialType]string{identity.OIDC: twoLinks})
	if err := i.RemoveCredential(identity.OIDC, "p:1", identity.Factors{}, now); err != nil {
		t.Fatal(err)
	}
	if got := i.Credentials[identity.OIDC].Identifiers; len(got) != 1 || got[0] != "p:2" {
		t.Error(got)
	}
}

func TestUpgradedShowsTheNewestVersion(t *testing.T) {
	for ct, want := range map[identity.CredentialType]int{
		identity.Password: 1, identity.Code: 1, identity.WebAuthn: 1, identity.Passkey: 1, identity.TOTP: 0, identity.OIDC: 0, identity.LookupSecret: 0,
	} {
		if got := (identity.Credential{Type: ct}).Upgraded(id(1)).Version; got != want {
			t.Errorf("%s is shown in version %d", ct, got)
		}
	}
	c := identity.Credential{Type: identity.WebAuthn, Config: json.RawMessage(`{}`)}
	if got := string(c.Upgraded(id(1)).Config); got != `{"user_handle":"AAAAAAAAAAAAAAAAAAAAAQ=="}` {
		t.Errorf("keys without a handle are shown as %s", got)
	}
	if string(c.Config) != `{}` {
		t.Error("showing changed the row")
	}
}

func TestRevealedLinksNeverShowSealedTokens(t *testing.T) {
	v, i := vault(t), &identity.Identity{ID: id(1)}
	sealed, err := v.Seal(identity.ProviderToken, i.ID, "opened")
	if err != nil {
		t.Fatal(err)
	}
	stored := `{"providers":[{"provider":"p","subject":"1","initial_access_token":"` + sealed + `","initial_id_token":"broken","secret":"x"}]}`
	for ct, want := range map[identity.CredentialType]string{
		identity.OIDC:     `{"providers":[{"initial_id_token":"","initial_access_token":"opened","initial_refresh_token":"","subject":"1","provider":"p"}]}`,
		identity.SAML:     `{"providers":[{"subject":"1","provider":"p"}]}`,
		identity.Password: stored,
	} {
		if got := string(i.Revealed(identity.Credential{Type: ct, Config: json.RawMessage(stored)}, v)); got != want {
			t.Errorf("%s: %s", ct, got)
		}
	}
	if got := i.Revealed(identity.Credential{Type: identity.OIDC, Config: json.RawMessage(`{"providers":[]}`)}, v); got != nil {
		t.Errorf("no links are shown as %s", got)
	}
}
