package flow

import (
	"context"
	"errors"
	"slices"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Where the journeys call their web hooks.
//
//	login                  everything before the session is stored: an abort means no session
//	registration, settings hooks that may interrupt before storing, the others afterwards
//	recovery               everything before the session is stored
//	verification           everything after the address is marked

// loginHooks runs the hooks that decide about a login, in their order; nil lets it
// go on. What a hook wants to make of the identity is passed over: a login stores
// no account.
func (r *run) loginHooks(ctx context.Context, step *Step, proof Proved, s *session.Session) *Answer {
	hooks := r.afterHooks(Login, step.Method)
	split := slices.IndexFunc(hooks, func(h config.Hook) bool { return h.Name == hookRequireVerified })
	if split < 0 {
		split = len(hooks)
	}
	about := occasion{identity: proof.Identity, session: s, unstored: true}
	state := r.flow.State
	if proof.State != "" {
		r.flow.State = proof.State // as hooks see it
	}
	refused, err := r.tell(ctx, hooks[:split], isWebHook, about, nil)
	r.flow.State = state
	if a := r.refusedBy(ctx, refused, err); a != nil {
		return a
	}
	if a := r.requireVerified(ctx, step, proof.Identity); a != nil {
		return a
	}
	if proof.State != "" {
		r.flow.State = proof.State
	}
	refused, err = r.tell(ctx, hooks[split:], isWebHook, about, nil)
	r.flow.State = state
	return r.refusedBy(ctx, refused, err)
}

// registrationHooks runs the hooks that may refuse or change a new identity; nil
// lets it be stored. A refusal leaves the flow in the state it had before.
func (r *run) registrationHooks(ctx context.Context, step *Step, result NewIdentity) *Answer {
	i, state := result.Identity, r.flow.State
	if err := r.flow.remember(step.Method, result.Facts); err != nil {
		return r.forward(ctx, err)
	}
	if result.State != "" {
		r.flow.State = result.State
	}
	defer func() { r.flow.State = state }()
	for _, h := range r.gates(Registration, step.Method) {
		refused, err := r.tell(ctx, []config.Hook{h}, interrupts, occasion{identity: i}, func(c *IdentityChange) (*Rejected, error) {
			apply, refused, err := r.settleChange(i, c)
			if apply != nil {
				err = apply(i)
			}
			return refused, err
		})
		if refused != nil || err != nil {
			r.flow.State = state
			return r.refusedBy(ctx, refused, err)
		}
	}
	return nil
}

// signUpInactive stores an identity that a hook has switched off: it exists, and
// nobody is signed in.
func (r *run) signUpInactive(ctx context.Context, i *identity.Identity) *Answer {
	err := r.write(ctx, nil, func(tx Tx) error { return tx.CreateIdentity(i) })
	var taken *problem.ConflictError
	switch {
	case errors.As(err, &taken):
		return r.rejectTaken(ctx, taken)
	case err != nil:
		return r.forward(ctx, err)
	}
	return r.reject(ctx, Deny(ui.New(ui.LoginIdentityDisabled)))
}

// settingsHooks runs what decides about a change of settings before it is stored,
// in the order of the configuration. The result is what the change has become; an
// answer ends the submission.
func (r *run) settingsHooks(ctx context.Context, step *Step, c *Changed) (before, after *identity.Identity, a *Answer) {
	before, after, err := r.foresee(ctx, r.Session.IdentityID, *c)
	if err != nil {
		return nil, nil, r.unacceptable(ctx, err)
	}
	if a := r.changeWithin(ctx, before, after, c); a != nil {
		return nil, nil, a
	}
	session := r.Session
	for _, h := range r.gates(Settings, step.Method) {
		if h.Name == hookVerifyNew {
			if a := r.deferChange(ctx, step, before, after); a != nil {
				return nil, nil, a
			}
			continue
		}
		a := r.ask(ctx, []config.Hook{h}, interrupts, occasion{identity: after, session: session}, func(wanted *IdentityChange) (*Rejected, error) {
			apply, refused, err := r.settleChange(after, wanted)
			if apply == nil || err != nil {
				return refused, err
			}
			c.Apply = both(c.Apply, apply)
			return nil, apply(after)
		})
		if a != nil {
			return nil, nil, a
		}
	}
	return before, after, nil
}

// both applies one change after the other; the first may be nil.
func both(first, second func(*identity.Identity) error) func(*identity.Identity) error {
	if first == nil {
		return second
	}
	return func(i *identity.Identity) error {
		if err := first(i); err != nil {
			return err
		}
		return second(i)
	}
}

// settingsStored runs the hooks that follow a stored change, and those that a new
// settings flow begins with: the form leads to one. old is the session with the
// account as it was. The change stays whatever they say.
func (r *run) settingsStored(ctx context.Context, step *Step, next *Flow, old *session.Session) *Answer {
	about := occasion{identity: r.Session.Identity, session: old}
	if a := r.ask(ctx, r.afterHooks(Settings, step.Method), reports, about, nil); a != nil {
		return a
	}
	sub := &run{Engine: r.Engine, Visit: r.Visit, kind: r.kind, now: r.now, flow: next, ledger: r.ledger}
	if err := sub.beforeHooks(ctx); err != nil {
		return r.forward(ctx, err)
	}
	return nil
}

// proofHooks are the hooks that follow a proved address, and when the proof lets a
// change of settings take effect, those that follow such a change.
func (r *run) proofHooks(changed bool) (hooks, settings []config.Hook) {
	if changed {
		settings = r.afterHooks(Settings, "profile")
	}
	return r.SelfService.Flows.ByKind(string(Verification)).After.Hooks, settings
}

// provesAddress are the errands about a proof that is about to be stored. They are
// told of the account as it will be then.
func (r *run) provesAddress(ctx context.Context, result AddressProved, waiting *pending, derived *identity.Derived) ([]Errand, error) {
	hooks, settings := r.proofHooks(waiting != nil)
	all := slices.Concat(settings, hooks)
	if !slices.ContainsFunc(all, ignores) && (r.events == nil || !r.events.WantsEnd(r.Setup, Verification, false)) {
		return nil, nil
	}
	var i *identity.Identity
	var err error
	if waiting != nil {
		if i, err = r.store.Identity(ctx, waiting.Identity); err == nil {
			identity.Apply(i, *derived, r.now, r.newID)
		}
	} else {
		i, err = r.store.IdentityByVerifiableAddress(ctx, result.Address.Via, result.Address.Value)
	}
	if err != nil {
		return nil, err
	}
	proved(i, result.Effects.Verified, r.now)
	return r.succeeds(ctx, all, occasion{identity: i})
}

// verificationHooks runs those of the hooks that follow a proved address that
// somebody waits for.
func (r *run) verificationHooks(ctx context.Context, a identity.Address, changed bool) *Answer {
	hooks, settings := r.proofHooks(changed)
	waits := func(h config.Hook) bool { return isWebHook(h) && !ignores(h) }
	if !slices.ContainsFunc(slices.Concat(hooks, settings), waits) {
		return nil
	}
	i, err := r.store.IdentityByVerifiableAddress(ctx, a.Via, a.Value)
	if err != nil {
		return r.forward(ctx, err)
	}
	about := occasion{identity: i}
	if answer := r.ask(ctx, settings, reports, about, nil); answer != nil {
		return answer
	}
	return r.ask(ctx, hooks, waits, about, nil)
}
