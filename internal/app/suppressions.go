package app

import (
	"context"

	"github.com/google/uuid"

	"cardea/internal/httpapi"
	"cardea/internal/store"
)

// suppressions is the stored list of addresses that get nothing any more.
type suppressions struct{ rows *store.Tenant }

// Suppress is Suppress of the tenant.
func (p suppressions) Suppress(ctx context.Context, list []*httpapi.Suppression) error {
	all := make([]store.Suppression, len(list))
	for n, one := range list {
		all[n] = store.Suppression(*one)
	}
	return p.rows.Suppress(ctx, all)
}

// ListSuppressions is Suppressions of the tenant.
func (p suppressions) ListSuppressions(ctx context.Context, f httpapi.SuppressionFilter) ([]*httpapi.Suppression, error) {
	list, err := p.rows.Suppressions(ctx, store.SuppressionFilter(f))
	all := make([]*httpapi.Suppression, len(list))
	for n, one := range list {
		shown := httpapi.Suppression(one)
		all[n] = &shown
	}
	return all, err
}

// Unsuppress is Unsuppress of the tenant.
func (p suppressions) Unsuppress(ctx context.Context, id uuid.UUID) error {
	return p.rows.Unsuppress(ctx, id)
}
