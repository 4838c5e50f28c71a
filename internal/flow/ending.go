package flow

import (
	"context"

	"cardea/internal/problem"
	"cardea/internal/trace"
)

// Ending is how one request went on with a journey, in words of small vocabularies:
// for those who count and log.
type Ending struct {
	Kind    Kind
	Start   bool   // it asked for a new flow
	Method  string // of the step that was submitted; "" for none
	Outcome Outlook
}

// Outlook says where a request has left a journey.
type Outlook string

// The outlooks.
const (
	Started   Outlook = "started"   // a flow was made
	Continued Outlook = "continued" // the next screen, or a way elsewhere
	Succeeded Outlook = "succeeded" // the journey is at its end
	Denied    Outlook = "rejected"  // a form with a complaint
	Refused   Outlook = "refused"   // an error of the client's
	Failed    Outlook = "failed"    // an error of the server's or of somebody it asked
)

// end settles the accounts of a request and puts into its answer how it went on.
func (r *run) end(ctx context.Context, a *Answer) {
	r.settleUp(ctx)
	if a == nil { // a panic
		return
	}
	a.Ending = &Ending{Kind: r.kind.name, Start: r.starting, Outcome: r.outlook(a)}
	if r.ledger.step != nil {
		a.Ending.Method = r.ledger.step.Method
	}
	span := trace.From(ctx)
	span.Set("cardea.flow", string(a.Ending.Kind))
	span.Set("cardea.outcome", string(a.Ending.Outcome))
	if a.Ending.Method != "" {
		span.Set("cardea.method", a.Ending.Method)
	}
}

func (r *run) outlook(a *Answer) Outlook {
	p := a.Problem
	if p == nil && r.ledger.failure != nil {
		p = r.ledger.failure.problem
	}
	switch {
	case r.ledger.succeeded:
		return Succeeded
	case p != nil && p.Status >= 500:
		return Failed
	case p == nil && r.ledger.failure != nil:
		return Denied
	case p != nil && p.ID != problem.BrowserLocationChangeNeeded:
		return Refused
	case r.begun:
		return Started
	}
	return Continued
}
