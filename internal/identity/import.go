package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// Imports are credentials that an operator brings along from elsewhere. What is
// nil or empty is not touched.
type Imports struct {
	Password     *PasswordImport
	OIDC, SAML   []Link
	TOTPURL      *string // an otpauth:// URI
	LookupSecret []LookupCode
	WebAuthn     *KeyImport
	Passkey      *KeyImport
}

// PasswordImport is one of: a promise that another system knows the password, the
// password itself, its hash. The first that is given counts.
type PasswordImport struct {
	MigrationHook bool
	Plain         string // replaced by its hash in Prepare
	Hash          string
}

// KeyImport are security keys or passkeys, and the handle under which the
// authenticators know the account; nil keeps the one that is stored. Handles are
// others by which passkeys know it: those of Kratos have one each.
type KeyImport struct {
	Keys       []SecurityKey
	UserHandle []byte
	Handles    []string
}

// PasswordImporter makes hashes of plain passwords and judges those that come from
// elsewhere. What it refuses is a *problem.Error with status 400.
type PasswordImporter interface {
	Hash(ctx context.Context, password string) (string, error)
	CheckImport(encoded string) error
}

// Prepare checks what does not depend on an identity, and hashes the password: the
// slow part, which must not run inside a transaction.
func (m *Imports) Prepare(ctx context.Context, passwords PasswordImporter) error {
	for _, l := range slices.Concat(m.OIDC, m.SAML) {
		if l.Provider == "" || l.Subject == "" {
			return problem.BadRequest("A link to a provider needs both provider and subject.")
		}
	}
	for _, c := range m.LookupSecret {
		if c.Code == "" {
			return problem.BadRequest("A lookup secret must not be empty.")
		}
	}
	if m.TOTPURL != nil {
		if _, err := ParseTOTPKey(*m.TOTPURL); err != nil {
			return err
		}
	}
	for _, k := range []*KeyImport{m.WebAuthn, m.Passkey} {
		if err := k.check(); err != nil {
			return err
		}
	}
	if m.Passkey != nil && len(m.Passkey.Keys) == 0 {
		return problem.BadRequest("An imported passkey credential needs at least one key.")
	}
	return m.Password.prepare(ctx, passwords)
}

func (p *PasswordImport) prepare(ctx context.Context, passwords PasswordImporter) (err error) {
	switch {
	case p == nil:
	case p.MigrationHook:
		p.Plain, p.Hash = "", ""
	case p.Plain != "":
		p.Hash, err = passwords.Hash(ctx, p.Plain)
		p.Plain = ""
	default:
		err = passwords.CheckImport(p.Hash)
	}
	return err
}

func (k *KeyImport) check() error {
	if k == nil {
		return nil
	}
	for _, key := range k.Keys {
		if len(key.ID) == 0 || len(key.PublicKey) == 0 {
			return problem.BadRequest("An imported key needs both id and public_key.")
		}
	}
	return nil
}

