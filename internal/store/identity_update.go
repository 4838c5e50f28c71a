package store

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// UpdateIdentity replaces the row, the credentials and the addresses of an
// identity, and touches only child rows that differ. Credentials that are nil were
// not loaded and stay; an empty map removes them all. created_at is stored as
// given, updated_at becomes now. After a *problem.ConflictError the transaction
// has to be given up.
func (x *Tx) UpdateIdentity(i *identity.Identity) error {
	old, err := x.Identity(i.ID)
	if err != nil {
		return err
	}
	if i.CreatedAt.IsZero() {
		i.CreatedAt = old.CreatedAt
	}
	x.complete(i)
	if err := sound(i); err != nil {
		return err
	}
	i.UpdatedAt = x.db.clock.Now().Truncate(time.Microsecond)
	renew(i, old)
	if err := x.tell(uuid.Nil, i.ID); err != nil {
		return err
	}
	if old.State == identity.Active && i.State != identity.Active {
		if err := x.tellOver(session.IdentityDisabled, i.ID); err != nil {
			return err
		}
	}
	if err := x.updateRow(i); err != nil {
		return err
	}
	if i.Credentials != nil {
		if err := x.updateCredentials(i, old); err != nil {
			return err
		}
	}
	if err := x.updateAddresses(i, old); err != nil {
		return err
	}
	x.noteUpdate(i, old)
	if err := x.updateSearch(i); err != nil || !x.witnessed(IdentityUpdated) || sameIdentity(i, old) {
		return err
	}
	return x.report(Change{Type: IdentityUpdated, Identity: i, Before: old})
}

// sameIdentity says whether nothing has changed that anybody but the store would
// notice: the level that an identity can reach follows from its credentials.
func sameIdentity(a, b *identity.Identity) bool {
	return a.ExternalID == b.ExternalID && a.SchemaID == b.SchemaID && a.State == b.State && bytes.Equal(a.Traits, b.Traits) &&
		bytes.Equal(a.MetadataPublic, b.MetadataPublic) && bytes.Equal(a.MetadataAdmin, b.MetadataAdmin) &&
		(a.OrganizationID == nil) == (b.OrganizationID == nil) && (a.OrganizationID == nil || *a.OrganizationID == *b.OrganizationID) &&
		(a.Credentials == nil || maps.EqualFunc(a.Credentials, b.Credentials, func(c, d identity.Credential) bool {
			return sameCredential(c, d) && slices.Equal(slices.Sorted(slices.Values(c.Identifiers)), slices.Sorted(slices.Values(d.Identifiers)))
		})) &&
		slices.EqualFunc(a.VerifiableAddresses, b.VerifiableAddresses, func(c, d identity.VerifiableAddress) bool { return c.ID == d.ID && sameVerifiable(c, d) }) &&
		slices.EqualFunc(a.RecoveryAddresses, b.RecoveryAddresses, func(c, d identity.RecoveryAddress) bool { return c.ID == d.ID && sameRecovery(c, d) })
}

func (x *Tx) updateRow(i *identity.Identity) error {
	row := x.identityRow(i)
	_, err := x.c.exec("UPDATE identities SET external_id = ?, schema_id = ?, state = ?, state_changed_at = ?, traits = ?, "+
		"metadata_public = ?, metadata_admin = ?, organization_id = ?, available_aal = ?, created_at = ?, updated_at = ? "+
		"WHERE tenant = ? AND id = ?", append(row[2:len(row):len(row)], row[:2]...)...)
	if err != nil && x.db.dialect.unique(err) {
		return &problem.ConflictError{What: whatExternalID, Value: i.ExternalID}
	}
	return err
}

// renew dates the child rows whose content changed but whose date did not.
func renew(i, old *identity.Identity) {
	for t, c := range i.Credentials {
		if was, ok := old.Credentials[t]; ok && !sameCredential(c, was) && sameTime(c.UpdatedAt, was.UpdatedAt) {
			c.UpdatedAt = i.UpdatedAt
			i.Credentials[t] = c
		}
	}
	before := make(map[uuid.UUID]identity.VerifiableAddress, len(old.VerifiableAddresses))
	for _, a := range old.VerifiableAddresses {
		before[a.ID] = a
	}
	for k := range i.VerifiableAddresses {
		a := &i.VerifiableAddresses[k]
		if was, ok := before[a.ID]; ok && !sameVerifiable(*a, was) && sameTime(a.UpdatedAt, was.UpdatedAt) {
			a.UpdatedAt = i.UpdatedAt
		}
	}
}

// difference splits what should be there against what is: keys to remove (gone or
// changed) and values to insert (new or changed).
func difference[K comparable, V any](old, now []V, key func(V) K, same func(a, b V) bool) (remove []K, insert []V) {
	before := make(map[K]V, len(old))
	for _, v := range old {
		before[key(v)] = v
	}
	for _, v := range now {
		was, ok := before[key(v)]
		if ok && same(was, v) {
			delete(before, key(v))
			continue
		}
		insert = append(insert, v)
	}
	for _, v := range old {
		if _, ok := before[key(v)]; ok {
			remove = append(remove, key(v))
		}
	}
	return remove, insert
}

