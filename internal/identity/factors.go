package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// New makes an identity that may sign in, with nothing known of it yet.
func New(id uuid.UUID, schemaID string, now time.Time) *Identity {
	return &Identity{
		ID: id, SchemaID: schemaID, State: Active, StateChangedAt: &now,
		Traits: json.RawMessage(`{}`), CreatedAt: now, UpdatedAt: now,
		Credentials: map[CredentialType]Credential{},
	}
}

// Factors says which of the methods that can be either count as what.
type Factors struct {
	CodeIsFirst      bool // passwordless sign-in by code
	CodeIsSecond     bool // code as second factor
	WebAuthnIsSecond bool // security keys are not passwordless
	PasskeyIsBoth    bool // passkeys that verify their user are two factors at once
	// Off are the types whose method is switched off: nobody can use what they have
	// of them.
	Off []CredentialType
}

// Usable says whether a credential is more than the empty row that a schema
// makes: the rule by which levels are computed and sign-in is offered.
func (c Credential) Usable() bool {
	var config struct {
		HashedPassword string            `json:"hashed_password"`
		MigrationHook  bool              `json:"use_password_migration_hook"`
		Apps           []json.RawMessage `json:"apps"`
		RecoveryCodes  []json.RawMessage `json:"recovery_codes"`
		Credentials    []json.RawMessage `json:"credentials"`
		Providers      []json.RawMessage `json:"providers"`
		Addresses      []json.RawMessage `json:"addresses"`
	}
	if len(c.Config) == 0 || json.Unmarshal(c.Config, &config) != nil {
		return false
	}
	switch c.Type {
	case Password:
		return len(c.Identifiers) > 0 && (config.HashedPassword != "" || config.MigrationHook)
	case TOTP:
		return len(config.Apps) > 0
	case LookupSecret:
		return len(config.RecoveryCodes) > 0
	case WebAuthn, Passkey:
		return len(config.Credentials) > 0
	case OIDC, SAML:
		return len(config.Providers) > 0
	case Code:
		return len(config.Addresses) > 0
	}
	return false
}

// HighestAAL is the level an identity's credentials can reach: aal2 with any
// usable second factor, else aal1 with any usable first one, else aal0.
func HighestAAL(i *Identity, f Factors) string {
	level := "aal0"
	for t, c := range i.Credentials {
		if !c.Usable() || slices.Contains(f.Off, t) {
			continue
		}
		switch {
		case t == TOTP, t == LookupSecret, t == Code && f.CodeIsSecond, t == WebAuthn && f.WebAuthnIsSecond && c.hasKey(secondFactorKey),
			t == Passkey && f.PasskeyIsBoth && c.hasKey(verifying):
			return "aal2"
		case t == Code && !f.CodeIsFirst, t == WebAuthn && !c.hasKey(passwordless):
		default:
			level = "aal1"
		}
	}
	return level
}

// SecondFactors lists the types of credentials that an identity can show a second
// factor with, however that is configured.
func (i *Identity) SecondFactors() []CredentialType {
	var all []CredentialType
	for t, c := range i.Credentials {
		switch {
		case (t == TOTP || t == LookupSecret || t == Code) && c.Usable(), t == WebAuthn && c.hasKey(secondFactorKey), t == Passkey && c.hasKey(verifying):
			all = append(all, t)
		}
	}
	return all
}

// Lost are the second factors of before that an identity has no more, as evidence
// names them.
func (i *Identity) Lost(before []CredentialType) []string {
	var lost []string
	now := i.SecondFactors()
	for _, t := range before {
		if !slices.Contains(now, t) {
			lost = append(lost, string(t))
		}
	}
	return lost
}

// hasKey says whether the credential has a security key of a sort.
func (c Credential) hasKey(sort func(json.RawMessage) bool) bool {
	return slices.ContainsFunc(configOf[keysConfig](c).Credentials, sort)
}

// SignInHints lists how an identity can sign in: credential types in
// alphabetical order and the providers it is linked with. A nil identity has
// none.
func SignInHints(i *Identity) (types, providers []string) {
	types, providers = []string{}, []string{}
	if i == nil {
		return types, providers
	}
	for t, c := range i.Credentials {
		switch {
		case t == Password && c.Usable(), t == Code, t == OIDC && c.Usable(), t == Passkey && c.Usable(),
			t == WebAuthn && strings.Contains(string(c.Config), `"is_passwordless":true`):
			types = append(types, string(t))
		}
		if t == OIDC {
			for _, id := range c.Identifiers {
				provider, _, _ := strings.Cut(id, ":")
				providers = append(providers, provider)
			}
		}
	}
	slices.Sort(types)
	slices.Sort(providers)
	return types, slices.Compact(providers)
}
