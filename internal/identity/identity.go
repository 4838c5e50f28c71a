// Package identity owns what is known of a person or a thing that can sign in:
// the identity, its credentials and its addresses, and the rules by which a
// change of traits changes the rest. It knows no SQL, no HTTP and no
// configuration file.
//
// Invariants: identifiers and addresses are normalised before they are stored;
// Traits is always a JSON object; a credential's map key equals its Type.
package identity

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// State says whether an identity may sign in.
type State string

// The two states of an identity.
const (
	Active   State = "active"
	Inactive State = "inactive"
)

// CredentialType names a way to prove who one is. The values are the contract's.
type CredentialType string

// The credential types that are stored. The order of AllTypes is the order in
// which they are offered.
const (
	Password     CredentialType = "password"
	OIDC         CredentialType = "oidc"
	SAML         CredentialType = "saml"
	TOTP         CredentialType = "totp"
	LookupSecret CredentialType = "lookup_secret"
	WebAuthn     CredentialType = "webauthn"
	Code         CredentialType = "code"
	Passkey      CredentialType = "passkey"
)

// Identity is the aggregate: one row of its own and all that hangs on it.
type Identity struct {
	ID             uuid.UUID
	ExternalID     string // unique when not empty; at most 64 bytes
	SchemaID       string
	State          State
	StateChangedAt *time.Time
	Traits         json.RawMessage // a JSON object
	MetadataPublic json.RawMessage // any JSON; nil when unset
	MetadataAdmin  json.RawMessage // any JSON; nil when unset
	OrganizationID *uuid.UUID
	AvailableAAL   string // highest level its credentials can reach: aal0, aal1, aal2; "" unknown
	CreatedAt      time.Time
	UpdatedAt      time.Time

	Credentials         map[CredentialType]Credential // nil when not loaded
	VerifiableAddresses []VerifiableAddress
	RecoveryAddresses   []RecoveryAddress
	Search              []SearchValue // never loaded: nil leaves what is stored
	SearchStamp         string        // of the description that Search follows; see Derived
}

// Credential is one way in. Config is private data of its method.
type Credential struct {
	ID          uuid.UUID
	Type        CredentialType
	Identifiers []string
	Config      json.RawMessage
	Version     int
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Channel is how an address is reached.
type Channel string

// The channels of addresses.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// AddressStatus says how far the proof of an address has come.
type AddressStatus string

// The states of a verifiable address.
const (
	AddressPending   AddressStatus = "pending"
	AddressSent      AddressStatus = "sent"
	AddressCompleted AddressStatus = "completed"
)

// VerifiableAddress is an address whose owner can prove that it is theirs.
type VerifiableAddress struct {
	ID         uuid.UUID
	Value      string // normalised
	Via        Channel
	Verified   bool
	VerifiedAt *time.Time
	Status     AddressStatus
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// RecoveryAddress is an address over which an account can be won back.
type RecoveryAddress struct {
	ID    uuid.UUID
	Value string // normalised
	Via   Channel
	// BreakGlass is the organization of the account around whose connections the
	// address leads back into it, nil for none: an operator's word for the day on which
	// they cannot be used.
	BreakGlass *uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// BreaksGlass says whether an address of the account leads around the connections of
// its organization.
func (i *Identity) BreaksGlass(address Address) bool {
	return i.OrganizationID != nil && slices.ContainsFunc(i.RecoveryAddresses, func(a RecoveryAddress) bool {
		return a.Value == address.Value && a.Via == address.Via && a.BreakGlass != nil && *a.BreakGlass == *i.OrganizationID
	})
}

// SameOrganization compares ids that may be missing.
func SameOrganization(a, b *uuid.UUID) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
