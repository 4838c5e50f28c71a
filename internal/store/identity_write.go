package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// CreateIdentity stores an identity with its credentials and addresses. Ids and
// times that are zero are filled in. When a unique value is taken nothing of the
// identity stays behind, and the transaction may go on.
func (x *Tx) CreateIdentity(i *identity.Identity) error {
	return x.createOne(i)
}

// TryIdentity does the work of CreateIdentity, and writes errands about it; nothing
// of it stays unless keep is set. How many statements run does not depend on keep.
func (x *Tx) TryIdentity(i *identity.Identity, keep bool, errands ...flow.Errand) error {
	if _, err := x.c.exec("SAVEPOINT identity"); err != nil {
		return err
	}
	if !keep {
		defer x.forgetNotes()()
	}
	if err := x.createOne(i); err != nil {
		return err
	}
	for _, e := range errands {
		if err := x.Dispatch(e); err != nil {
			return err
		}
	}
	end := "ROLLBACK TO SAVEPOINT identity"
	if keep {
		end = "RELEASE SAVEPOINT identity"
	}
	_, err := x.c.exec(end)
	return err
}

// createOne removes what it inserted when a value is taken. The row of another
// identity with the same id is not touched.
func (x *Tx) createOne(i *identity.Identity) error {
	undone := x.db.dialect.batches // by a savepoint: rows behind a conflict are inserted, too
	if undone {
		if err := x.c.later(nil, "SAVEPOINT created"); err != nil {
			return err
		}
	}
	table, err := x.insertIdentities([]*identity.Identity{i})
	if err != nil {
		return err
	}
	switch {
	case undone && table == "":
		return x.c.later(nil, "RELEASE SAVEPOINT created")
	case undone:
		err = x.c.later(nil, "ROLLBACK TO SAVEPOINT created")
	case table == "":
		return nil
	}
	if err != nil {
		return err
	}
	taken, err := x.conflict(i, table)
	if err != nil {
		return err
	}
	if !undone && table != "identities" {
		if _, err := x.c.exec("DELETE FROM identities WHERE tenant = ? AND id = ?", x.tenant, idBytes(i.ID)); err != nil {
			return err
		}
	}
	return taken
}

