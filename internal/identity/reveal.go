package identity

import (
	"encoding/json"

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

// Revealed is a credential's config for an operator who asked to see it, nil when
// there is nothing to see. open opens a provider's sealed token; what does not open
// is shown as "". Everything else is shown as it is stored.
func (c Credential) Revealed(open func(sealed string) string) json.RawMessage {
	switch c.Type {
	case OIDC, SAML:
	default:
		return c.Config
	}
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
			if *token != "" {
				*token = open(*token)
			}
		}
		shown.Providers = append(shown.Providers, encode(l))
	}
	return encode(shown)
}

// Known says whether a word names a type of credentials that can be stored.
func (t CredentialType) Known() bool {
	switch t {
	case Password, OIDC, SAML, TOTP, LookupSecret, WebAuthn, Code, Passkey:
		return true
	}
	return false
}