// Bring gives the identity the prepared credentials. Password and TOTP replace what
// is there; links and lookup secrets are added to it; keys are merged by their id.
// Identifiers that follow from traits are the business of Apply. A link that the
// identity has already is a *problem.ConflictError. The vault seals what rows do not
// show.
func (m *Imports) Bring(i *Identity, v Vault, now time.Time, newID func() uuid.UUID) error {
	if i.Credentials == nil {
		i.Credentials = map[CredentialType]Credential{}
	}
	put := func(c Credential) {
		born(&c.ID, &c.CreatedAt, &c.UpdatedAt, now, newID)
		i.Credentials[c.Type] = c
	}
	self := []string{i.ID.String()}
	if p := m.Password; p != nil {
		old := i.Credentials[Password]
		put(Credential{Type: Password, Identifiers: old.Identifiers, Version: old.Version,
			Config: encode(passwordConfig{HashedPassword: p.Hash, UseMigrationHook: p.MigrationHook})})
	}
	if m.TOTPURL != nil {
		config, err := sealApps(v, i, []TOTPApp{{URL: *m.TOTPURL}})
		if err != nil {
			return err
		}
		put(Credential{Type: TOTP, Identifiers: self, Config: encode(config)})
	}
	if len(m.LookupSecret) > 0 {
		config := configOf[lookupConfig](i.Credentials[LookupSecret])
		codes := slices.Clone(m.LookupSecret)
		for n := range codes {
			codes[n] = codes[n].settled()
		}
		sealed, err := sealCodes(v, i, codes)
		if err != nil {
			return err
		}
		config.Codes = append(slices.Clone(config.Codes), sealed...)
		put(Credential{Type: LookupSecret, Identifiers: self, Config: encode(config)})
	}
	for t, links := range map[CredentialType][]Link{OIDC: m.OIDC, SAML: m.SAML} {
		if len(links) == 0 {
			continue
		}
		c, err := linked(i.Credentials[t], t, links, now)
		if err != nil {
			return err
		}
		put(c)
	}
	if m.WebAuthn != nil {
		put(withKeys(i.Credentials[WebAuthn], WebAuthn, m.WebAuthn, now))
	}
	if m.Passkey != nil {
		c, err := withPasskeys(i.Credentials[Passkey], m.Passkey, now)
		if err != nil {
			return err
		}
		put(c)
	}
	return nil
}

// linked adds links to a credential. The provider's tokens are not known, so the
// stored ones of OIDC are empty.
func linked(c Credential, t CredentialType, links []Link, now time.Time) (Credential, error) {
	config := configOf[linksConfig](c)
	c.Type, c.UpdatedAt = t, now
	for _, l := range links {
		identifier := l.identifier()
		if slices.Contains(c.Identifiers, identifier) {
			return c, &problem.ConflictError{What: "identifier", Value: identifier, Type: string(t)}
		}
		c.Identifiers = append(slices.Clone(c.Identifiers), identifier)
		if t == SAML {
			l.UseAutoLink = false
			config.Providers = append(config.Providers, encode(l))
		} else {
			config.Providers = append(config.Providers, encode(oidcLink{Link: l}))
		}
	}
	c.Config = encode(config)
	return c, nil
}

// withKeys merges keys into a credential by their id.
func withKeys(c Credential, t CredentialType, k *KeyImport, now time.Time) Credential {
	config := configOf[keysConfig](c)
	for _, key := range k.Keys {
		if key.AddedAt.IsZero() {
			key.AddedAt = now
		}
		config.merge(key)
	}
	if len(k.UserHandle) > 0 {
		config.UserHandle = k.UserHandle
	}
	c.Type, c.Config, c.UpdatedAt = t, encode(config), now
	return c
}

// withPasskeys is withKeys for credentials that are found by their user handle.
// A handle that is replaced keeps leading to the account: authenticators out
// there still answer with it.
func withPasskeys(c Credential, k *KeyImport, now time.Time) (Credential, error) {
	c = withKeys(c, Passkey, k, now)
	current := string(configOf[keysConfig](c).UserHandle)
	if current == "" {
		return c, problem.BadRequest("An imported passkey credential needs a user_handle.")
	}
	for _, handle := range append(slices.Clone(k.Handles), current) {
		switch {
		case handle == "" || !utf8.ValidString(handle) || strings.ContainsRune(handle, 0) || utf8.RuneCountInString(handle) > MaxIdentifier:
			return c, problem.BadRequest("The user_handle and the identifiers of a passkey must be text of at most %d characters.", MaxIdentifier)
		case !slices.Contains(c.Identifiers, handle):
			c.Identifiers = append(slices.Clone(c.Identifiers), handle)
		}
	}
	return c, nil
}

// encode writes a config. It holds texts, numbers, times and JSON that was read
// before, all of which marshal.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("identity: a config does not marshal: " + err.Error())
	}
	return raw
}
