package flow

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// HandOut is a recovery that an operator begins for somebody.
type HandOut struct {
	Setup    *Setup
	Method   string // code or link
	Identity uuid.UUID
	Type     Type          // of the flow
	Lifespan time.Duration // of flow and secret; 0 for the method's own
	ReturnTo string        // where the recovery leads in the end; "" for the default
	URL      string        // of the request, as the client saw it
}

// HandedOut is what the operator gives to the person. Whoever has it can open
// the account.
type HandedOut struct {
	Page      string // the page on which the code is entered
	Link      string // the address that opens the account
	Secret    string // the code
	ExpiresAt time.Time
}

// ErrNoSuchIdentity is HandOut.Identity being nobody.
var ErrNoSuchIdentity = errors.New("there is no such identity")

// HandOutRecovery begins a recovery without a browser: nothing is sent, no
// address is needed, and the flow belongs to whoever is given its address.
// Errors are problems (404 for a method that is off, 400 for a return address
// that is not allowed) or ErrNoSuchIdentity.
func (e *Engine) HandOutRecovery(ctx context.Context, h HandOut) (*HandedOut, error) {
	visit := &Visit{Setup: h.Setup, URL: h.URL, Query: url.Values{}, CSRF: NewCSRF(nil)}
	r := e.begin(Recovery, visit)
	step := r.primary(Recovery, h.Method)
	if step == nil {
		return nil, problem.NotFound("Recovery by %s was switched off by the operator.", h.Method)
	}
	if _, err := r.ReturnTo(h.ReturnTo, r.SelfService.DefaultBrowserReturnURL); err != nil {
		return nil, err
	}
	i, err := r.store.Identity(ctx, h.Identity)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, ErrNoSuchIdentity
	}
	if err != nil {
		return nil, err
	}
	r.flow = r.fresh(h.Type)
	r.flow.ReturnTo, r.flow.IdentityID = h.ReturnTo, &i.ID
	if err := r.flow.remember(handedOutKey, true); err != nil {
		return nil, err
	}
	x, err := r.exec(ctx)
	if err != nil {
		return nil, err
	}
	w, err := step.send(ctx, x, identity.Address{}, i)
	if err != nil {
		return nil, err
	}
	if h.Lifespan > 0 {
		w.Effects.Codes.ExpiresAt = r.now.Add(h.Lifespan)
	}
	r.flow.ExpiresAt = w.Effects.Codes.ExpiresAt
	w.Form = nil // nothing was sent
	if err := r.proceed(step, w); err != nil {
		return nil, err
	}
	p, err := r.ready(ctx, r.flow, w.Effects)
	if err != nil {
		return nil, err
	}
	err = r.write(ctx, nil, func(tx Tx) error {
		if err := tx.InsertFlow(r.flow); err != nil {
			return err
		}
		if err := tx.Record(audit.Entry{
			Action: audit.RecoveryHandedOut, Identity: i.ID, Details: audit.Details{Method: h.Method, Flow: r.flow.ID.String()}.JSON(),
		}); err != nil {
			return err
		}
		return p.write(tx, r.now)
	})
	if err != nil {
		return nil, err
	}
	secret := w.Effects.Codes.List[0].Digits
	return &HandedOut{
		Page: r.uiURL(Recovery, r.flow.ID), Secret: secret, ExpiresAt: r.flow.ExpiresAt,
		Link: r.LinkTo(r.flow, "token", secret),
	}, nil
}
