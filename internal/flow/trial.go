package flow

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// Trial is a sign-in at a provider that an operator tries out: it goes all the way
// and comes back with a report, but never makes an account or a session.
//
// Until there is a report, whoever knows the flow may read it, go on with it and drop
// it. From then on it belongs to the browser that went through the provider.
type Trial struct {
	Provider string          `json:"provider_id"`
	Report   json.RawMessage `json:"debug_payload,omitempty"` // nil until a browser has come back
}

const (
	trialKey                = "trial"
	trialLabel secret.Label = "trial sign-in"
	trialPage               = "session/test-oidc" // below the public URL, with the flow in the query
)

// Trial is what the flow tries out, nil for the real thing.
func (f *Flow) Trial() *Trial {
	raw, ok := f.Facts[trialKey]
	if !ok {
		return nil
	}
	var t Trial
	_ = json.Unmarshal(raw, &t) // written below; what cannot be read is still a trial
	return &t
}

// untried says whether the flow is a trial that has no report yet.
func (f *Flow) untried() bool {
	t := f.Trial()
	return t != nil && t.Report == nil
}

// StartTrial begins a trial: POST /admin/test-login-flows. No hook is called.
func (e *Engine) StartTrial(ctx context.Context, v *Visit, provider string) *Answer {
	r := e.begin(Login, v)
	r.flow = r.fresh(Browser)
	r.flow.Refresh, r.flow.RequestedAAL = true, session.AAL1 // nobody is served from what the provider remembers
	if err := r.flow.remember(trialKey, Trial{Provider: provider}); err != nil {
		return envelope(asProblem(err))
	}
	if len(r.offered()) == 0 {
		return envelope(problem.New(500, "Sign-in with other providers was switched off by the operator.").Named(problem.InvalidConfiguration))
	}
	if _, err := r.prepare(ctx); err != nil {
		return envelope(asProblem(err))
	}
	if err := r.store.CreateFlow(ctx, r.flow); err != nil {
		return envelope(asProblem(err))
	}
	page, err := r.page(ctx)
	if err != nil {
		return envelope(asProblem(err))
	}
	return &Answer{Status: 201, Body: page}
}

// tried keeps what a trial has shown, for the browser that went through it alone.
func (r *run) tried(ctx context.Context, step *Step, b Back) *Answer {
	t := r.flow.Trial()
	x, err := r.exec(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	if t.Report, err = json.Marshal(step.try(ctx, x, b)); err != nil {
		return r.forward(ctx, err)
	}
	if err := r.flow.remember(trialKey, t); err != nil {
		return r.forward(ctx, err)
	}
	r.flow.State, r.flow.Active = PassedChallenge, step.Method
	r.rebind()
	if err := r.store.Write(ctx, func(tx Tx) error { return tx.UpdateFlow(r.flow) }); err != nil {
		return r.forward(ctx, err)
	}
	return r.goElsewhere(withQuery(r.Public(trialPage, nil), "flow", r.flow.ID.String()))
}

// harmless refuses what a trial must not end with, whatever a step thinks: it leaves
// for the provider, or stays where it is.
func (r *run) harmless(result Result) error {
	switch result.(type) {
	case Leave, Rejected:
		return nil
	}
	if r.flow.Trial() == nil {
		return nil
	}
	return problem.Internal(errors.New("a trial ended like a sign-in"))
}

// trialToken is what has to come along with the form of a trial that has no report
// yet. It follows from the flow, so it is not stored.
func (r *run) trialToken() string {
	return tokenText(r.Keys.MAC(trialLabel, r.flow.ID[:]))
}

// tokenText writes the first bytes of a MAC as a UUID of version 8 (RFC 9562, section
// 5.8).
func tokenText(mac []byte) string {
	var id uuid.UUID
	copy(id[:], mac)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id.String()
}

// checkTrial is checkCSRF for trials: nobody's cookie is known before the report, and
// afterwards only the browser that it belongs to goes on.
func (r *run) checkTrial(body *payload.Body) error {
	token := body.First("csrf_token")
	if !r.flow.untried() {
		if r.CSRF.Owns(r.flow.CSRFHash) && r.CSRF.Matches(token) {
			return nil
		}
		return r.CSRF.Violation()
	}
	for _, mac := range r.Keys.MACs(trialLabel, r.flow.ID[:]) {
		if subtle.ConstantTimeCompare([]byte(tokenText(mac)), []byte(token)) == 1 {
			return nil
		}
	}
	return r.CSRF.Violation()
}

// EndTrial drops a trial and its report: DELETE /self-service/login/test.
func (e *Engine) EndTrial(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Login, v)
	id, err := uuid.Parse(r.param("id"))
	if err != nil {
		return envelope(problem.BadRequest("The parameter id is missing or is not the id of a flow."))
	}
	f, err := r.store.Flow(ctx, id)
	if err == nil && f.Trial() == nil {
		err = problem.ErrNotFound
	}
	if err != nil {
		return envelope(asProblem(err))
	}
	if !f.untried() && !r.CSRF.Owns(f.CSRFHash) {
		return envelope(problem.Forbidden("The trial belongs to the browser that went through it."))
	}
	if err := r.store.Write(ctx, func(tx Tx) error { return tx.DeleteFlow(id) }); err != nil {
		return envelope(asProblem(err))
	}
	return &Answer{Status: 204}
}

// refuseOldTrial ends a trial whose time is over: there is no journey to go on with.
func (r *run) refuseOldTrial(ctx context.Context) *Answer {
	return r.forward(ctx, problem.New(410, "The trial is too old. Start a new one.").Named(problem.FlowExpired))
}
