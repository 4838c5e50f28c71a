package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// document is the identity as a patch sees it. Members that cannot be patched are
// not in it.
func (i *Identity) document() tree {
	verifiable := []addressDocument{}
	for _, a := range i.VerifiableAddresses {
		verifiable = append(verifiable, addressDocument{ID: a.ID, Value: a.Value, Via: a.Via, Verified: a.Verified, VerifiedAt: a.VerifiedAt, Status: a.Status})
	}
	recovery := []recoveryDocument{}
	for _, a := range i.RecoveryAddresses {
		recovery = append(recovery, recoveryDocument{ID: a.ID, Value: a.Value, Via: a.Via, BreakGlass: a.BreakGlass})
	}
	credentials := map[CredentialType]credentialDocument{}
	for t, c := range i.Credentials {
		credentials[t] = credentialDocument{Type: t, Identifiers: c.Identifiers, Config: c.Config, Version: c.Version}
	}
	doc := tree{
		"schema_id": i.SchemaID, "state": string(i.State),
		"traits": mustDecode(i.Traits), "metadata_public": mustDecode(i.MetadataPublic), "metadata_admin": mustDecode(i.MetadataAdmin),
		"verifiable_addresses": mustDecode(encode(verifiable)), "recovery_addresses": mustDecode(encode(recovery)),
		"credentials": mustDecode(encode(credentials)), "organization_id": mustDecode(encode(i.OrganizationID)),
	}
	if i.ExternalID != "" {
		doc["external_id"] = i.ExternalID
	}
	return doc
}

type addressDocument struct {
	ID         uuid.UUID     `json:"id"`
	Value      string        `json:"value"`
	Via        Channel       `json:"via"`
	Verified   bool          `json:"verified"`
	VerifiedAt *time.Time    `json:"verified_at,omitempty"`
	Status     AddressStatus `json:"status"`
}

type recoveryDocument struct {
	ID         uuid.UUID  `json:"id"`
	Value      string     `json:"value"`
	Via        Channel    `json:"via"`
	BreakGlass *uuid.UUID `json:"break_glass_for_organization,omitempty"`
}

type credentialDocument struct {
	Type        CredentialType  `json:"type"`
	Identifiers []string        `json:"identifiers"`
	Config      json.RawMessage `json:"config,omitempty"`
	Version     int             `json:"version"`
}

// patching is what reading a document back needs.
type patching struct {
	passwords PasswordImporter
	now       time.Time
	newID     func() uuid.UUID
}

// member is how one member of a patched document gets back into the identity. The
// value is nil when the member is null or was removed.
type member struct {
	name string
	read func(*Identity, any, patching) error
}

var members = []member{
	{"schema_id", func(i *Identity, v any, _ patching) error { return into(v, &i.SchemaID) }},
	{"external_id", func(i *Identity, v any, _ patching) error {
		var id string
		if err := into(v, &id); err != nil {
			return err
		}
		return i.SetExternalID(id)
	}},
	{"state", func(i *Identity, v any, p patching) error {
		var s State
		if err := into(v, &s); err != nil {
			return err
		}
		return i.SetState(s, p.now)
	}},
	{"traits", func(i *Identity, v any, _ patching) error {
		if i.Traits = encode(v); v == nil {
			i.Traits = json.RawMessage(`{}`)
		}
		return nil
	}},
	{"metadata_public", func(i *Identity, v any, _ patching) error { return into(v, &orNull{&i.MetadataPublic}) }},
	{"metadata_admin", func(i *Identity, v any, _ patching) error { return into(v, &orNull{&i.MetadataAdmin}) }},
	{"organization_id", func(i *Identity, v any, _ patching) error {
		i.OrganizationID = nil
		return into(v, &i.OrganizationID)
	}},
	{"verifiable_addresses", (*Identity).readVerifiable},
	{"recovery_addresses", (*Identity).readRecovery},
	{"credentials", (*Identity).readCredentials},
	{"region", func(_ *Identity, v any, _ patching) error {
		var region string
		if err := into(v, &region); err != nil {
			return err
		}
		return CheckRegion(region)
	}},
}

// orNull is where JSON of any form goes; null is nil.
type orNull struct{ raw *json.RawMessage }

// UnmarshalJSON keeps a copy.
func (o orNull) UnmarshalJSON(raw []byte) error {
	*o.raw = orNil(slices.Clone(raw))
	return nil
}

