package identity

import (
	"encoding/json"
	"slices"
	"time"

	"cardea/internal/problem"
)

// RemoveCredential takes a way in from the identity.
//
//   - Second factors simply go: TOTP, lookup secrets, and those security keys that
//     are not passwordless.
//   - A password or one link to a provider (named by identifier) may only go when
//     another first factor stays.
//   - Everything else cannot be removed on its own.
//
// What the schema derives from traits keeps its identifiers, so that nobody else
// can take them.
func (i *Identity) RemoveCredential(t CredentialType, identifier string, f Factors, now time.Time) error {
	c, exists := i.Credentials[t]
	if !exists {
		return problem.NotFound("The identity has no credential of this type.")
	}
	switch t {
	case TOTP, LookupSecret:
		delete(i.Credentials, t)
		return nil
	case WebAuthn:
		i.removeSecondFactorKeys(c, now)
		return nil
	case Password, OIDC, SAML:
	default:
		return problem.BadRequest("Credentials of this type cannot be deleted.")
	}
	if i.FirstFactors(f) < 2 {
		return problem.BadRequest("This is the last credential that the identity can sign in with.")
	}
	c.UpdatedAt = now
	if t == Password {
		c.Config = json.RawMessage(`{}`)
	} else if err := c.unlink(identifier); err != nil {
		return err
	}
	i.Credentials[t] = c
	return nil
}

func (i *Identity) removeSecondFactorKeys(c Credential, now time.Time) {
	config := configOf[keysConfig](c)
	config.Credentials = slices.DeleteFunc(slices.Clone(config.Credentials), func(raw json.RawMessage) bool { return !passwordless(raw) })
	switch {
	case len(config.Credentials) > 0:
		c.Config = encode(config)
	case len(c.Identifiers) > 0:
		c.Config = json.RawMessage(`{}`)
	default:
		delete(i.Credentials, WebAuthn)
		return
	}
	c.UpdatedAt = now
	i.Credentials[WebAuthn] = c
}

func passwordless(raw json.RawMessage) bool {
	var key struct {
		IsPasswordless bool `json:"is_passwordless"`
	}
	return json.Unmarshal(raw, &key) == nil && key.IsPasswordless
}

func secondFactorKey(raw json.RawMessage) bool { return !passwordless(raw) }

// verifying says whether a key has verified its user when it was made.
func verifying(raw json.RawMessage) bool {
	var key struct {
		Flags KeyFlags `json:"flags"`
	}
	return json.Unmarshal(raw, &key) == nil && key.Flags.UserVerified
}

func (c *Credential) unlink(identifier string) error {
	if identifier == "" {
		return problem.BadRequest("The query has to name the link to remove: identifier=<provider>:<subject>.")
	}
	config := configOf[linksConfig](*c)
	at := slices.IndexFunc(config.Providers, func(raw json.RawMessage) bool {
		var l Link
		return json.Unmarshal(raw, &l) == nil && l.identifier() == identifier
	})
	if at < 0 {
		return problem.NotFound("The identity has no such link.")
	}
	config.Providers = slices.Delete(slices.Clone(config.Providers), at, at+1)
	c.Config = encode(config)
	c.Identifiers = slices.DeleteFunc(slices.Clone(c.Identifiers), func(id string) bool { return id == identifier })
	return nil
}

// FirstFactors counts the ways to sign in: every linked provider and every
// passwordless key is one of its own.
func (i *Identity) FirstFactors(f Factors) int {
	n := 0
	for t, c := range i.Credentials {
		if !c.Usable() {
			continue
		}
		switch t {
		case Password:
			n++
		case Code:
			if f.CodeIsFirst {
				n++
			}
		case OIDC, SAML:
			n += len(configOf[linksConfig](c).Providers)
		case Passkey:
			n += len(configOf[keysConfig](c).Credentials)
		case WebAuthn:
			for _, raw := range configOf[keysConfig](c).Credentials {
				if passwordless(raw) {
					n++
				}
			}
		}
	}
	return n
}
