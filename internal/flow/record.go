package flow

import (
	"context"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// What journeys write into the audit log: how they end. What they change is seen where
// it is stored.

// record is the success of a journey that is about to be stored. Whoever it is about
// has done it: they are signed in, or have just proved who they are.
func (r *run) record(o occasion) audit.Entry {
	e, d := r.entry(false), r.recordDetails()
	if o.identity != nil {
		e.Identity, e.Actor = o.identity.ID, audit.Person(o.identity.ID)
	}
	if o.session != nil {
		e.Session, d.AAL = o.session.ID, string(o.session.AAL)
	}
	d.BreakGlass = o.breaksGlass
	e.Details = d.JSON()
	return e
}

// entry is the end of the journey without what is known at its end only.
func (r *run) entry(failed bool) audit.Entry {
	e := audit.Entry{Action: audit.Ended(string(r.kind.name), failed), Outcome: audit.Success}
	if failed {
		e.Outcome = audit.Failure
	}
	if r.flow != nil && r.flow.IdentityID != nil {
		e.Identity = *r.flow.IdentityID
	}
	return e
}

func (r *run) recordDetails() (d audit.Details) {
	if f := r.flow; f != nil {
		d.Flow, d.Client = f.ID.String(), string(f.Type)
		if f.RequestedAAL == session.AAL2 {
			d.AAL = string(f.RequestedAAL)
		}
	}
	if r.ledger.step != nil {
		d.Method = r.ledger.step.Method
	}
	return d
}

// recordFailure tells that the submission of a journey has failed. Nothing is stored
// that such a row could be stored with, so it is collected, with others of its kind.
func (r *run) recordFailure(ctx context.Context, of *run) {
	if r.failures == nil || r.ledger.recorded || !r.Cardea.Audit.Enabled {
		return
	}
	e, d := of.entry(true), of.recordDetails()
	why := r.ledger.failure
	for _, m := range why.messages {
		d.Messages = append(d.Messages, int(m))
	}
	if why.problem != nil {
		d.Status, d.Error = why.problem.Status, string(why.problem.ID)
	}
	e.Actor = audit.Anonymous
	e.From(audit.OriginOf(ctx))
	switch {
	case r.Session != nil:
		e.Actor, e.Session = audit.Person(r.Session.IdentityID), r.Session.ID
		if e.Identity == uuid.Nil {
			e.Identity = r.Session.IdentityID
		}
	case r.ledger.subject != uuid.Nil:
		e.Identity = r.ledger.subject
	}
	e.Details = d.JSON()
	d.Flow = ""
	r.failures.Add(e, d)
}

// recordAccepted tells that an OAuth2 server was told who has signed in; err is what
// it said.
func (r *run) recordAccepted(ctx context.Context, s *session.Session, err error) {
	e := audit.Entry{
		Action: audit.OAuth2Accepted, Outcome: audit.Success, Actor: audit.Person(s.IdentityID), Identity: s.IdentityID, Session: s.ID,
	}
	d := r.recordDetails()
	if err != nil {
		e.Outcome, d.Status = audit.Failure, asProblem(err).Status
	}
	e.Details = d.JSON()
	// Whoever has signed in is signed in, whether the row can be written or not.
	_ = r.store.Write(context.WithoutCancel(ctx), func(tx Tx) error { return tx.Record(e) })
}

// Failures collects what has failed, for the audit log. It never waits.
type Failures interface {
	Add(e audit.Entry, kind audit.Details)
}

// recordDiscreetly tells the end of a registration of which only the reader of the
// mailbox hears how it ended: it takes the same statements in either case.
func (r *run) recordDiscreetly(i *identity.Identity, free bool) audit.Entry {
	if free {
		return r.record(occasion{identity: i})
	}
	e, d := r.entry(true), r.recordDetails()
	e.Actor, d.Messages = audit.Anonymous, []int{int(ui.ValidationIdentifierTaken)}
	e.Details = d.JSON()
	return e
}
