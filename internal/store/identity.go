package store

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Identity reads an identity with addresses and credentials.
func (t *Tenant) Identity(ctx context.Context, id uuid.UUID) (*identity.Identity, error) {
	return readIdentity(t.db, t.read(ctx), "i.tenant = ? AND i.id = ?", t.id, idBytes(id))
}

// IdentityByExternalID reads the identity that an application knows by a name of
// its own, with addresses and credentials.
func (t *Tenant) IdentityByExternalID(ctx context.Context, external string) (*identity.Identity, error) {
	return readIdentity(t.db, t.read(ctx), "i.tenant = ? AND i.external_id = ?", t.id, external)
}

// IdentityByIdentifier reads the identity that has a credential of type ct with one
// of the identifiers, with addresses and credentials. When several match, the one
// whose identifier is named first counts.
func (t *Tenant) IdentityByIdentifier(ctx context.Context, ct identity.CredentialType, identifiers ...string) (*identity.Identity, error) {
	return t.IdentityByIdentifiers(ctx, []identity.CredentialType{ct}, identifiers...)
}

// IdentityByIdentifiers is IdentityByIdentifier for credentials of several types.
func (t *Tenant) IdentityByIdentifiers(ctx context.Context, types []identity.CredentialType, identifiers ...string) (*identity.Identity, error) {
	types, identifiers = distinct(types), distinct(identifiers)
	if len(types) == 0 || len(identifiers) == 0 {
		return nil, problem.ErrNotFound
	}
	var branches []string
	var args []any
	for turn, v := range identifiers { // the first identifier has the first turn
		for _, ct := range types {
			branches = append(branches, "SELECT identity_id, "+strconv.Itoa(turn)+" AS turn FROM credential_identifiers WHERE tenant = ? AND type = ? AND identifier = ?")
			args = append(args, t.id, string(ct), v)
		}
	}
	args = append(args, t.id)
	return readIdentity(t.db, t.read(ctx), "i.id = (SELECT k.identity_id FROM ("+strings.Join(branches, " UNION ALL ")+
		") k ORDER BY k.turn LIMIT 1) AND i.tenant = ?", args...)
}

// IdentityByVerifiableAddress reads the identity that has an address to verify,
// with addresses and credentials.
func (t *Tenant) IdentityByVerifiableAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error) {
	return t.identityByAddress(ctx, "verifiable_addresses", via, value)
}

// IdentityByRecoveryAddress reads the identity that an address can win back, with
// addresses and credentials.
func (t *Tenant) IdentityByRecoveryAddress(ctx context.Context, via identity.Channel, value string) (*identity.Identity, error) {
	return t.identityByAddress(ctx, "recovery_addresses", via, value)
}

func (t *Tenant) identityByAddress(ctx context.Context, table string, via identity.Channel, value string) (*identity.Identity, error) {
	return readIdentity(t.db, t.read(ctx), "i.id = (SELECT a.identity_id FROM "+table+
		" a WHERE a.tenant = ? AND a.via = ? AND a.value = ?) AND i.tenant = ?", t.id, string(via), value, t.id)
}

// Identity reads an identity with addresses and credentials, as the transaction
// sees it. Databases that lock rows keep it locked until the transaction ends.
func (x *Tx) Identity(id uuid.UUID) (*identity.Identity, error) {
	return readIdentity(x.db, x.c, "i.tenant = ? AND i.id = ?"+x.db.dialect.lockRow, x.tenant, idBytes(id))
}

func readIdentity(db *DB, c conn, where string, args ...any) (*identity.Identity, error) {
	var i identity.Identity
	var kids identityChildren
	if err := one(c, db.texts.identityWith+where, args, append(identityDest(&i), kids.dest(true)...)...); err != nil {
		return nil, err
	}
	return &i, kids.join(&i)
}

// identityDest is where identityColumns go.
func identityDest(i *identity.Identity) []any {
	return []any{
		&i.ID, textOrEmpty{&i.ExternalID}, &i.SchemaID, (*string)(&i.State), timeOrNil{&i.StateChangedAt},
		jsonAt{&i.Traits}, jsonAt{&i.MetadataPublic}, jsonAt{&i.MetadataAdmin}, idOrNil{&i.OrganizationID},
		&i.AvailableAAL, timeAt{&i.CreatedAt}, timeAt{&i.UpdatedAt},
	}
}

// identityChildren are the aggregated child rows of one identity.
type identityChildren struct {
	verifiable, recovery, credentials, identifiers []byte
}

