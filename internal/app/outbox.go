package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/account"
	"cardea/internal/courier"
	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/httpapi"
	"cardea/internal/problem"
	"cardea/internal/store"
	"cardea/internal/telemetry"
)

// outbox is the stored outbox of all tenants as the worker sees it.
type outbox struct{ system *store.System }

// Claim is ClaimMessages.
func (o outbox) Claim(ctx context.Context, holder string, now, until time.Time, limit int) ([]courier.Claim, error) {
	list, err := o.system.ClaimMessages(ctx, holder, now, until, limit)
	if err != nil {
		return nil, err
	}
	claims := make([]courier.Claim, len(list))
	for i, m := range list {
		claims[i] = courier.Claim{
			Envelope: courier.Envelope{
				ID: m.ID, Template: m.Template, Channel: m.Channel, Recipient: m.Recipient, Status: courier.Status(m.Status),
				SendCount: m.SendCount, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
			},
			Lease:  courier.Lease{Tenant: int64(m.Tenant), Message: m.ID, Holder: holder, Attempt: m.SendCount},
			Sealed: m.Sealed,
		}
	}
	return claims, nil
}

// Renew is RenewMessage.
func (o outbox) Renew(ctx context.Context, l courier.Lease, until time.Time) (bool, error) {
	return o.system.RenewMessage(ctx, storedLease(l), until)
}

// Finish is FinishMessage.
func (o outbox) Finish(ctx context.Context, l courier.Lease, end courier.Outcome) error {
	return o.system.FinishMessage(ctx, storedLease(l), store.MessageOutcome{
		Status: string(end.Status), Error: end.Error, Now: end.Now, NextAt: end.NextAt, SuppressUntil: end.SuppressUntil,
	})
}

// Next is NextMessage.
func (o outbox) Next(ctx context.Context) (time.Time, error) {
	next, err := o.system.NextMessage(ctx)
	if errors.Is(err, problem.ErrNotFound) {
		return time.Time{}, nil
	}
	return next, err
}

func storedLease(l courier.Lease) store.MessageLease {
	return store.MessageLease{Tenant: store.TenantID(l.Tenant), ID: l.Message, Holder: l.Holder, Attempt: l.Attempt}
}

// posting is the storage of the engine: after a transaction that put messages into
// the outbox it counts them and wakes who sends them.
type posting struct {
	storage
	wake     func()
	queued   func(template, channel string)
	withheld func(m flow.Message, why gate.Scope)
}

// Write runs fn in one transaction.
func (p posting) Write(ctx context.Context, fn func(flow.Tx) error) error {
	var noticed []noticed
	err := p.storage.Write(ctx, func(tx flow.Tx) error {
		noticed = nil // of an earlier run
		return fn(noticing{tx, &noticed})
	})
	if err != nil {
		return err
	}
	wake := false
	for _, m := range noticed {
		if m.withheld != "" {
			p.withheld(m.Message, m.withheld)
			continue
		}
		p.queued(m.Template, string(m.Channel))
		wake = true
	}
	if wake {
		p.wake()
	}
	return nil
}

// noticing is a transaction that notices messages.
type noticing struct {
	flow.Tx
	noticed *[]noticed
}

type noticed struct {
	flow.Message
	withheld gate.Scope
}

// Enqueue puts a message into the outbox.
func (n noticing) Enqueue(m flow.Message) (gate.Scope, error) {
	withheld, err := n.Tx.Enqueue(m)
	*n.noticed = append(*n.noticed, noticed{m, withheld})
	return withheld, err
}

// watchWithheld counts messages that are not sent, and tells the log. To whom they would
// have gone stays out of it.
func (a *App) watchWithheld(m *telemetry.Metrics) func(flow.Message, gate.Scope) {
	return func(message flow.Message, why gate.Scope) {
		m.Withheld(string(message.Channel), string(why))
		a.log.Warn("a message was not sent", "why", string(why), "type", message.Template, "channel", string(message.Channel))
	}
}

// letters is the outbox of one tenant for those who read it: operators, and the
// developer's mailbox.
type letters struct {
	rows  *store.Tenant
	setup func() *flow.Setup
	wake  func()
}

// ListMessages is Messages.
func (l letters) ListMessages(ctx context.Context, f httpapi.MessageFilter) ([]*httpapi.Message, error) {
	list, err := l.rows.Messages(ctx, store.MessageFilter{
		Status: f.Status, Recipient: f.Recipient, BeforeCreatedAt: f.BeforeCreatedAt, BeforeID: f.BeforeID, Limit: f.Limit,
	})
	all := make([]*httpapi.Message, len(list))
	for i, m := range list {
		all[i] = l.shown(m)
	}
	return all, err
}

// Message finds a message with its dispatches.
func (l letters) Message(ctx context.Context, id uuid.UUID) (*httpapi.Message, error) {
	m, err := l.rows.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.shown(m), nil
}

// RequeueMessage gives an abandoned message all its attempts again.
func (l letters) RequeueMessage(ctx context.Context, id uuid.UUID, now time.Time) (bool, error) {
	requeued, err := l.rows.RequeueMessage(ctx, id, now)
	if requeued {
		l.wake()
	}
	return requeued, err
}

func (l letters) shown(m store.Message) *httpapi.Message {
	out := &httpapi.Message{
		ID: m.ID, Template: m.Template, Channel: m.Channel, Recipient: m.Recipient, Status: m.Status, SendCount: m.SendCount,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		Content: func() (string, string) {
			content := l.open(m)
			return content.Subject, content.Text
		},
	}
	for _, d := range m.Dispatches {
		out.Dispatches = append(out.Dispatches, httpapi.Dispatch{ID: d.ID, Error: d.Error, CreatedAt: d.CreatedAt})
	}
	return out
}

// open reads what a message says; a message whose secret was removed says nothing.
func (l letters) open(m store.Message) courier.Letter {
	content, err := courier.Open(l.setup().Keys, m.ID, m.Sealed)
	if err != nil {
		return courier.Letter{}
	}
	return content
}

// mailbox is letters for the page of development mode.
type mailbox struct{ letters }

// Letters are the newest, newest first.
func (b mailbox) Letters(ctx context.Context, limit int) ([]account.Letter, error) {
	list, err := b.rows.Messages(ctx, store.MessageFilter{Limit: limit})
	all := make([]account.Letter, len(list))
	for i, m := range list {
		all[i] = b.letter(m)
	}
	return all, err
}

// Letter finds one.
func (b mailbox) Letter(ctx context.Context, id uuid.UUID) (account.Letter, error) {
	m, err := b.rows.Message(ctx, id)
	if err != nil {
		return account.Letter{}, err
	}
	return b.letter(m), nil
}

func (b mailbox) letter(m store.Message) account.Letter {
	content := b.open(m)
	return account.Letter{
		ID: m.ID, To: m.Recipient, Subject: content.Subject, Text: content.Text, HTML: content.HTML,
		Template: m.Template, Status: m.Status, At: m.CreatedAt,
	}
}
