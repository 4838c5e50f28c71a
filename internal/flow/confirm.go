package flow

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Whoever has signed in so unusually that a second factor is asked for, and has none,
// confirms in the login that asks for it that they read one of their verified
// addresses. That makes the session good for what it would have been good for, and
// does not raise its level.

// confirmKey is where such a login keeps whose it is.
const confirmKey = "confirmation"

type confirmation struct {
	Identity uuid.UUID `json:"identity"`
}

// Confirms says whether an unusual sign-in is confirmed in this login.
func (f *Flow) Confirms() bool {
	_, ok := f.Facts[confirmKey]
	return ok
}

// leadToConfirmation makes of a login that asks for a second factor one that confirms
// a sign-in, for whoever is held and has none.
func leadToConfirmation(ctx context.Context, r *run) *Answer {
	if r.Session == nil || r.flow.RequestedAAL != session.AAL2 || !r.Session.Held() {
		return nil
	}
	i, err := r.store.Identity(ctx, r.Session.IdentityID)
	if err != nil {
		return r.forward(ctx, err)
	}
	if r.availableAAL(i) == string(session.AAL2) || !r.confirmable(i) {
		return nil
	}
	r.flow.Messages = slices.DeleteFunc(r.flow.Messages, func(m ui.Message) bool { return m.ID == ui.LoginSecondFactor })
	r.flow.Messages = append(r.flow.Messages, ui.New(ui.LoginConfirm))
	if err := r.flow.remember(confirmKey, confirmation{Identity: i.ID}); err != nil {
		return r.forward(ctx, err)
	}
	return nil
}

// requireConfirmer keeps everybody else out of a login in which a sign-in is confirmed:
// who is not held, or has a second factor by now, has nothing to confirm there.
func requireConfirmer(ctx context.Context, r *run) *Answer {
	if !r.flow.Confirms() {
		return nil
	}
	var c confirmation
	if json.Unmarshal(r.flow.Facts[confirmKey], &c) != nil || r.Session == nil || r.Session.IdentityID != c.Identity || !r.Session.Held() {
		return r.forward(ctx, problem.Forbidden("The flow belongs to somebody else.").Named(problem.IdentityMismatch))
	}
	i, err := r.store.Identity(ctx, c.Identity)
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case r.availableAAL(i) == string(session.AAL2):
		return r.askSecondFactor(r.stepUp(r.stepUpQuery()))
	}
	return nil
}
