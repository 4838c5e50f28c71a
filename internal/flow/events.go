package flow

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Events makes errands of how submissions end, for those who have subscribed.
type Events interface {
	// WantsEnd says whether anybody wants to hear of such an end.
	WantsEnd(set *Setup, k Kind, failed bool) bool
	// Ended are the errands about an end.
	Ended(set *Setup, end End) ([]Errand, error)
	// Aside writes errands that no transaction writes; it never waits.
	Aside(all []Errand)
}

// End is how a submission ended: the journey succeeded, or the submission failed.
type End struct {
	Failed     bool
	Flow       *Flow
	Method     string             // of the step that was submitted
	Identity   *identity.Identity // nil when nobody is known, or only the id
	IdentityID *uuid.UUID
	Session    *session.Session // that the journey led to; nil for none
	Risk       risk.Verdict     // on the proof
	Device     session.Device
	Now        time.Time

	Messages []ui.MessageID // of a failure, on the form
	Problem  *problem.Error // of a failure, instead of a form
}

// ledger is what a request owes to other systems. Journeys that lead into each other
// share one.
type ledger struct {
	// owed are the hooks that were called as far as the journey is concerned. They are
	// written with the next transaction of the request, whatever that says.
	owed      []Errand
	succeeded bool      // the journey: what goes wrong afterwards does not undo it
	step      *Step     // that was submitted; nil before
	subject   uuid.UUID // whose secret was guessed at, as far as the gate has found out
	failure   *failure  // the last one; nil for none
	recorded  bool      // the failure is in the audit log already
}

type failure struct {
	of       *run
	messages []ui.MessageID
	problem  *problem.Error
}

// complains says whether a rejection that is part of a journey's way is one all the
// same: a code that is wrong.
func (why *Rejected) complains() bool {
	isError := func(m ui.Message) bool { return m.Type == ui.Error }
	return slices.ContainsFunc(why.Form, isError) || slices.ContainsFunc(why.Fields, func(m FieldMessage) bool { return isError(m.Message) })
}

// fail notes why a submission failed.
func (l *ledger) fail(of *run, why *Rejected, p *problem.Error) {
	f := &failure{of: of, problem: p}
	if why != nil {
		for _, m := range why.Form {
			f.messages = append(f.messages, m.ID)
		}
		for _, m := range why.Fields {
			f.messages = append(f.messages, m.Message.ID)
		}
	}
	l.failure = f
}

// write runs fn in one transaction, together with what the request owes and with
// what only its success makes true.
func (r *run) write(ctx context.Context, then []Errand, fn func(Tx) error) error {
	all := append(r.ledger.owed[:len(r.ledger.owed):len(r.ledger.owed)], then...)
	r.own = nil
	err := r.store.Write(ctx, func(tx Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		for _, e := range all {
			if err := tx.Dispatch(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		r.ledger.owed = nil
	}
	return err
}

// conclude is write for the transaction with which a journey has succeeded.
func (r *run) conclude(ctx context.Context, then []Errand, o occasion, fn func(Tx) error) error {
	err := r.write(ctx, then, func(tx Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Record(r.record(o))
	})
	r.ledger.succeeded = err == nil
	return err
}

// settleUp ends the accounts of a request, see end: what no transaction has taken is written
// aside, and so is that the submission failed.
func (r *run) settleUp(ctx context.Context) {
	l := r.ledger
	if len(l.owed) > 0 && r.write(context.WithoutCancel(ctx), nil, func(Tx) error { return nil }) != nil && r.events != nil {
		r.events.Aside(l.owed)
	}
	if l.step == nil || l.succeeded || l.failure == nil {
		return
	}
	of := l.failure.of
	r.recordFailure(ctx, of)
	if of.flow == nil || r.events == nil || !r.events.WantsEnd(r.Setup, of.kind.name, true) {
		return
	}
	end := End{Failed: true, Messages: l.failure.messages, Problem: l.failure.problem, IdentityID: of.flow.IdentityID}
	if of.kind.name == Settings && r.Session != nil {
		end.IdentityID = &r.Session.IdentityID
	}
	if all, err := of.ended(end); err == nil {
		r.events.Aside(all)
	}
}

// succeeds are the errands that the success makes true that is about to be stored:
// calls of those of its hooks that nobody waits for, and events.
func (r *run) succeeds(ctx context.Context, hooks []config.Hook, o occasion) (all []Errand, err error) {
	for _, h := range hooks {
		if !ignores(h) && !(o.unheard && reports(h)) {
			continue
		}
		e, err := r.errand(ctx, h, o)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if r.events == nil || !r.events.WantsEnd(r.Setup, r.kind.name, false) {
		return all, nil
	}
	ends, err := r.ended(End{Identity: o.identity, Session: o.session})
	return append(all, ends...), err
}

func (r *run) ended(e End) ([]Errand, error) {
	e.Flow, e.Device, e.Now, e.Risk = r.flow, r.Device, r.now, r.verdict
	if r.ledger.step != nil {
		e.Method = r.ledger.step.Method
	}
	return r.events.Ended(r.Setup, e)
}
