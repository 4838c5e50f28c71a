package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// The engine's interfaces are satisfied here.
var (
	_ flow.Store = (*Tenant)(nil)
	_ flow.Tx    = (*Tx)(nil)
)

// Write is Tx for the flow engine.
func (t *Tenant) Write(ctx context.Context, fn func(flow.Tx) error) error {
	return t.Tx(ctx, func(x *Tx) error { return fn(x) })
}

// CreateFlow stores a flow in a transaction of its own, or, when there is nothing else to
// write, together with those of others.
func (t *Tenant) CreateFlow(ctx context.Context, f *flow.Flow) error {
	if t.register(ctx).operates() {
		return t.Tx(ctx, func(x *Tx) error { return x.InsertFlow(f) })
	}
	row, err := (&Tx{db: t.db, tenant: t.id}).newFlowRow(f)
	if err != nil {
		return err
	}
	return t.db.writes.insert(ctx, t.db.texts.flows, row)
}

// fieldMessageRow is a message on a node as a row keeps it.
type fieldMessageRow struct {
	Node    string    `json:"node"`
	Message ui.Stored `json:"message"`
}

// flowColumns are those that change, then those that do not.
const flowColumns = "state, active_method, issued_at, expires_at, updated_at, request_url, return_to, csrf_hash, " +
	"identity_id, session_id, organization_id, schema_id, challenge, refresh, requested_aal, facts, messages, " +
	"field_messages, form_values, kind, type, created_at"

// Flow reads a flow of any kind, expired or not.
func (t *Tenant) Flow(ctx context.Context, id uuid.UUID) (*flow.Flow, error) {
	f := &flow.Flow{ID: id}
	var facts, messages, fieldMessages, values []byte
	err := one(t.read(ctx), "SELECT "+flowColumns+" FROM flows WHERE tenant = ? AND id = ?", []any{t.id, idBytes(id)},
		(*string)(&f.State), &f.Active, timeAt{&f.IssuedAt}, timeAt{&f.ExpiresAt}, timeAt{&f.UpdatedAt}, &f.RequestURL,
		&f.ReturnTo, &f.CSRFHash, idOrNil{&f.IdentityID}, idOrNil{&f.SessionID}, idOrNil{&f.Organization}, &f.SchemaID,
		&f.Challenge, &f.Refresh, (*string)(&f.RequestedAAL), &facts, &messages, &fieldMessages, &values,
		(*string)(&f.Kind), (*string)(&f.Type), timeAt{&f.CreatedAt})
	if err != nil {
		return nil, err
	}
	return f, decodeFlow(f, facts, messages, fieldMessages, values)
}

func decodeFlow(f *flow.Flow, facts, messages, fieldMessages, values []byte) error {
	var stored []ui.Stored
	var onNodes []fieldMessageRow
	for _, column := range []struct {
		raw []byte
		to  any
	}{{facts, &f.Facts}, {messages, &stored}, {fieldMessages, &onNodes}, {values, &f.Values}} {
		if column.raw == nil {
			continue
		}
		if err := json.Unmarshal(column.raw, column.to); err != nil {
			return fmt.Errorf("decoding a flow: %w", err)
		}
	}
	for _, m := range stored {
		f.Messages = append(f.Messages, m.Message())
	}
	for _, m := range onNodes {
		f.FieldMessages = append(f.FieldMessages, flow.FieldMessage{Node: m.Node, Message: m.Message.Message()})
	}
	return nil
}

// InsertFlow stores a new flow. Its exchange code and transient payload stay out.
func (x *Tx) InsertFlow(f *flow.Flow) error {
	row, err := x.newFlowRow(f)
	if err != nil {
		return err
	}
	return x.c.later(nil, x.db.texts.flows.texts[1], row...)
}

// newFlowRow are the columns of a new flow, which it gives an id and a time.
func (x *Tx) newFlowRow(f *flow.Flow) ([]any, error) {
	x.stamp(&f.ID, &f.CreatedAt, &f.UpdatedAt, x.db.clock.Now())
	changing, err := flowRow(f)
	if err != nil {
		return nil, err
	}
	return append([]any{x.tenant, idBytes(f.ID), string(f.Kind), string(f.Type), micros(f.CreatedAt)}, changing...), nil
}

// UpdateFlow stores all of a flow but its kind, type and time of creation.
// ErrNotFound when it is gone.
func (x *Tx) UpdateFlow(f *flow.Flow) error {
	f.UpdatedAt = x.db.clock.Now().Truncate(time.Microsecond)
	row, err := flowRow(f)
	if err != nil {
		return err
	}
	return x.c.later(outcome(touched), "UPDATE flows SET state = ?, active_method = ?, issued_at = ?, expires_at = ?, updated_at = ?, "+
		"request_url = ?, return_to = ?, csrf_hash = ?, identity_id = ?, session_id = ?, organization_id = ?, schema_id = ?, "+
		"challenge = ?, refresh = ?, requested_aal = ?, facts = ?, messages = ?, field_messages = ?, form_values = ? "+
		"WHERE tenant = ? AND id = ?", append(row, x.tenant, idBytes(f.ID))...)
}

// flowRow are the columns that change, in the order of flowColumns.
func flowRow(f *flow.Flow) ([]any, error) {
	stored := make([]ui.Stored, len(f.Messages))
	for k, m := range f.Messages {
		stored[k] = m.Stored()
	}
	onNodes := make([]fieldMessageRow, len(f.FieldMessages))
	for k, m := range f.FieldMessages {
		onNodes[k] = fieldMessageRow{Node: m.Node, Message: m.Message.Stored()}
	}
	row := []any{
		string(f.State), f.Active, micros(f.IssuedAt), micros(f.ExpiresAt), micros(f.UpdatedAt), f.RequestURL,
		f.ReturnTo, bytesOrNull(f.CSRFHash), idOrNull(f.IdentityID), idOrNull(f.SessionID), idOrNull(f.Organization),
		f.SchemaID, f.Challenge, flag(f.Refresh), string(f.RequestedAAL),
	}
	for _, column := range []struct {
		empty bool
		value any
	}{{f.Facts == nil, f.Facts}, {len(stored) == 0, stored}, {len(onNodes) == 0, onNodes}, {f.Values == nil, f.Values}} {
		if column.empty {
			row = append(row, nil)
			continue
		}
		raw, err := json.Marshal(column.value)
		if err != nil {
			return nil, fmt.Errorf("encoding a flow: %w", err)
		}
		row = append(row, string(raw))
	}
	return row, nil
}

// DeleteFlow removes a flow. ErrNotFound when it is gone.
func (x *Tx) DeleteFlow(id uuid.UUID) error {
	return touched(x.c.exec("DELETE FROM flows WHERE tenant = ? AND id = ?", x.tenant, idBytes(id)))
}

// CreateError keeps the public part of an error for the error page.
func (t *Tenant) CreateError(ctx context.Context, id uuid.UUID, p *problem.Error, now time.Time) error {
	return t.Tx(ctx, func(x *Tx) error { return x.insertError(id, p, nil, now) })
}