func (k *identityChildren) dest(credentials bool) []any {
	if credentials {
		return []any{&k.verifiable, &k.recovery, &k.credentials, &k.identifiers}
	}
	return []any{&k.verifiable, &k.recovery}
}

// addressRow is an address of either table.
type addressRow struct {
	ID         uuid.UUID
	Via        string
	Value      string
	Verified   int64
	VerifiedAt *int64
	Status     string
	BreakGlass string // hexadecimal; "" for none
	CreatedAt  int64
	UpdatedAt  int64
}

func (r *addressRow) set(column string, v jsonValue) (err error) {
	switch column {
	case "id":
		r.ID, err = v.id()
	case "via":
		r.Via, err = v.text()
	case "value":
		r.Value, err = v.text()
	case "verified":
		r.Verified, err = v.number()
	case "verified_at":
		r.VerifiedAt, err = v.numberOrNil()
	case "status":
		r.Status, err = v.text()
	case "break_glass":
		if !v.null() {
			r.BreakGlass, err = v.text()
		}
	case "created_at":
		r.CreatedAt, err = v.number()
	case "updated_at":
		r.UpdatedAt, err = v.number()
	}
	return err
}

type credentialRow struct {
	ID        uuid.UUID
	Type      string
	Config    string
	Version   int64
	CreatedAt int64
	UpdatedAt int64
}

func (r *credentialRow) set(column string, v jsonValue) (err error) {
	switch column {
	case "id":
		r.ID, err = v.id()
	case "type":
		r.Type, err = v.text()
	case "config":
		r.Config, err = v.text()
	case "version":
		r.Version, err = v.number()
	case "created_at":
		r.CreatedAt, err = v.number()
	case "updated_at":
		r.UpdatedAt, err = v.number()
	}
	return err
}

type identifierRow struct {
	Type       string
	Identifier string
}

func (r *identifierRow) set(column string, v jsonValue) (err error) {
	switch column {
	case "type":
		r.Type, err = v.text()
	case "identifier":
		r.Identifier, err = v.text()
	}
	return err
}

// join hangs the child rows on their identity, ordered by id.
func (k *identityChildren) join(i *identity.Identity) error {
	verifiable, err := rowsIn[addressRow](k.verifiable, verifiableColumns)
	if err != nil {
		return err
	}
	recovery, err := rowsIn[addressRow](k.recovery, recoveryColumns)
	if err != nil {
		return err
	}
	slices.SortStableFunc(verifiable, byID)
	slices.SortStableFunc(recovery, byID)
	for _, r := range verifiable {
		i.VerifiableAddresses = append(i.VerifiableAddresses, identity.VerifiableAddress{
			ID: r.ID, Value: r.Value, Via: identity.Channel(r.Via), Verified: r.Verified != 0,
			VerifiedAt: timeOfNil(r.VerifiedAt), Status: identity.AddressStatus(r.Status),
			CreatedAt: timeOf(r.CreatedAt), UpdatedAt: timeOf(r.UpdatedAt),
		})
	}
	for _, r := range recovery {
		i.RecoveryAddresses = append(i.RecoveryAddresses, identity.RecoveryAddress{
			ID: r.ID, Value: r.Value, Via: identity.Channel(r.Via), BreakGlass: idIn(r.BreakGlass),
			CreatedAt: timeOf(r.CreatedAt), UpdatedAt: timeOf(r.UpdatedAt),
		})
	}
	if k.credentials == nil {
		return nil
	}
	return k.joinCredentials(i)
}

func byID(a, b addressRow) int { return bytes.Compare(a.ID[:], b.ID[:]) }

func (k *identityChildren) joinCredentials(i *identity.Identity) error {
	credentials, err := rowsIn[credentialRow](k.credentials, credentialColumns)
	if err != nil {
		return err
	}
	identifiers, err := rowsIn[identifierRow](k.identifiers, identifierColumns)
	if err != nil {
		return err
	}
	byType := make(map[string][]string, len(credentials))
	for _, r := range identifiers {
		byType[r.Type] = append(byType[r.Type], r.Identifier)
	}
	i.Credentials = make(map[identity.CredentialType]identity.Credential, len(credentials))
	for _, r := range credentials {
		slices.Sort(byType[r.Type])
		i.Credentials[identity.CredentialType(r.Type)] = identity.Credential{
			ID: r.ID, Type: identity.CredentialType(r.Type), Identifiers: byType[r.Type],
			Config: json.RawMessage(r.Config), Version: int(r.Version),
			CreatedAt: timeOf(r.CreatedAt), UpdatedAt: timeOf(r.UpdatedAt),
		}
	}
	return nil
}
