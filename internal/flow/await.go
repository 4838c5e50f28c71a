package flow

import (
	"context"

	"cardea/internal/identity"
	"cardea/internal/ui"
)

// await shows the next screen of a flow that goes on.
func (r *run) await(ctx context.Context, step *Step, w Await) *Answer {
	if err := r.proceed(step, w); err != nil {
		return r.forward(ctx, err)
	}
	p, err := r.ready(ctx, r.flow, w.Effects)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	// The first screen of a mitigated login has read an account or has not.
	secret := w.Effects.Codes != nil || w.Screen && r.Setup.Security.AccountEnumeration.Mitigate
	if secret && r.kind.padded {
		defer r.clock.SleepUntil(ctx, r.now.Add(r.floor))
	}
	if r.opened {
		r.rebind()
	}
	r.flow.UpdatedAt = r.now
	err = r.write(ctx, nil, func(tx Tx) error {
		if err := p.write(tx, r.now); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
	if err != nil {
		return r.forward(ctx, err)
	}
	if w.Forward != "" {
		return r.forwardTo(ctx, w.Forward)
	}
	if w.Elsewhere {
		return r.goElsewhere(r.uiURL(r.kind.name, r.flow.ID))
	}
	return r.progress(ctx, w.Quiet)
}

// forwardTo goes on with a provider as if it had been chosen. One that cannot be
// reached is shown, to be chosen.
func (r *run) forwardTo(ctx context.Context, provider string) *Answer {
	x, err := r.exec(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	for _, s := range r.offered() {
		if !s.Connects {
			continue
		}
		tree := map[string]any{"provider": provider}
		if result, err := s.submit(ctx, x, tree); err == nil {
			return r.act(ctx, x, s, tree, result)
		}
	}
	return r.progress(ctx, false)
}

// hand lets another step go on as if it had been chosen.
func (r *run) hand(ctx context.Context, x *Exec, h Hand) *Answer {
	step := r.primary(r.kind.name, h.Method)
	if step == nil {
		return r.reject(ctx, Deny(ui.New(r.kind.nobody)))
	}
	w, err := step.send(ctx, x, identity.Address{Value: h.Typed}, h.Identity)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	return r.await(ctx, step, w)
}

// proceed changes the flow as a step wants it.
func (r *run) proceed(step *Step, w Await) error {
	f := r.flow
	if w.State != "" {
		f.State = w.State
	}
	f.Active = step.Method
	if w.Active != nil {
		f.Active = *w.Active
	}
	f.Messages, f.FieldMessages = w.Form, nil
	if w.Values != nil {
		f.Values = w.Values
	}
	if w.Screen {
		if err := f.remember(stageKey, stageFacts{Stage: w.Stage, Methods: w.Methods, Linked: w.Linked, Organization: w.Home, Only: w.Only}); err != nil {
			return err
		}
	}
	return f.remember(step.Method, w.Facts)
}

// progress answers after a step that went well. The contract answers with a 400
// where a journey is not over, but with a 200 in some kinds.
func (r *run) progress(ctx context.Context, quiet bool) *Answer {
	if r.navigates() || r.flow.Type == API && !r.JSON && r.kind.step == 400 {
		return redirect(303, r.uiURL(r.kind.name, r.flow.ID))
	}
	a := r.show(ctx, r.kind.step)
	if page, ok := a.Body.(*Page); ok {
		page.Transient = !quiet && r.kind.repeats
	}
	return a
}

// navigates says whether the client is a page that has to be redirected.
func (r *run) navigates() bool {
	if r.kind.byAccept {
		return r.Page
	}
	return r.flow.Type == Browser && !r.JSON
}
