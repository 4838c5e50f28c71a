package app

import (
	"context"
	"time"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/store"
)

const (
	// searchInterval is how soon a changed schema is noticed.
	searchInterval = time.Minute
	// searchPage is how many identities are indexed in one transaction.
	searchPage = 100
)

// indexSearch makes identities findable that were stored before their schema said
// which traits are searchable: it goes through all of a schema whenever that list has
// changed. Identities that are written meanwhile are indexed by the writer. One that
// follows another list, because its request began before a reload or because its
// process has not reloaded yet, makes the store forget the stamp, so that this starts
// over.
func (a *App) indexSearch(ctx context.Context) error {
	setup, rows := a.setup.load(), a.db.Tenant(store.DefaultTenant)
	for _, ref := range setup.Identity.Schemas {
		compiled, err := setup.Schema(ref.ID)
		if err != nil {
			return err
		}
		stamp := compiled.SearchStamp()
		known, err := rows.SearchStamp(ctx, ref.ID)
		if err != nil {
			return err
		}
		if known == stamp {
			continue
		}
		if err := rows.BeginIndexing(ctx, ref.ID, stamp); err != nil {
			return err
		}
		if err := indexSchema(ctx, rows, compiled); err != nil {
			return err
		}
		if err := rows.EndIndexing(ctx, ref.ID, stamp); err != nil {
			return err
		}
	}
	return nil
}

func indexSchema(ctx context.Context, rows *store.Tenant, s *schema.Schema) error {
	f := store.IdentityFilter{SchemaID: s.ID(), Limit: searchPage}
	for {
		list, err := rows.Identities(ctx, f)
		if err != nil {
			return err
		}
		for _, i := range list {
			i.Search, i.SearchStamp = []identity.SearchValue{}, s.SearchStamp()
			// Traits that are not valid any more cannot be found until they are.
			if derived, violations, err := s.Validate(i.Traits); err == nil && len(violations) == 0 {
				i.Search = append(i.Search, derived.Search...)
			}
		}
		if err := rows.Reindex(ctx, list); err != nil || len(list) < searchPage {
			return err
		}
		f.After = list[len(list)-1].ID
	}
}
