package identity

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"
)

// Upgraded is how a stored credential is shown: in the newest version of its
// format. Rows are not rewritten for it. Security keys get the user handle that
// they had before handles were stored: the identity's id.
func (c Credential) Upgraded(owner uuid.UUID) Credential {
	switch c.Type {
	case Password, Code, Passkey:
		c.Version = max(c.Version, 1)
	case WebAuthn:
		c.Version = max(c.Version, 1)
		members := configOf[map[string]json.RawMessage](c)
		if handle := configOf[keysConfig](c).UserHandle; len(handle) == 0 {
			if members == nil {
				members = map[string]json.RawMessage{}
			}
			members["user_handle"] = encode(owner[:])
			c.Config = encode(members)
		}
	}
	return c
}

// Revealed is a credential's config for an operator who asked to see it, in the
// contract's words; nil when there is nothing to see. What does not open is shown
// as "".
func (i *Identity) Revealed(c Credential, v Vault) json.RawMessage {
	switch c.Type {
	case OIDC, SAML:
		return i.revealedLinks(c, v)
	case TOTP:
		shown := struct {
			URL string `json:"totp_url"`
		}{}
		if apps := i.TOTPApps(v); len(apps) > 0 {
			shown.URL = apps[0].URL
		}
		return encode(shown)
	case LookupSecret:
		return encode(struct {
			Codes []LookupCode `json:"recovery_codes"`
		}{i.LookupCodes(v)})
	}
	return c.Config
}

func (i *Identity) revealedLinks(c Credential, v Vault) json.RawMessage {
	stored := configOf[struct {
		Providers []oidcLink `json:"providers"`
	}](c)
	if len(stored.Providers) == 0 {
		return nil
	}
	var shown linksConfig
	for _, l := range stored.Providers {
		if c.Type == SAML {
			shown.Providers = append(shown.Providers, encode(l.Link))
			continue
		}
		for _, token := range []*string{&l.IDToken, &l.AccessToken, &l.RefreshToken} {
			*token, _ = v.Open(ProviderToken, i.ID, *token)
		}
		shown.Providers = append(shown.Providers, encode(l))
	}
	return encode(shown)
}

// Known says whether a word names a type of credentials that can be stored.
func (t CredentialType) Known() bool {
	return slices.Contains(CredentialTypes(), t)
}

// CredentialTypes are the types of credentials that can be stored.
func CredentialTypes() []CredentialType {
	return []CredentialType{Password, OIDC, SAML, TOTP, LookupSecret, WebAuthn, Code, Passkey}
}