// insertIdentities inserts and names the table where a unique value was taken.
func (x *Tx) insertIdentities(list []*identity.Identity) (conflict string, err error) {
	var rows, credentials, identifiers, verifiable, recovery, traits, ends []any
	for _, i := range list {
		x.complete(i)
		if err := sound(i); err != nil {
			return "", err
		}
		rows = append(rows, x.identityRow(i)...)
		credentials = append(credentials, x.credentialRows(i.ID, creds(i))...)
		identifiers = append(identifiers, x.identifierRows(i.ID, identifiersOf(i))...)
		verifiable = append(verifiable, x.verifiableRows(i.ID, i.VerifiableAddresses)...)
		recovery = append(recovery, x.recoveryRows(i.ID, i.RecoveryAddresses)...)
		values, parts := x.searchRows(i.ID, i.Search)
		traits, ends = append(traits, values...), append(ends, parts...)
	}
	for _, step := range []struct {
		table string
		in    *inserter
		args  []any
	}{
		{"identities", x.db.texts.identities, rows},
		{"credentials", x.db.texts.credentials, credentials},
		{"credential_identifiers", x.db.texts.identifiers, identifiers},
		{"verifiable_addresses", x.db.texts.verifiable, verifiable},
		{"recovery_addresses", x.db.texts.recovery, recovery},
	} {
		err := step.in.later(x.c, step.args, func(rows int) judge {
			return outcome(func(n int64, err error) error {
				homeless := conflict != "" && err != nil && x.db.dialect.orphan(err) // what it belongs to was left out
				if err != nil && !x.db.dialect.unique(err) && !homeless {
					return err
				}
				if int(n) < rows && conflict == "" {
					conflict = step.table
				}
				return nil
			})
		})
		if err != nil || conflict != "" {
			return conflict, err
		}
	}
	if err := x.c.flush(); err != nil || conflict != "" {
		return conflict, err
	}
	if err := x.insertSearch(traits, ends); err != nil {
		return "", err
	}
	if err := x.settleSearch(list...); err != nil {
		return "", err
	}
	for _, i := range list {
		x.note(audit.IdentityCreated, i.ID, audit.Details{})
		if err := x.report(Change{Type: IdentityCreated, Identity: i}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// insertNew inserts rows and says whether a unique value kept one of them out.
func (x *Tx) insertNew(in *inserter, args []any) (taken bool, err error) {
	n, err := in.run(x.c, args)
	if err != nil && x.db.dialect.unique(err) {
		return true, nil
	}
	return err == nil && int(n) < len(args)/in.width, err
}

// complete gives ids and times to what has none.
func (x *Tx) complete(i *identity.Identity) {
	now := x.db.clock.Now()
	x.stamp(&i.ID, &i.CreatedAt, &i.UpdatedAt, now)
	for ct, c := range i.Credentials {
		c.Type = ct
		x.stamp(&c.ID, &c.CreatedAt, &c.UpdatedAt, now)
		i.Credentials[ct] = c
	}
	for k := range i.VerifiableAddresses {
		a := &i.VerifiableAddresses[k]
		x.stamp(&a.ID, &a.CreatedAt, &a.UpdatedAt, now)
	}
	for k := range i.RecoveryAddresses {
		a := &i.RecoveryAddresses[k]
		x.stamp(&a.ID, &a.CreatedAt, &a.UpdatedAt, now)
	}
}

func (x *Tx) stamp(id *uuid.UUID, created, updated *time.Time, now time.Time) {
	if *id == uuid.Nil {
		*id = x.db.newID()
	}
	if created.IsZero() {
		*created = now.Truncate(time.Microsecond)
	}
	if updated.IsZero() {
		*updated = *created
	}
}

// sound refuses text that would come back as something else.
func sound(i *identity.Identity) error {
	for _, c := range i.Credentials {
		for _, id := range c.Identifiers {
			if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
				return fmt.Errorf("an identifier of the %s credential is not text", c.Type)
			}
		}
	}
	return nil
}

func (x *Tx) identityRow(i *identity.Identity) []any {
	return []any{
		x.tenant, idBytes(i.ID), textOrNull(i.ExternalID), i.SchemaID, string(i.State), microsOrNull(i.StateChangedAt),
		string(i.Traits), jsonOrNull(i.MetadataPublic), jsonOrNull(i.MetadataAdmin), idOrNull(i.OrganizationID),
		i.AvailableAAL, micros(i.CreatedAt), micros(i.UpdatedAt),
	}
}

// creds lists the credentials by type, so that statements are the same every time.
func creds(i *identity.Identity) []identity.Credential {
	list := make([]identity.Credential, 0, len(i.Credentials))
	for _, c := range i.Credentials {
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b identity.Credential) int { return strings.Compare(string(a.Type), string(b.Type)) })
	return list
}

// identifiersOf lists all identifiers of an identity, each once.
func identifiersOf(i *identity.Identity) []identifierRow {
	var list []identifierRow
	for _, c := range creds(i) {
		for _, id := range distinct(c.Identifiers) {
			list = append(list, identifierRow{Type: string(c.Type), Identifier: id})
		}
	}
	return list
}

func (x *Tx) credentialRows(owner uuid.UUID, list []identity.Credential) (args []any) {
	for _, c := range list {
		config := string(c.Config)
		if config == "" {
			config = "{}"
		}
		args = append(args, x.tenant, idBytes(owner), string(c.Type), idBytes(c.ID), config, int64(c.Version),
			micros(c.CreatedAt), micros(c.UpdatedAt))
	}
	return args
}

func (x *Tx) identifierRows(owner uuid.UUID, list []identifierRow) (args []any) {
	for _, r := range list {
		args = append(args, x.tenant, r.Type, r.Identifier, idBytes(owner))
	}
	return args
}

func (x *Tx) verifiableRows(owner uuid.UUID, list []identity.VerifiableAddress) (args []any) {
	for _, a := range list {
		args = append(args, x.tenant, idBytes(owner), idBytes(a.ID), string(a.Via), a.Value, flag(a.Verified),
			microsOrNull(a.VerifiedAt), string(a.Status), micros(a.CreatedAt), micros(a.UpdatedAt))
	}
	return args
}

func (x *Tx) recoveryRows(owner uuid.UUID, list []identity.RecoveryAddress) (args []any) {
	for _, a := range list {
		args = append(args, x.tenant, idBytes(owner), idBytes(a.ID), string(a.Via), a.Value,
			idOrNull(a.BreakGlass), micros(a.CreatedAt), micros(a.UpdatedAt))
	}
	return args
}

// DeleteIdentity removes an identity and all that hangs on it: credentials,
// addresses, sessions and flows. ErrNotFound when there is none.
func (x *Tx) DeleteIdentity(id uuid.UUID) error {
	var was *identity.Identity
	if x.witnessed(IdentityDeleted) {
		var err error
		if was, err = x.Identity(id); err != nil {
			return err
		}
	}
	if _, err := x.c.exec("DELETE FROM flows WHERE tenant = ? AND identity_id = ?", x.tenant, idBytes(id)); err != nil {
		return err
	}
	if err := x.tellOver(session.IdentityDeleted, id); err != nil {
		return err
	}
	if err := touched(x.c.exec("DELETE FROM identities WHERE tenant = ? AND id = ?", x.tenant, idBytes(id))); err != nil {
		return err
	}
	x.note(audit.IdentityDeleted, id, audit.Details{})
	return x.report(Change{Type: IdentityDeleted, Identity: was})
}

// CreateIdentity stores an identity in a transaction of its own.
func (t *Tenant) CreateIdentity(ctx context.Context, i *identity.Identity) error {
	return t.Tx(ctx, func(x *Tx) error { return x.CreateIdentity(i) })
}

// CreateIdentities stores many identities in one transaction, and tells for each
// whether it conflicted. Of two that want the same unique value the first gets it.
// The second result is a failure of all.
func (t *Tenant) CreateIdentities(ctx context.Context, list []*identity.Identity) (conflicts []error, err error) {
	return t.createIdentities(ctx, list, nil)
}

// errOnlyATrial undoes a trial.
var errOnlyATrial = errors.New("only a trial")

// CheckIdentities tells what CreateIdentities would, and stores nothing.
func (t *Tenant) CheckIdentities(ctx context.Context, list []*identity.Identity) (conflicts []error, err error) {
	conflicts, err = t.createIdentities(ctx, list, errOnlyATrial)
	if errors.Is(err, errOnlyATrial) {
		err = nil
	}
	return conflicts, err
}

// errTaken undoes an attempt in which somebody's value was taken.
var errTaken = errors.New("a unique value is taken")

// createIdentities ends its transaction with the given error. Somebody's value being
// taken undoes all of it, and they are made one by one to learn whose; imports without
// conflicts never come there.
func (t *Tenant) createIdentities(ctx context.Context, list []*identity.Identity, end error) (conflicts []error, err error) {
	err = t.tx(ctx, t.db.writes.writeAlone, func(x *Tx) error {
		conflicts = make([]error, len(list))
		taken, err := x.insertIdentities(list)
		if err == nil && taken != "" {
			err = errTaken
		}
		return cmp.Or(err, end)
	})
	if !errors.Is(err, errTaken) {
		return conflicts, err
	}
	err = t.tx(ctx, t.db.writes.writeAlone, func(x *Tx) error {
		conflicts = make([]error, len(list))
		for k, i := range list {
			conflicts[k] = x.createOne(i)
			var taken *problem.ConflictError
			if conflicts[k] != nil && !errors.As(conflicts[k], &taken) {
				return conflicts[k]
			}
		}
		return end
	})
	return conflicts, err
}

// UpdateIdentity changes an identity in a transaction of its own.
func (t *Tenant) UpdateIdentity(ctx context.Context, i *identity.Identity) error {
	return t.Tx(ctx, func(x *Tx) error { return x.UpdateIdentity(i) })
}

// DeleteIdentity deletes an identity in a transaction of its own.
func (t *Tenant) DeleteIdentity(ctx context.Context, id uuid.UUID) error {
	return t.Tx(ctx, func(x *Tx) error { return x.DeleteIdentity(id) })
}

// DeleteIdentityIf is DeleteIdentity, unless check, which sees the identity in the
// same transaction, objects. check may be nil and may run more than once.
func (t *Tenant) DeleteIdentityIf(ctx context.Context, id uuid.UUID, check func(*identity.Identity) error) error {
	return t.Tx(ctx, func(x *Tx) error {
		if check != nil {
			i, err := x.Identity(id)
			if err == nil {
				err = check(i)
			}
			if err != nil {
				return err
			}
		}
		return x.DeleteIdentity(id)
	})
}