// readVerifiable keeps the dates of rows that are still there.
func (i *Identity) readVerifiable(v any, p patching) error {
	var rows []addressDocument
	if err := into(v, &rows); err != nil {
		return err
	}
	before := i.VerifiableAddresses
	i.VerifiableAddresses = nil
	for _, row := range rows {
		var a VerifiableAddress
		if at := slices.IndexFunc(before, func(a VerifiableAddress) bool { return a.ID == row.ID }); at >= 0 {
			a = before[at]
		}
		a.Value, a.Via, a.Verified, a.VerifiedAt, a.Status = row.Value, row.Via, row.Verified, row.VerifiedAt, row.Status
		a, err := a.Settled(p.now)
		if err != nil {
			return err
		}
		i.VerifiableAddresses = append(i.VerifiableAddresses, a)
	}
	return nil
}

func (i *Identity) readRecovery(v any, _ patching) error {
	var rows []recoveryDocument
	if err := into(v, &rows); err != nil {
		return err
	}
	before := i.RecoveryAddresses
	i.RecoveryAddresses = nil
	for _, row := range rows {
		var a RecoveryAddress
		if at := slices.IndexFunc(before, func(a RecoveryAddress) bool { return a.ID == row.ID }); at >= 0 {
			a = before[at]
		}
		a.Value, a.Via, a.BreakGlass = row.Value, row.Via, row.BreakGlass
		a, err := a.Settled()
		if err != nil {
			return err
		}
		i.RecoveryAddresses = append(i.RecoveryAddresses, a)
	}
	return nil
}

// readCredentials takes over all credentials but those that are protected.
func (i *Identity) readCredentials(v any, p patching) error {
	var rows map[CredentialType]*credentialDocument
	if err := into(v, &rows); err != nil {
		return err
	}
	before := i.Credentials
	i.Credentials = map[CredentialType]Credential{}
	for _, t := range []CredentialType{OIDC, SAML} {
		if c, ok := before[t]; ok {
			i.Credentials[t] = c
		}
		delete(rows, t)
	}
	for t, row := range rows {
		if row == nil {
			continue // null is as good as removed
		}
		c, err := row.credential(i, t, before[t], p)
		if err != nil {
			return err
		}
		i.Credentials[t] = c
	}
	return nil
}

// credential is the row of a type as the document wants it.
func (d *credentialDocument) credential(i *Identity, t CredentialType, old Credential, p patching) (Credential, error) {
	switch {
	case !t.Known():
		return old, problem.BadRequest("There are no credentials of the type %q.", t)
	case d.Type != "" && d.Type != t:
		return old, problem.BadRequest("The credential %q says that its type is %q.", t, d.Type)
	case len(d.Config) == 0:
		d.Config = json.RawMessage(`{}`)
	case d.Config[0] != '{':
		return old, fmt.Errorf("the config of %s is not an object", t)
	}
	c := old
	c.Type, c.Version = t, d.Version
	if !sameJSON(old.Config, d.Config) {
		c.Config = d.Config
	}
	switch t {
	case TOTP, LookupSecret:
		c.Identifiers = []string{i.ID.String()}
	case Password, WebAuthn, Code:
		c.Identifiers = normalized(d.Identifiers)
	default:
		c.Identifiers = d.Identifiers
	}
	if c.ID == uuid.Nil {
		born(&c.ID, &c.CreatedAt, &c.UpdatedAt, p.now, p.newID)
	}
	hash := configOf[passwordConfig](c).HashedPassword
	if t == Password && hash != "" && hash != configOf[passwordConfig](old).HashedPassword {
		return c, p.passwords.CheckImport(hash)
	}
	return c, nil
}

// sameJSON compares values, not spelling: rows that a patch leaves alone must not
// look changed.
func sameJSON(a, b json.RawMessage) bool {
	return bytes.Equal(encode(mustDecode(a)), encode(mustDecode(b)))
}

// decoded reads JSON and keeps numbers as they are written.
func decoded(raw json.RawMessage) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// mustDecode is for JSON that was stored; none is null.
func mustDecode(raw json.RawMessage) any {
	v, err := decoded(raw)
	if err != nil {
		return nil
	}
	return v
}

// into reads part of a tree into a typed place. Null leaves it as it is.
func into(v any, place any) error {
	return json.Unmarshal(encode(v), place)
}
