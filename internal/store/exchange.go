package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
)

// CreateExchange keeps the hash of the init half of a session token exchange.
func (t *Tenant) CreateExchange(ctx context.Context, flowID uuid.UUID, initHash []byte, expiresAt time.Time) error {
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("INSERT INTO session_token_exchanges (tenant, flow_id, init_hash, expires_at, created_at) VALUES (?, ?, ?, ?, ?)",
			x.tenant, idBytes(flowID), initHash, micros(expiresAt), micros(x.db.clock.Now()))
		return err
	})
}

// Exchange reads an exchange by the hash of its init half, expired or not.
func (t *Tenant) Exchange(ctx context.Context, initHash []byte) (*flow.Exchange, error) {
	var e flow.Exchange
	err := one(t.read(ctx), "SELECT flow_id, session_id, return_hash, expires_at FROM session_token_exchanges WHERE tenant = ? AND init_hash = ?",
		[]any{t.id, initHash}, &e.FlowID, idOrNil{&e.SessionID}, &e.ReturnHash, timeAt{&e.ExpiresAt})
	if err != nil {
		return nil, err
	}
	return &e, nil
}

// CompleteExchange notes the browser's half and, unless it is nil, the session.
// ErrNotFound when the flow has no exchange.
func (x *Tx) CompleteExchange(flowID uuid.UUID, returnHash []byte, sessionID *uuid.UUID) error {
	return touched(x.c.exec("UPDATE session_token_exchanges SET return_hash = ?, session_id = ? WHERE tenant = ? AND flow_id = ?",
		returnHash, idOrNull(sessionID), x.tenant, idBytes(flowID)))
}

// MoveExchange hands an exchange to the flow that continues the one it belongs to.
// A flow without one is no error.
func (x *Tx) MoveExchange(from, to uuid.UUID) error {
	_, err := x.c.exec("UPDATE session_token_exchanges SET flow_id = ? WHERE tenant = ? AND flow_id = ?",
		idBytes(to), x.tenant, idBytes(from))
	return err
}