func (x *Tx) updateCredentials(i, old *identity.Identity) error {
	gone, fresh := difference(creds(old), creds(i),
		func(c identity.Credential) identity.CredentialType { return c.Type }, sameCredential)
	if len(gone) > 0 {
		types, args := padded(gone, func(t identity.CredentialType) any { return string(t) })
		if _, err := x.c.exec("DELETE FROM credentials WHERE tenant = ? AND identity_id = ? AND type IN ("+types+")",
			append([]any{x.tenant, idBytes(i.ID)}, args...)...); err != nil {
			return err
		}
	}
	if _, err := x.insertNew(x.db.texts.credentials, x.credentialRows(i.ID, fresh)); err != nil {
		return err
	}
	lost, won := difference(identifiersOf(old), identifiersOf(i),
		func(r identifierRow) identifierRow { return r }, func(identifierRow, identifierRow) bool { return true })
	if err := x.deleteIdentifiers(i.ID, lost); err != nil {
		return err
	}
	return x.insertChildren(i, "credential_identifiers", x.db.texts.identifiers, x.identifierRows(i.ID, won))
}

func (x *Tx) deleteIdentifiers(owner uuid.UUID, lost []identifierRow) error {
	if len(lost) == 0 {
		return nil
	}
	byType := map[string][]string{}
	for _, r := range lost {
		byType[r.Type] = append(byType[r.Type], r.Identifier)
	}
	var groups []string
	args := []any{x.tenant, idBytes(owner)}
	for t, values := range byType {
		in, valueArgs := padded(values, func(s string) any { return s })
		groups = append(groups, "type = ? AND identifier IN ("+in+")")
		args = append(append(args, t), valueArgs...)
	}
	_, err := x.c.exec("DELETE FROM credential_identifiers WHERE tenant = ? AND identity_id = ? AND ("+
		strings.Join(groups, " OR ")+")", args...)
	return err
}

func (x *Tx) updateAddresses(i, old *identity.Identity) error {
	gone, fresh := difference(old.VerifiableAddresses, i.VerifiableAddresses,
		func(a identity.VerifiableAddress) uuid.UUID { return a.ID }, sameVerifiable)
	if err := x.deleteAddresses("verifiable_addresses", i.ID, gone); err != nil {
		return err
	}
	if err := x.insertChildren(i, "verifiable_addresses", x.db.texts.verifiable, x.verifiableRows(i.ID, fresh)); err != nil {
		return err
	}
	goneRecovery, freshRecovery := difference(old.RecoveryAddresses, i.RecoveryAddresses,
		func(a identity.RecoveryAddress) uuid.UUID { return a.ID }, sameRecovery)
	if err := x.deleteAddresses("recovery_addresses", i.ID, goneRecovery); err != nil {
		return err
	}
	return x.insertChildren(i, "recovery_addresses", x.db.texts.recovery, x.recoveryRows(i.ID, freshRecovery))
}

func (x *Tx) deleteAddresses(table string, owner uuid.UUID, gone []uuid.UUID) error {
	if len(gone) == 0 {
		return nil
	}
	ids, args := padded(gone, idBytes)
	_, err := x.c.exec("DELETE FROM "+table+" WHERE tenant = ? AND identity_id = ? AND id IN ("+ids+")",
		append([]any{x.tenant, idBytes(owner)}, args...)...)
	return err
}

func (x *Tx) insertChildren(i *identity.Identity, table string, in *inserter, args []any) error {
	taken, err := x.insertNew(in, args)
	if err != nil || !taken {
		return err
	}
	conflict, err := x.conflict(i, table)
	if err != nil {
		return err
	}
	return conflict
}

func sameCredential(a, b identity.Credential) bool {
	return a.ID == b.ID && bytes.Equal(a.Config, b.Config) && a.Version == b.Version &&
		sameTime(a.CreatedAt, b.CreatedAt) && sameTime(a.UpdatedAt, b.UpdatedAt)
}

func sameVerifiable(a, b identity.VerifiableAddress) bool {
	return a.Value == b.Value && a.Via == b.Via && a.Verified == b.Verified && a.Status == b.Status &&
		sameTimePointer(a.VerifiedAt, b.VerifiedAt) && sameTime(a.CreatedAt, b.CreatedAt) && sameTime(a.UpdatedAt, b.UpdatedAt)
}

func sameRecovery(a, b identity.RecoveryAddress) bool {
	return a.Value == b.Value && a.Via == b.Via && identity.SameOrganization(a.BreakGlass, b.BreakGlass) &&
		sameTime(a.CreatedAt, b.CreatedAt) && sameTime(a.UpdatedAt, b.UpdatedAt)
}

// sameTime compares as rows keep times.
func sameTime(a, b time.Time) bool { return a.UnixMicro() == b.UnixMicro() }

func sameTimePointer(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && sameTime(*a, *b)
}
