package flow

import (
	"context"
	"errors"
	"maps"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Changed ends a submission of settings: something about the account is another.
type Changed struct {
	// Apply changes the identity as it is stored at that moment, with credentials
	// and addresses. It does no slow work and may run twice. Nil changes nothing.
	Apply func(*identity.Identity) error
	// Evidence is what enrolling has proved besides; nil for nothing.
	Evidence *session.Method
	Facts    any // of the step's method; nil keeps them
	Effects  Effects
	Active   string // the method that the form goes on showing as active; "" for none
}

// Stale asks for a recent sign-in before the step goes on: see Spec.Needs for
// steps that always need one.
type Stale struct{}

func (Changed) result() {}
func (Stale) result()   {}

// concludeSettings stores a change of the account and shows the form anew.
func (r *run) concludeSettings(ctx context.Context, step *Step, c Changed) *Answer {
	to, err := r.ReturnTo(r.flow.ReturnTo, r.settingsReturn(step.Method))
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	before, after, a := r.settingsHooks(ctx, step, &c)
	if a != nil {
		return a
	}
	verification, err := r.verifyChanged(ctx, after)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	if step.Method == "profile" {
		notices := r.notices(before, after)
		if c.Effects.Beside, err = r.undoable(notices, before, after); err != nil {
			return r.forward(ctx, err)
		}
		c.Effects.Messages = append(c.Effects.Messages, notices...)
	}
	p, err := r.ready(ctx, r.flow, c.Effects)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	f := r.flow
	typed, state, facts := f.Values, f.State, maps.Clone(f.Facts)
	f.State, f.Active, f.Values = Success, c.Active, nil
	f.Messages, f.FieldMessages = []ui.Message{ui.New(ui.SettingsSaved)}, nil
	delete(f.Facts, parkedKey)
	delete(f.Facts, stageKey)
	if err := f.remember(step.Method, c.Facts); err != nil {
		return r.forward(ctx, err)
	}
	next := r.successor()
	if err := f.remember(successorKey, next.ID); err != nil {
		return r.forward(ctx, err)
	}
	next.Facts = f.Facts
	s := *r.Session
	if c.Evidence != nil {
		m := *c.Evidence
		m.CompletedAt = r.now
		s.Renew(m, r.now, r.lifespan(&s))
		if r.tied {
			s.ExpiresAt = r.Session.ExpiresAt
		}
	}
	then, err := r.succeeds(ctx, r.afterHooks(Settings, step.Method), occasion{identity: after, session: r.Session})
	if err != nil {
		return r.forward(ctx, err)
	}
	err = r.conclude(ctx, then, occasion{identity: after, session: &s}, func(tx Tx) error {
		stored, err := r.writeChange(tx, c, step, &s)
		if err != nil {
			return err
		}
		if stored != nil {
			after = stored // as it is in the row, not as it was foreseen
		}
		if err := verification.write(tx, r); err != nil {
			return err
		}
		for _, address := range verification.proofs() {
			if err := tx.MarkAddress(address, identity.AddressSent, r.now); err != nil {
				return err
			}
		}
		if err := p.write(tx, r.now); err != nil {
			return err
		}
		if err := tx.InsertFlow(next); err != nil {
			return err
		}
		return tx.UpdateFlow(f)
	})
	var taken *problem.ConflictError
	if errors.As(err, &taken) {
		f.State, f.Messages, f.Values, f.Facts = state, saved(state), typed, facts
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTaken)))
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	for _, address := range verification.proofs() {
		sent(after, address)
	}
	s.Identity = after
	old := r.Session
	r.Session = &s
	if a := r.settingsStored(ctx, step, next, old); a != nil {
		return a
	}
	return r.answerSettings(ctx, to, verification, r.after(Settings, step.Method))
}

