package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// searching is the SQL of a match. All of them walk a primary key.
func searching(tenant int64, m identity.SearchMatch) (string, []any) {
	table := "identity_traits"
	if m.How == identity.Contains {
		table = "identity_trait_ends"
	}
	head := " AND i.id IN (SELECT identity_id FROM " + table + " WHERE tenant = ? AND name = ? AND value "
	if m.How == identity.Equals {
		return head + "= ?)", []any{tenant, m.Name, m.Text}
	}
	return head + ">= ? AND value < ?)", []any{tenant, m.Name, m.Text, m.Text + beyond}
}

func (x *Tx) searchRows(owner uuid.UUID, list []identity.SearchValue) (values, ends []any) {
	for _, v := range list {
		values = append(values, x.tenant, v.Name, v.Value, idBytes(owner))
		for _, end := range v.Ends() {
			ends = append(ends, x.tenant, v.Name, end, idBytes(owner))
		}
	}
	return values, ends
}

// insertSearch stores what an identity can be found by. Two values may have an end in
// common, so a row that is there already is nothing to complain of.
func (x *Tx) insertSearch(values, ends []any) error {
	unjudged := func(int) judge { return nil }
	if err := x.db.texts.traits.later(x.c, values, unjudged); err != nil {
		return err
	}
	return x.db.texts.traitEnds.later(x.c, ends, unjudged)
}

// updateSearch replaces what an identity can be found by, if it differs. Values that
// are nil were not derived, and stay.
func (x *Tx) updateSearch(i *identity.Identity) error {
	if i.Search == nil {
		return nil
	}
	if err := x.settleSearch(i); err != nil {
		return err
	}
	var before []identity.SearchValue
	err := x.c.query("SELECT name, value FROM identity_traits WHERE tenant = ? AND identity_id = ?", []any{x.tenant, idBytes(i.ID)}, func(rows row) error {
		var v identity.SearchValue
		err := rows.Scan(&v.Name, &v.Value)
		before = append(before, v)
		return err
	})
	if err != nil || sameSearch(before, i.Search) {
		return err
	}
	for _, table := range []string{"identity_traits", "identity_trait_ends"} {
		if _, err := x.c.exec("DELETE FROM "+table+" WHERE tenant = ? AND identity_id = ?", x.tenant, idBytes(i.ID)); err != nil {
			return err
		}
	}
	return x.insertSearch(x.searchRows(i.ID, i.Search))
}

func sameSearch(a, b []identity.SearchValue) bool {
	order := func(v, w identity.SearchValue) int {
		return strings.Compare(v.Name+"\x00"+v.Value, w.Name+"\x00"+w.Value)
	}
	a, b = slices.SortedStableFunc(slices.Values(a), order), slices.SortedStableFunc(slices.Values(b), order)
	return slices.Equal(a, b)
}

// Reindex replaces what identities can be found by, and nothing else of them. Those
// that are gone or were changed since they were read are passed over: whoever changed
// them has indexed them.
func (t *Tenant) Reindex(ctx context.Context, list []*identity.Identity) error {
	return t.Tx(ctx, func(x *Tx) error {
		for _, i := range list {
			var updated time.Time
			err := one(x.c, "SELECT updated_at FROM identities WHERE tenant = ? AND id = ?", []any{x.tenant, idBytes(i.ID)}, timeAt{&updated})
			if errors.Is(err, problem.ErrNotFound) || err == nil && !sameTime(updated, i.UpdatedAt) {
				continue
			}
			if err == nil {
				err = x.updateSearch(i)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// SearchStamp tells which description of a schema its identities are indexed by; ""
// for none.
func (t *Tenant) SearchStamp(ctx context.Context, schemaID string) (stamp string, err error) {
	err = one(t.read(ctx), "SELECT stamp FROM search_states WHERE tenant = ? AND schema_id = ?", []any{t.id, schemaID}, &stamp)
	if errors.Is(err, problem.ErrNotFound) {
		return "", nil
	}
	return stamp, err
}

// indexing marks the stamp of an index that is being made.
const indexing = "~"

// BeginIndexing notes by which description a schema's identities are about to be
// indexed: from here on a writer that follows another one leaves a trace.
func (t *Tenant) BeginIndexing(ctx context.Context, schemaID, stamp string) error {
	return t.Tx(ctx, func(x *Tx) error {
		if _, err := x.c.exec("DELETE FROM search_states WHERE tenant = ? AND schema_id = ?", x.tenant, schemaID); err != nil {
			return err
		}
		_, err := x.c.exec("INSERT INTO search_states (tenant, schema_id, stamp) VALUES (?, ?, ?)", x.tenant, schemaID, indexing+stamp)
		return err
	})
}

// EndIndexing notes that all of a schema's identities are indexed by a description,
// unless somebody wrote one by another since BeginIndexing.
func (t *Tenant) EndIndexing(ctx context.Context, schemaID, stamp string) error {
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("UPDATE search_states SET stamp = ? WHERE tenant = ? AND schema_id = ? AND stamp = ?", stamp, x.tenant, schemaID, indexing+stamp)
		return err
	})
}

// settleSearch forgets the stamp of a schema whose identities are not all indexed by
// one description any more, because of these.
func (x *Tx) settleSearch(list ...*identity.Identity) error {
	var settled [][2]string
	for _, i := range list {
		pair := [2]string{i.SchemaID, i.SearchStamp}
		if i.Search == nil || slices.Contains(settled, pair) {
			continue
		}
		settled = append(settled, pair)
		err := x.c.later(nil, "DELETE FROM search_states WHERE tenant = ? AND schema_id = ? AND stamp <> ? AND stamp <> ?",
			x.tenant, i.SchemaID, i.SearchStamp, indexing+i.SearchStamp)
		if err != nil {
			return err
		}
	}
	return nil
}
