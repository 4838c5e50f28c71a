package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cardea/internal/httpapi"
	"cardea/internal/store"
)

// deliveries are the errands of one tenant for operators.
type deliveries struct{ rows *store.Tenant }

// ListDeliveries is Errands.
func (d deliveries) ListDeliveries(ctx context.Context, f httpapi.DeliveryFilter) ([]*httpapi.Delivery, error) {
	list, err := d.rows.Errands(ctx, store.ErrandFilter(f))
	all := make([]*httpapi.Delivery, len(list))
	for n, e := range list {
		all[n] = shownDelivery(e)
	}
	return all, err
}

// Delivery is Errand.
func (d deliveries) Delivery(ctx context.Context, id uuid.UUID) (*httpapi.Delivery, error) {
	e, err := d.rows.Errand(ctx, id)
	if err != nil {
		return nil, err
	}
	return shownDelivery(e), nil
}

// ReplayDelivery is ReplayErrand.
func (d deliveries) ReplayDelivery(ctx context.Context, id uuid.UUID, now time.Time) (bool, error) {
	return d.rows.ReplayErrand(ctx, id, now)
}

// ReplayDeliveries is ReplayErrands.
func (d deliveries) ReplayDeliveries(ctx context.Context, f httpapi.DeliveryFilter, now time.Time) (int, error) {
	return d.rows.ReplayErrands(ctx, store.ErrandFilter(f), now)
}

func shownDelivery(e store.Errand) *httpapi.Delivery {
	return &httpapi.Delivery{
		ID: e.ID, Event: e.Event, Subject: e.Subject, Kind: string(e.Kind), Target: e.Target, Type: e.Type,
		Status: e.Status, Attempts: e.Attempts, Error: e.Error, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}
