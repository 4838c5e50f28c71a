package identity

import (
	"encoding/base64"
	"io"

	"github.com/google/uuid"

	"cardea/internal/secret"
)

// Vault seals what credentials share with their owner's devices and therefore have
// to keep readable: keys of authenticator apps, backup codes, tokens of providers.
// What is sealed for one account and one use opens for no other.
type Vault struct {
	Keys *secret.Keyring
	Rand io.Reader // only sealing draws from it
}

// What is sealed in rows.
const (
	totpLabel   secret.Label = "totp key"
	lookupLabel secret.Label = "backup code"

	// ProviderToken is a token that came with a link to a provider.
	ProviderToken secret.Label = "provider token"
)

// Seal hides a text of an account; what comes out is base64.
func (v Vault) Seal(use secret.Label, owner uuid.UUID, text string) (string, error) {
	sealed, err := v.Keys.Seal(v.Rand, use, []byte(text), owner[:])
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// Open is the way back from Seal. ok is false for what was sealed with a secret that
// is not configured any more, for another account, or for another use.
func (v Vault) Open(use secret.Label, owner uuid.UUID, sealed string) (text string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", false
	}
	plain, err := v.Keys.Open(use, raw, owner[:])
	return string(plain), err == nil
}

// sole puts a credential of a type of which an account has one, keeping its row.
func (i *Identity) sole(t CredentialType, config any) {
	c := i.Credentials[t]
	c.Type, c.Identifiers, c.Config = t, []string{i.ID.String()}, encode(config)
	if i.Credentials == nil {
		i.Credentials = map[CredentialType]Credential{}
	}
	i.Credentials[t] = c
}
