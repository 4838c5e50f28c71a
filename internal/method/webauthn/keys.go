package webauthn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	gowebauthn "github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
)

// keyring is a credential of an identity with its keys unpacked. Its JSON is the
// contract's.
type keyring struct {
	Keys   []identity.SecurityKey `json:"credentials"`
	Handle []byte                 `json:"user_handle,omitempty"`

	row identity.Credential
}

// ringOf reads a credential. What cannot be read is an error, because writing it
// back would lose keys.
func ringOf(i *identity.Identity, t identity.CredentialType) (keyring, error) {
	r := keyring{row: i.Credentials[t]}
	r.row.Type = t
	if len(r.row.Config) > 0 {
		if err := json.Unmarshal(r.row.Config, &r); err != nil {
			return r, fmt.Errorf("read the %s keys of %s: %w", t, i.ID, err)
		}
	}
	return r, nil
}

// put writes the keyring into an identity.
func (r keyring) put(i *identity.Identity, now time.Time) error {
	if r.Keys == nil {
		r.Keys = []identity.SecurityKey{}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	r.row.Config, r.row.UpdatedAt = raw, now
	if r.row.CreatedAt.IsZero() {
		r.row.CreatedAt = now
	}
	i.Credentials = maps.Clone(i.Credentials)
	if i.Credentials == nil {
		i.Credentials = map[identity.CredentialType]identity.Credential{}
	}
	i.Credentials[r.row.Type] = r.row
	return nil
}

// index finds a key, -1 when it is not there.
func (r keyring) index(id []byte) int {
	return slices.IndexFunc(r.Keys, func(k identity.SecurityKey) bool { return bytes.Equal(k.ID, id) })
}

// those gives the keys that match.
func (r keyring) those(match func(identity.SecurityKey) bool) []identity.SecurityKey {
	return slices.DeleteFunc(slices.Clone(r.Keys), func(k identity.SecurityKey) bool { return !match(k) })
}

func isFirst(k identity.SecurityKey) bool  { return k.IsPasswordless }
func isSecond(k identity.SecurityKey) bool { return !k.IsPasswordless }

// forLevel is which keys prove a level.
func forLevel(level session.AAL) func(identity.SecurityKey) bool {
	if level == session.AAL2 {
		return isSecond
	}
	return isFirst
}

// levelOf is what a key proves: what it was enrolled for. The configuration of
// today does not make a second factor of a first one.
func levelOf(k identity.SecurityKey) session.AAL {
	if k.IsPasswordless {
		return session.AAL1
	}
	return session.AAL2
}

// knows says whether a user handle is the account's. Keys of accounts without a
// stored handle were made under the identity's id.
func (r keyring) knows(owner uuid.UUID, handle []byte) bool {
	return len(r.Handle) > 0 && bytes.Equal(r.Handle, handle) || bytes.Equal(owner[:], handle)
}

// account is an owner of keys as the library wants to see one.
type account struct {
	handle []byte
	name   string
	keys   []gowebauthn.Credential
}

func (a account) WebAuthnID() []byte                           { return a.handle }
func (a account) WebAuthnName() string                         { return a.name }
func (a account) WebAuthnDisplayName() string                  { return a.name }
func (a account) WebAuthnCredentials() []gowebauthn.Credential { return a.keys }

// libraryKey is a stored key in the library's words. Keys of old rows have no
// flags: whether they can be backed up is believed once, of the first answer.
func libraryKey(k identity.SecurityKey, answered protocol.AuthenticatorFlags) gowebauthn.Credential {
	flags := gowebauthn.CredentialFlags{BackupEligible: answered.HasBackupEligible(), BackupState: answered.HasBackupState()}
	if k.Flags != nil {
		flags = gowebauthn.CredentialFlags{
			UserPresent: k.Flags.UserPresent, UserVerified: k.Flags.UserVerified,
			BackupEligible: k.Flags.BackupEligible, BackupState: k.Flags.BackupState,
		}
	}
	return gowebauthn.Credential{
		ID: k.ID, PublicKey: k.PublicKey, AttestationFormat: k.AttestationType, Transport: transports(k.Transport), Flags: flags,
		Authenticator: gowebauthn.Authenticator{AAGUID: k.Authenticator.AAGUID, SignCount: k.Authenticator.SignCount, CloneWarning: k.Authenticator.CloneWarning},
	}
}

// storedKey is a new key as it is stored. An attestation that says nothing is not
// kept.
func storedKey(c *gowebauthn.Credential, name string, first bool, now time.Time) identity.SecurityKey {
	k := identity.SecurityKey{
		ID: c.ID, PublicKey: c.PublicKey, AttestationType: c.AttestationFormat,
		Authenticator: identity.Authenticator{AAGUID: c.Authenticator.AAGUID, SignCount: c.Authenticator.SignCount},
		DisplayName:   name, AddedAt: now, IsPasswordless: first,
		Flags: &identity.KeyFlags{
			UserPresent: c.Flags.UserPresent, UserVerified: c.Flags.UserVerified,
			BackupEligible: c.Flags.BackupEligible, BackupState: c.Flags.BackupState,
		},
	}
	for _, t := range c.Transport {
		k.Transport = append(k.Transport, string(t))
	}
	if c.AttestationFormat != "none" {
		k.Attestation = &identity.KeyAttestation{
			ClientDataJSON: c.Attestation.ClientDataJSON, ClientDataHash: c.Attestation.ClientDataHash,
			AuthenticatorData: c.Attestation.AuthenticatorData, PublicKeyAlgorithm: c.Attestation.PublicKeyAlgorithm,
			Object: c.Attestation.Object,
		}
	}
	return k
}

func transports(names []string) []protocol.AuthenticatorTransport {
	var all []protocol.AuthenticatorTransport
	for _, n := range names {
		all = append(all, protocol.AuthenticatorTransport(n))
	}
	return all
}

// used is a key after it has answered: the counter forward, the state of its
// backup, and whether a copy of it may be around (section 6.1.1).
func used(k identity.SecurityKey, answer *gowebauthn.Credential) identity.SecurityKey {
	k.Authenticator.SignCount = max(k.Authenticator.SignCount, answer.Authenticator.SignCount)
	k.Authenticator.CloneWarning = k.Authenticator.CloneWarning || answer.Authenticator.CloneWarning
	flags := identity.KeyFlags{UserPresent: answer.Flags.UserPresent, UserVerified: answer.Flags.UserVerified, BackupEligible: answer.Flags.BackupEligible}
	if k.Flags != nil {
		flags = *k.Flags
	}
	flags.BackupState = answer.Flags.BackupState
	k.Flags = &flags
	return k
}
