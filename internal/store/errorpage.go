package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// ErrorContainer is an error that waits for the error page to ask for it.
type ErrorContainer struct {
	ID        uuid.UUID
	Problem   *problem.Error // without cause and without what stands beside the error
	CSRFHash  []byte         // of the anti-CSRF token of the browser that ran into it; may be nil
	SeenAt    *time.Time     // when it was read first; nil before that
	CreatedAt time.Time
	UpdatedAt time.Time
}

// problemRow is the public part of a problem as a row keeps it.
type problemRow struct {
	ID      problem.ID     `json:"id,omitempty"`
	Status  int            `json:"status"`
	Code    int            `json:"code,omitempty"`
	Message string         `json:"message"`
	Reason  string         `json:"reason,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

func (x *Tx) insertError(id uuid.UUID, p *problem.Error, csrfHash []byte, now time.Time) error {
	body, err := json.Marshal(problemRow{p.ID, p.Status, p.Code, p.Message, p.Reason, p.Details})
	if err != nil {
		return fmt.Errorf("encoding an error: %w", err)
	}
	_, err = x.c.exec("INSERT INTO error_containers (tenant, id, body, csrf_hash, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
		x.tenant, idBytes(id), string(body), bytesOrNull(csrfHash), micros(now), micros(now))
	return err
}

// CreateErrorFor is CreateError bound to the anti-CSRF token of a browser.
func (t *Tenant) CreateErrorFor(ctx context.Context, id uuid.UUID, p *problem.Error, csrfHash []byte, now time.Time) error {
	return t.Tx(ctx, func(x *Tx) error { return x.insertError(id, p, csrfHash, now) })
}

// StoredError reads an error container; the first read notes when that was, later ones
// write nothing.
func (t *Tenant) StoredError(ctx context.Context, id uuid.UUID, now time.Time) (*ErrorContainer, error) {
	e := &ErrorContainer{ID: id}
	var body []byte
	err := one(t.read(ctx), "SELECT body, csrf_hash, seen_at, created_at, updated_at FROM error_containers WHERE tenant = ? AND id = ?",
		[]any{t.id, idBytes(id)}, &body, &e.CSRFHash, timeOrNil{&e.SeenAt}, timeAt{&e.CreatedAt}, timeAt{&e.UpdatedAt})
	if err != nil {
		return nil, err
	}
	var row problemRow
	if err := json.Unmarshal(body, &row); err != nil {
		return nil, fmt.Errorf("decoding an error: %w", err)
	}
	e.Problem = &problem.Error{ID: row.ID, Status: row.Status, Code: row.Code, Message: row.Message, Reason: row.Reason, Details: row.Details}
	if e.SeenAt != nil {
		return e, nil
	}
	err = t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("UPDATE error_containers SET seen_at = ? WHERE tenant = ? AND id = ? AND seen_at IS NULL",
			micros(now), x.tenant, idBytes(id))
		return err
	})
	return e, err
}
