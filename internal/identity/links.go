package identity

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// LinkTokens are what a provider gave when a link was made; "" for what it did not
// give. They are never refreshed.
type LinkTokens struct{ ID, Access, Refresh string }

// SealedLink is a link as rows keep it, with its tokens sealed for one account.
type SealedLink struct{ raw json.RawMessage }

// MarshalJSON shows the sealed form.
func (s SealedLink) MarshalJSON() ([]byte, error) { return s.raw, nil }

// UnmarshalJSON takes the sealed form.
func (s *SealedLink) UnmarshalJSON(raw []byte) error {
	s.raw = slices.Clone(raw)
	return nil
}

// SealLink prepares a link to a provider for an account.
func SealLink(v Vault, owner uuid.UUID, l Link, t LinkTokens) (SealedLink, error) {
	entry := oidcLink{Link: l}
	for _, token := range []struct {
		plain  string
		sealed *string
	}{{t.ID, &entry.IDToken}, {t.Access, &entry.AccessToken}, {t.Refresh, &entry.RefreshToken}} {
		if token.plain == "" {
			continue
		}
		var err error
		if *token.sealed, err = v.Seal(ProviderToken, owner, token.plain); err != nil {
			return SealedLink{}, err
		}
	}
	return SealedLink{encode(entry)}, nil
}

// AddLink adds a link to the account's credential. One that the account has is
// replaced: the tokens are newer. newID names a row that is not there yet.
func (i *Identity) AddLink(s SealedLink, now time.Time, newID func() uuid.UUID) error {
	var l Link
	if err := json.Unmarshal(s.raw, &l); err != nil {
		return err
	}
	c := i.Credentials[OIDC]
	config := configOf[linksConfig](c)
	config.Providers = slices.DeleteFunc(slices.Clone(config.Providers), func(raw json.RawMessage) bool {
		var other Link
		return json.Unmarshal(raw, &other) == nil && other.identifier() == l.identifier()
	})
	config.Providers = append(config.Providers, s.raw)
	born(&c.ID, &c.CreatedAt, &c.UpdatedAt, now, newID)
	c.Type, c.UpdatedAt, c.Config = OIDC, now, encode(config)
	if !slices.Contains(c.Identifiers, l.identifier()) {
		c.Identifiers = append(slices.Clone(c.Identifiers), l.identifier())
	}
	if i.Credentials == nil {
		i.Credentials = map[CredentialType]Credential{}
	}
	i.Credentials[OIDC] = c
	return nil
}

// Links are the account's links to providers that lead to it: those whose
// identifier is there, too.
func (i *Identity) Links() []Link {
	c := i.Credentials[OIDC]
	var links []Link
	for _, raw := range configOf[linksConfig](c).Providers {
		var l Link
		if json.Unmarshal(raw, &l) == nil && slices.Contains(c.Identifiers, l.identifier()) {
			links = append(links, l)
		}
	}
	return links
}

// Unlink takes all links to a provider from the account. The row stays. The errors
// are problems: 404 without any row, 400 for a provider that is not linked and for
// the last way in.
func (i *Identity) Unlink(provider string, f Factors, now time.Time) error {
	if _, exists := i.Credentials[OIDC]; !exists {
		return problem.NotFound("The account is not linked to any provider.")
	}
	linked := false
	for _, l := range i.Links() {
		if l.Provider != provider {
			continue
		}
		linked = true
		if i.FirstFactors(f) < 2 {
			return problem.BadRequest("This is the last way to sign in to the account.")
		}
		if err := i.RemoveCredential(OIDC, l.identifier(), f, now); err != nil {
			return err
		}
	}
	if !linked {
		return problem.BadRequest("The account is not linked to this provider.")
	}
	return nil
}

// Prove marks those addresses of an account as verified that somebody who can tell
// vouches for. Addresses that the account does not have are none of its business.
func (i *Identity) Prove(proven []Address, now time.Time) {
	for n, a := range i.VerifiableAddresses {
		if slices.Contains(proven, Address{Value: a.Value, Via: a.Via}) && !a.Verified {
			a.Verified, a.Status, a.VerifiedAt = true, AddressCompleted, &now
			i.VerifiableAddresses[n] = a
		}
	}
}
