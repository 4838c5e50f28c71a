package httpapi

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// The bodies that operators send.

// createBody is a new identity.
type createBody struct {
	SchemaID            string           `json:"schema_id"`
	Traits              json.RawMessage  `json:"traits"`
	Credentials         credentialsBody  `json:"credentials"`
	VerifiableAddresses []verifiableBody `json:"verifiable_addresses"`
	RecoveryAddresses   []recoveryBody   `json:"recovery_addresses"`
	MetadataPublic      json.RawMessage  `json:"metadata_public"`
	MetadataAdmin       json.RawMessage  `json:"metadata_admin"`
	State               identity.State   `json:"state"`
	OrganizationID      *uuid.UUID       `json:"organization_id"`
	ExternalID          string           `json:"external_id"`
	Region              string           `json:"region"`
}

// replaceBody is an identity that replaces another.
type replaceBody struct {
	SchemaID       string          `json:"schema_id"`
	State          identity.State  `json:"state"`
	Traits         json.RawMessage `json:"traits"`
	MetadataPublic json.RawMessage `json:"metadata_public"`
	MetadataAdmin  json.RawMessage `json:"metadata_admin"`
	ExternalID     string          `json:"external_id"`
	Credentials    credentialsBody `json:"credentials"`
	Region         string          `json:"region"`
}

// batchBody is many identities at once.
type batchBody struct {
	Identities []struct {
		Create  *createBody `json:"create"`
		PatchID *uuid.UUID  `json:"patch_id"`
	} `json:"identities"`
}

// operationBody is one operation of a JSON Patch.
type operationBody struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// bulkBody is an action on many sessions.
type bulkBody struct {
	Action     string   `json:"action"`
	Identities []string `json:"identities"`
	Sessions   []string `json:"sessions"`
}

// verifiableBody takes an address as it is shown; its dates start anew.
type verifiableBody struct {
	ID         uuid.UUID              `json:"id"`
	Value      string                 `json:"value"`
	Verified   bool                   `json:"verified"`
	Via        identity.Channel       `json:"via"`
	Status     identity.AddressStatus `json:"status"`
	VerifiedAt *time.Time             `json:"verified_at"`
	CreatedAt  *time.Time             `json:"created_at"`
	UpdatedAt  *time.Time             `json:"updated_at"`
}

func (b verifiableBody) address(now time.Time) (identity.VerifiableAddress, error) {
	return identity.VerifiableAddress{
		ID: b.ID, Value: b.Value, Via: b.Via, Verified: b.Verified, Status: b.Status, VerifiedAt: b.VerifiedAt,
	}.Settled(now)
}

type recoveryBody struct {
	ID         uuid.UUID        `json:"id"`
	Value      string           `json:"value"`
	Via        identity.Channel `json:"via"`
	BreakGlass *uuid.UUID       `json:"break_glass_for_organization"`
	CreatedAt  *time.Time       `json:"created_at"`
	UpdatedAt  *time.Time       `json:"updated_at"`
}

func (b recoveryBody) address() (identity.RecoveryAddress, error) {
	return identity.RecoveryAddress{ID: b.ID, Value: b.Value, Via: b.Via, BreakGlass: b.BreakGlass}.Settled()
}

// credentialsBody are imported credentials by type.
type credentialsBody struct {
	Password *configured[struct {
		Hashed string `json:"hashed_password"`
		Plain  string `json:"password"`
		Hook   bool   `json:"use_password_migration_hook"`
	}] `json:"password"`
	OIDC *configured[linksBody] `json:"oidc"`
	SAML *configured[linksBody] `json:"saml"`
	TOTP *configured[struct {
		URL string `json:"totp_url"`
	}] `json:"totp"`
	LookupSecret *configured[struct {
		Codes []identity.LookupCode `json:"codes"`
	}] `json:"lookup_secret"`
	WebAuthn *configured[keysBody] `json:"webauthn"`
	Passkey  *passkeysBody         `json:"passkey"`
}

type configured[T any] struct {
	Config T `json:"config"`
}

type linksBody struct {
	Providers []identity.Link `json:"providers"`
}

type keysBody struct {
	Credentials []identity.SecurityKey `json:"credentials"`
	UserHandle  []byte                 `json:"user_handle"`
}

// passkeysBody takes passkeys as they are shown, with all handles that lead to them.
type passkeysBody struct {
	configured[keysBody]
	Identifiers []string `json:"identifiers"`
}

// hasPlainPassword says whether importing takes a hash to be made.
func (b *credentialsBody) hasPlainPassword() bool {
	return b.Password != nil && !b.Password.Config.Hook && b.Password.Config.Plain != ""
}

// imports is the body in the words of the domain.
func (b *credentialsBody) imports() *identity.Imports {
	m := &identity.Imports{}
	if p := b.Password; p != nil {
		m.Password = &identity.PasswordImport{MigrationHook: p.Config.Hook, Plain: p.Config.Plain, Hash: p.Config.Hashed}
	}
	if b.OIDC != nil {
		m.OIDC = b.OIDC.Config.Providers
	}
	if b.SAML != nil {
		m.SAML = b.SAML.Config.Providers
	}
	if b.TOTP != nil {
		m.TOTPURL = &b.TOTP.Config.URL
	}
	if b.LookupSecret != nil {
		m.LookupSecret = b.LookupSecret.Config.Codes
	}
	if b.WebAuthn != nil {
		m.WebAuthn = b.WebAuthn.Config.imports()
	}
	if b.Passkey != nil {
		m.Passkey = b.Passkey.Config.imports()
		m.Passkey.Handles = b.Passkey.Identifiers
	}
	return m
}

func (b keysBody) imports() *identity.KeyImport {
	return &identity.KeyImport{Keys: b.Credentials, UserHandle: b.UserHandle}
}
