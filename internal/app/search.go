package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
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
// changed. Identities that are written meanwhile are indexed by the writer.
func (a *App) indexSearch(ctx context.Context) error {
	setup, rows := a.setup.load(), a.db.Tenant(store.DefaultTenant)
	for _, ref := range setup.Identity.Schemas {
		compiled, err := setup.Schema(ref.ID)
		if err != nil {
			return err
		}
		stamp := searchStamp(compiled)
		known, err := rows.SearchStamp(ctx, ref.ID)
		if err != nil {
			return err
		}
		if known == stamp {
			continue
		}
		if err := indexSchema(ctx, rows, compiled); err != nil {
			return err
		}
		if err := rows.SetSearchStamp(ctx, ref.ID, stamp); err != nil {
			return err
		}
	}
	return nil
}

// searchStamp changes with the list of searchable traits; "" when there are none.
func searchStamp(s *schema.Schema) string {
	names := slices.Sorted(slices.Values(s.Searchable()))
	if len(names) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return hex.EncodeToString(sum[:])
}

func indexSchema(ctx context.Context, rows *store.Tenant, s *schema.Schema) error {
	f := store.IdentityFilter{SchemaID: s.ID(), Limit: searchPage}
	for {
		list, err := rows.Identities(ctx, f)
		if err != nil {
			return err
		}
		for _, i := range list {
			i.Search = []identity.SearchValue{}
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
