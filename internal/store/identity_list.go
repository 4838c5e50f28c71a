package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// IdentifierMatch selects identities by their credentials' identifiers: any of the
// types with any of the values.
type IdentifierMatch struct {
	Types  []identity.CredentialType
	Values []string
	Prefix bool // the values are beginnings
}

// IdentityFilter selects a page of identities, ordered by id. Conditions that are
// set all have to hold; of Identifiers one is enough.
type IdentityFilter struct {
	IDs            []uuid.UUID
	OrganizationID *uuid.UUID
	Identifiers    []IdentifierMatch
	Traits         []identity.SearchMatch // all of them have to hold
	State          identity.State
	SchemaID       string
	Verified       *bool     // has a verified address, or has none
	CreatedAfter   time.Time // this moment or later
	CreatedBefore  time.Time // before this moment
	UpdatedAfter   time.Time
	UpdatedBefore  time.Time
	After          uuid.UUID // the last id of the page before; zero for the first page
	Offset         int       // rows to skip; for the legacy way of paging only
	Limit          int       // rows at most; required
	Credentials    bool      // load credentials too
}

// Identities lists identities with addresses.
func (t *Tenant) Identities(ctx context.Context, f IdentityFilter) ([]*identity.Identity, error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of identities needs a limit")
	}
	query := t.db.texts.identity
	if f.Credentials {
		query = t.db.texts.identityWith
	}
	where, args := f.where(t.id)
	var list []*identity.Identity
	page, bounds := window(f.Limit, f.Offset)
	args = append(args, bounds...)
	err := t.read(ctx).query(query+where+" ORDER BY i.id"+page, args, func(rows row) error {
		var i identity.Identity
		var kids identityChildren
		if err := rows.Scan(append(identityDest(&i), kids.dest(f.Credentials)...)...); err != nil {
			return err
		}
		list = append(list, &i)
		return kids.join(&i)
	})
	return list, err
}

// CountMatching counts what Identities lists on all pages.
func (t *Tenant) CountMatching(ctx context.Context, f IdentityFilter) (n int, err error) {
	f.After = uuid.Nil
	where, args := f.where(t.id)
	err = one(t.read(ctx), "SELECT count(*) FROM identities i WHERE "+where, args, &n)
	return n, err
}

// CountIdentities counts all identities.
func (t *Tenant) CountIdentities(ctx context.Context) (n int, err error) {
	err = one(t.read(ctx), "SELECT count(*) FROM identities WHERE tenant = ?", []any{t.id}, &n)
	return n, err
}

func (f *IdentityFilter) where(tenant int64) (where string, args []any) {
	where, args = "i.tenant = ?", []any{tenant}
	if f.After != uuid.Nil {
		where += " AND i.id > ?"
		args = append(args, idBytes(f.After))
	}
	if f.IDs != nil {
		ids, values := padded(append(f.IDs[:len(f.IDs):len(f.IDs)], uuid.Nil), idBytes)
		where += " AND i.id IN (" + ids + ")"
		args = append(args, values...)
	}
	if f.OrganizationID != nil {
		where += " AND i.organization_id = ?"
		args = append(args, idBytes(*f.OrganizationID))
	}
	if len(f.Identifiers) > 0 {
		matches, values := matching(tenant, f.Identifiers)
		where += " AND i.id IN (" + matches + ")"
		args = append(args, values...)
	}
	for _, m := range f.Traits {
		condition, values := searching(tenant, m)
		where += condition
		args = append(args, values...)
	}
	more, values := f.columns()
	return where + more, append(args, values...)
}

// columns are the conditions on the row itself.
func (f *IdentityFilter) columns() (where string, args []any) {
	for _, c := range []struct {
		set   bool
		sql   string
		value any
	}{
		{f.State != "", "i.state = ?", string(f.State)},
		{f.SchemaID != "", "i.schema_id = ?", f.SchemaID},
		{!f.CreatedAfter.IsZero(), "i.created_at >= ?", micros(f.CreatedAfter)},
		{!f.CreatedBefore.IsZero(), "i.created_at < ?", micros(f.CreatedBefore)},
		{!f.UpdatedAfter.IsZero(), "i.updated_at >= ?", micros(f.UpdatedAfter)},
		{!f.UpdatedBefore.IsZero(), "i.updated_at < ?", micros(f.UpdatedBefore)},
	} {
		if c.set {
			where += " AND " + c.sql
			args = append(args, c.value)
		}
	}
	if f.Verified != nil {
		not := " NOT"
		if *f.Verified {
			not = ""
		}
		where += " AND" + not + " EXISTS (SELECT 1 FROM verifiable_addresses v WHERE v.tenant = i.tenant AND v.identity_id = i.id AND v.verified = 1)"
	}
	return where, args
}

// matching selects the ids of identities by identifier. Every branch walks the
// primary key of the identifiers from its first column to its last: each type and each
// value has one of its own, because of a list PostgreSQL may take the key's other columns
// and look at all that is between them.
func matching(tenant int64, matches []IdentifierMatch) (string, []any) {
	const head = "SELECT identity_id FROM credential_identifiers WHERE tenant = ? AND type = ? AND identifier "
	var branches []string
	var args []any
	for _, m := range matches {
		for _, t := range distinct(m.Types) {
			for _, v := range distinct(m.Values) {
				args = append(args, tenant, string(t), v)
				if !m.Prefix {
					branches = append(branches, head+"= ?")
					continue
				}
				branches = append(branches, head+">= ? AND identifier < ?")
				args = append(args, v+beyond)
			}
		}
	}
	if branches == nil {
		return "SELECT identity_id FROM credential_identifiers WHERE 1 = 0", nil
	}
	return strings.Join(branches, " UNION ALL "), args
}

// beyond is the last code point: no text sorts behind a prefix with it.
const beyond = "\U0010FFFF"

// distinct drops repetitions and keeps the order.
func distinct[T comparable](list []T) []T {
	var out []T
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
