package identity

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The configs of credentials as far as this package reads or writes them. Their
// JSON is the contract's, in rows as well as in what operators send and see; only
// what a [Vault] seals looks different in rows. Lists whose entries belong to a
// method are kept as they are.

type passwordConfig struct {
	HashedPassword   string `json:"hashed_password"`
	UseMigrationHook bool   `json:"use_password_migration_hook,omitempty"`
}

type linksConfig struct {
	Providers []json.RawMessage `json:"providers"`
}

// Link is an account at an identity provider that leads to the identity.
type Link struct {
	Subject      string     `json:"subject"`
	Provider     string     `json:"provider"`
	Organization *uuid.UUID `json:"organization,omitempty"`
	UseAutoLink  bool       `json:"use_auto_link,omitempty"`
}

// identifier is case-sensitive: both halves belong to somebody else.
func (l Link) identifier() string { return l.Provider + ":" + l.Subject }

// oidcLink is a link with the tokens of the moment when it was made. In rows they
// are sealed.
type oidcLink struct {
	IDToken      string `json:"initial_id_token"`
	AccessToken  string `json:"initial_access_token"`
	RefreshToken string `json:"initial_refresh_token"`
	Link
}

type keysConfig struct {
	Credentials []json.RawMessage `json:"credentials"`
	UserHandle  []byte            `json:"user_handle,omitempty"`
}

// SecurityKey is a WebAuthn credential: a security key or a passkey. Its binary
// fields are standard base64 in JSON.
type SecurityKey struct {
	ID              []byte          `json:"id"`
	PublicKey       []byte          `json:"public_key"` // COSE
	AttestationType string          `json:"attestation_type"`
	Authenticator   Authenticator   `json:"authenticator"`
	DisplayName     string          `json:"display_name"`
	AddedAt         time.Time       `json:"added_at"`
	IsPasswordless  bool            `json:"is_passwordless"`
	Flags           *KeyFlags       `json:"flags,omitempty"`
	Transport       []string        `json:"transport,omitempty"`
	Attestation     *KeyAttestation `json:"attestation,omitempty"`
}

// Authenticator is the device that holds a key (WebAuthn section 6.1).
type Authenticator struct {
	AAGUID       []byte `json:"aaguid"`
	SignCount    uint32 `json:"sign_count"`
	CloneWarning bool   `json:"clone_warning"`
}

// KeyFlags are what the authenticator said when the key was made.
type KeyFlags struct {
	UserPresent    bool `json:"user_present"`
	UserVerified   bool `json:"user_verified"`
	BackupEligible bool `json:"backup_eligible"`
	BackupState    bool `json:"backup_state"`
}

// KeyAttestation is the proof of a key's origin, kept for later examination.
type KeyAttestation struct {
	ClientDataJSON     []byte `json:"client_dataJSON"`
	ClientDataHash     []byte `json:"client_data_hash"`
	AuthenticatorData  []byte `json:"authenticator_data"`
	PublicKeyAlgorithm int64  `json:"public_key_algorithm"`
	Object             []byte `json:"object"`
}

// merge puts a key in the place of the one with the same id, or behind all others.
func (k *keysConfig) merge(key SecurityKey) {
	k.Credentials = slices.Clone(k.Credentials)
	for n, raw := range k.Credentials {
		var stored struct {
			ID []byte `json:"id"`
		}
		if json.Unmarshal(raw, &stored) == nil && bytes.Equal(stored.ID, key.ID) {
			k.Credentials[n] = encode(key)
			return
		}
	}
	k.Credentials = append(k.Credentials, encode(key))
}

// configOf reads a config; one that cannot be read counts as empty.
func configOf[T any](c Credential) T {
	var config T
	if len(c.Config) > 0 && json.Unmarshal(c.Config, &config) != nil {
		var empty T
		return empty
	}
	return config
}