// writeChange stores the identity and the session, and gives the identity as it
// was stored; nil when it did not change. A factor that went away proves nothing any
// more, in this session and in all others of the identity.
func (r *run) writeChange(tx Tx, c Changed, step *Step, s *session.Session) (stored *identity.Identity, err error) {
	if c.Evidence != nil {
		if err := tx.UpdateSession(s); err != nil {
			return nil, err
		}
	}
	if c.Apply != nil {
		if stored, err = tx.Identity(s.IdentityID); err != nil {
			return nil, err
		}
		before := stored.SecondFactors()
		if err := c.Apply(stored); err != nil {
			return nil, err
		}
		stored.AvailableAAL = r.availableAAL(stored)
		if err := tx.UpdateIdentity(stored); err != nil {
			return nil, err
		}
		if lost := stored.Lost(before); len(lost) > 0 {
			s.Withdraw(lost, r.now)
			if err := tx.WithdrawEvidence(s.IdentityID, lost, r.now); err != nil {
				return nil, err
			}
		}
	}
	if r.joins || r.after(Settings, step.Method).has(hookRevoke) {
		_, err = tx.RevokeSessionsOf(s.IdentityID, s.ID, r.now)
	}
	return stored, err
}

// foresee applies the change to a copy: what the account was and what it will be.
func (r *run) foresee(ctx context.Context, id uuid.UUID, c Changed) (before, after *identity.Identity, err error) {
	if r.Session != nil && r.Session.IdentityID == id {
		before, err = r.signedIn(ctx)
	} else {
		before, err = r.store.Identity(ctx, id)
	}
	if err != nil {
		return nil, nil, err
	}
	after = before.Clone()
	if c.Apply != nil {
		err = c.Apply(after)
	}
	return before, after, err
}

// verifyChanged starts the proof of an address that nobody has been asked about.
func (r *run) verifyChanged(ctx context.Context, i *identity.Identity) (*begun, error) {
	for _, a := range i.VerifiableAddresses {
		if !a.Verified && a.Status == identity.AddressPending {
			return r.newVerification(ctx, i, nil)
		}
	}
	return nil, nil
}

// settingsReturn is where a change leads that did not ask for a place: back to
// the form.
func (r *run) settingsReturn(method string) string {
	after := r.SelfService.Flows.ByKind(string(Settings)).After
	if to := after.ReturnURL(method); to != "" {
		return to
	}
	return r.uiURL(Settings, r.flow.ID)
}

// successorKey is where a settings flow keeps the flow that its form leads to
// after a success.
const successorKey = "successor"

// successor is a fresh flow that goes on where this one ends: the form of a
// success leads to it, so that a client can go on when this one's time is over.
func (r *run) successor() *Flow {
	next := r.fresh(r.flow.Type)
	next.RequestURL, next.ReturnTo, next.IdentityID, next.SessionID = r.flow.RequestURL, r.flow.ReturnTo, r.flow.IdentityID, r.flow.SessionID
	next.Organization = r.flow.Organization
	return next
}

// saved is what the form of a flow with an earlier success goes on saying.
func saved(s State) []ui.Message {
	if s != Success {
		return nil
	}
	return []ui.Message{ui.New(ui.SettingsSaved)}
}

// answerSettings shows the form as it is after a change.
func (r *run) answerSettings(ctx context.Context, to string, b *begun, hooks hookNames) *Answer {
	cookie := r.Cookie(r.Session, r.Token)
	if r.flow.Type == Browser && !r.JSON {
		a := redirect(303, to)
		a.Cookie = cookie
		return a
	}
	a := r.show(ctx, 200)
	page, ok := a.Body.(*Page)
	if !ok {
		return a
	}
	if r.flow.Type == Browser {
		a.Cookie = cookie
		page.ContinueWith = append(page.ContinueWith, Continue{Action: RedirectBrowserTo, RedirectTo: to})
	}
	page.ContinueWith = append(page.ContinueWith, r.announced(b, hooks)...)
	return a
}

// sent shows in an answer that a proof is under way.
func sent(i *identity.Identity, a identity.Address) {
	for n, row := range i.VerifiableAddresses {
		if row.Value == a.Value && row.Via == a.Via && !row.Verified {
			i.VerifiableAddresses[n].Status = identity.AddressSent
		}
	}
}
