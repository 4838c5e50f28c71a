package flow

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/trace"
	"cardea/internal/ui"
)

// Submit carries a journey on: POST (and GET) /self-service/{kind}.
func (e *Engine) Submit(ctx context.Context, k Kind, v *Visit) (a *Answer) {
	ctx, span := trace.Start(ctx, "submit "+string(k))
	defer span.End()
	r := e.begin(k, v)
	defer func() { r.end(ctx, a) }()
	r.follow()
	if a := r.pass(ctx, r.kind.submit); a != nil {
		return a
	}
	r.told = r.flow.Messages
	if !r.opened {
		r.clear()
	}
	r.flow.Values = nil
	body := r.resume()
	resumed := body != nil
	if !resumed {
		var err error
		if body, err = r.read(); err != nil {
			return r.unacceptable(ctx, err)
		}
	}
	if err := r.enterRealm(ctx); err != nil {
		return r.unacceptable(ctx, err)
	}
	step := r.pick(body)
	switch method := body.First("method"); {
	case step == nil && r.kind.strict && method != "":
		return r.reject(ctx, DenyField("method", ui.New(ui.ValidationGeneric, "reason", "There is no method of that name.")))
	case step == nil:
		return r.reject(ctx, Deny(ui.New(r.kind.nobody)))
	}
	if !step.Enabled(r.Setup) {
		return r.forward(ctx, problem.NotFound("The method was switched off by the operator."))
	}
	r.ledger.step = step
	if err := r.hearRemember(body); err != nil {
		return r.forward(ctx, err)
	}
	return r.judge(ctx, step, body, resumed)
}

// clear takes back what the submission before was told. A success of settings
// stays on the form.
func (r *run) clear() {
	r.flow.FieldMessages = nil
	r.flow.Messages = saved(r.flow.State)
}

// pick finds the step a submission is meant for, nil for none.
func (r *run) pick(body *payload.Body) *Step {
	for _, s := range r.steps[r.kind.name] {
		if !r.leavesOut(s) && (!s.Unheard || s.Enabled(r.Setup)) && s.answersTo(r.flow, body) {
			return s
		}
	}
	for _, s := range r.steps[r.kind.name] {
		if !r.leavesOut(s) && s.Catches && s.Enabled(r.Setup) && s.accepts(r.flow) {
			return s
		}
	}
	return nil
}

// judge fits the submission to the step, checks it, and lets the step decide. A
// submission that was resumed was checked for its anti-CSRF token when it came.
func (r *run) judge(ctx context.Context, step *Step, body *payload.Body, resumed bool) *Answer {
	x, err := r.exec(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	tree, rejected, err := r.fit(x, step, body)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	if rejected != nil {
		return r.reject(ctx, *rejected)
	}
	if !resumed {
		if err := r.checkCSRF(step, body); err != nil {
			return r.unacceptable(ctx, err)
		}
		if a := r.barred(ctx, step, tree); a != nil {
			return a
		}
	}
	if step.Needs >= NeedFreshSession && !r.recent() {
		return r.stale(ctx, step, tree)
	}
	submit := step.submit
	if r.opened {
		submit = step.open
	}
	result, refused, err := r.guess(ctx, x, step, tree, func(ctx context.Context, x *Exec, tree map[string]any) (Result, error) {
		ctx, span := trace.Start(ctx, "step "+step.Method)
		result, err := submit(ctx, x, tree)
		span.Done(err)
		return result, err
	})
	if refused != nil {
		return refused
	}
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	return r.act(ctx, x, step, tree, result)
}

// act does what a step's judgement asks for. tree is what was submitted.
func (r *run) act(ctx context.Context, x *Exec, step *Step, tree map[string]any, result Result) *Answer {
	if err := r.harmless(result); err != nil {
		return r.forward(ctx, err)
	}
	switch result := result.(type) {
	case Rejected:
		if r.kind.name == Login {
			r.clock.SleepUntil(ctx, r.now.Add(r.floor))
		}
		return r.reject(ctx, result)
	case Proved:
		return r.concludeLogin(ctx, step, result)
	case NewIdentity:
		return r.concludeRegistration(ctx, step, result)
	case Await:
		return r.await(ctx, step, result)
	case Hand:
		return r.hand(ctx, x, result)
	case Changed:
		if r.kind.name == Login {
			return r.concludeEnrollment(ctx, step, result)
		}
		return r.concludeSettings(ctx, step, result)
	case Stale:
		return r.stale(ctx, step, tree)
	case AddressProved:
		return r.concludeVerification(ctx, step, result)
	case Recovered:
		return r.concludeRecovery(ctx, step, result)
	case Again:
		return r.goElsewhere(r.uiURL(r.kind.name, r.flow.ID))
	case Replaced:
		return r.replace(ctx, result.Why, nil)
	case Leave:
		return r.leave(ctx, step, result)
	case Switch:
		return r.branch(ctx, step, result)
	}
	return r.forward(ctx, problem.Internal(nil))
}

// fit turns the raw submission into the step's input. What does not fit is a
// rejection that shows what was typed.
func (r *run) fit(x *Exec, step *Step, body *payload.Body) (map[string]any, *Rejected, error) {
	shape := step.shape.With("transient_payload", &payload.Shape{Type: payload.Object, Open: true})
	if step.Traits || step.TraitsLater {
		shape = shape.With("traits", x.Schema.TraitsShape())
	}
	tree := body.Fit(shape)
	for alias, name := range step.Aliases {
		if older, ok := tree[alias]; ok && tree[name] == nil {
			tree[name] = older
		}
	}
	r.hearAnswer(body, tree)
	r.echo(step, tree)
	if err := r.hearTransient(tree); err != nil {
		return nil, nil, err
	}
	var rejected Rejected
	for _, violation := range payload.Check(shape, step.Required, tree) {
		rejected.Fields = append(rejected.Fields, missing(violation))
	}
	if step.Traits {
		if err := r.applyTraits(x, tree["traits"], &rejected); err != nil {
			return nil, nil, err
		}
	}
	if step.TraitsLater {
		if x.Raw, _ = tree["traits"].(map[string]any); x.Raw != nil {
			refused, err := x.Schema.Guard(x.Raw, nil)
			if err != nil {
				return nil, nil, err
			}
			rejectTraits(refused, &rejected)
		}
	}
	if len(rejected.Fields)+len(rejected.Form) > 0 {
		return nil, &rejected, nil
	}
	return tree, nil, nil
}

// TraitsSent is the value that says that traits were submitted, were it none.
const TraitsSent = "traits"

// echo remembers what was typed into fields that may be shown again.
func (r *run) echo(step *Step, tree map[string]any) {
	values := map[string]any{}
	for _, name := range step.Echo {
		if v, ok := tree[name]; ok {
			values[name] = v
		}
	}
	if step.Traits {
		values[TraitsSent] = true
	}
	if traits, ok := tree["traits"]; ok && step.Traits {
		Fields(values, "traits", traits)
	}
	r.flow.Values = values
}

// applyTraits makes the identity that the submitted traits describe.
func (r *run) applyTraits(x *Exec, traits any, rejected *Rejected) error {
	if traits == nil {
		traits = map[string]any{}
	}
	x.Raw, _ = traits.(map[string]any)
	if x.Raw != nil {
		// Only people are held back: what a method derives from elsewhere (a provider's
		// claims, an operator) does not come this way.
		var before json.RawMessage
		if r.kind.name == Settings && x.Identity != nil {
			before = x.Identity.Traits
		}
		refused, err := x.Schema.Guard(x.Raw, before)
		if err != nil {
			return err
		}
		if rejectTraits(refused, rejected); len(refused) > 0 {
			return nil
		}
	}
	raw, err := json.Marshal(traits)
	if err != nil {
		return err
	}
	derived, violations, err := x.Schema.Validate(raw)
	if err != nil {
		return err
	}
	if rejectTraits(violations, rejected); len(violations) > 0 {
		return nil
	}
	id, err := uuid.NewRandomFromReader(r.rand)
	if err != nil {
		return err
	}
	x.Derived = derived
	if r.kind.name == Settings {
		return nil // there is an identity already; the step decides what becomes of it
	}
	x.Identity = identity.New(id, x.Schema.ID(), r.now)
	identity.Apply(x.Identity, *derived, r.now, r.newID)
	return nil
}

// rejectTraits tells what is wrong with traits.
func rejectTraits(violations []schema.Violation, rejected *Rejected) {
	for _, v := range violations {
		rejected.Fields = append(rejected.Fields, FieldMessage{Node: payload.Name(v.Path...), Message: ui.Stored{ID: ui.MessageID(v.ID), Context: v.Context}.Message()})
	}
}

// newID draws a random id.
func (r *run) newID() uuid.UUID { return uuid.Must(uuid.NewRandomFromReader(r.rand)) }

// missing is the message for an input field that is absent or of a wrong type.
func missing(v payload.Violation) FieldMessage {
	name := payload.Name(v.Path...)
	if v.Kind == payload.WrongType {
		return FieldMessage{Node: name, Message: ui.New(ui.ValidationType, "allowed_types", v.Allowed, "actual_type", v.Actual)}
	}
	return FieldMessage{Node: name, Message: ui.New(ui.ValidationRequired, "property", v.Path[len(v.Path)-1])}
}

// checkCSRF protects browsers by the token and native clients by refusing what
// only browsers send.
func (r *run) checkCSRF(step *Step, body *payload.Body) error {
	if r.flow.Trial() != nil {
		return r.checkTrial(body)
	}
	exempt := step.CSRF.Exempt != "" && (step.CSRF.Unless == "" || body.First(step.CSRF.Unless) == "")
	if exempt || r.flow.handedOut() {
		return nil
	}
	if r.flow.Type == API {
		if reason := r.looksLikeBrowser(); reason != "" {
			return problem.BadRequest(reason)
		}
		return nil
	}
	token := body.First("csrf_token")
	if r.CSRF.Matches(token) {
		return nil
	}
	r.CSRF.Silent = token == ""
	violation := r.CSRF.Violation()
	if r.kind.renewsViolated {
		r.CSRF.Rotate(r.rand)
	}
	return violation
}

// unacceptable routes an error of a submission: a 400 becomes a message on the
// form (and loses its id), everything else is forwarded (section 3.6 of the
// HTTP reference).
func (r *run) unacceptable(ctx context.Context, err error) *Answer {
	p := asProblem(err)
	if p.Status != 400 {
		return r.forward(ctx, err)
	}
	if p.ID == problem.IdentityDisabled {
		return r.reject(ctx, Deny(ui.New(ui.LoginIdentityDisabled)))
	}
	r.clear()
	reason := p.Reason
	if reason == "" {
		reason = p.Message
	}
	return r.reject(ctx, Deny(ui.New(ui.ValidationGeneric, "reason", reason)))
}

// reject keeps what was wrong with the flow and shows the form again.
func (r *run) reject(ctx context.Context, why Rejected) *Answer {
	if why.Over {
		r.flow.Messages = nil
	}
	if !why.Soft || why.complains() {
		r.ledger.fail(r, &why, nil)
	}
	r.flow.Messages = append(r.flow.Messages, why.Form...)
	r.flow.FieldMessages = append(r.flow.FieldMessages, why.Fields...)
	if why.Values != nil {
		r.flow.Values = why.Values
	}
	if why.Stage != "" {
		r.flow.Active = why.Method
		if err := r.flow.enter(why.Stage, why.Method); err != nil {
			return r.forward(ctx, err)
		}
	}
	if err := r.flow.remember(why.Method, why.Facts); err != nil {
		return r.forward(ctx, err)
	}
	r.flow.UpdatedAt = r.now
	err := r.write(ctx, nil, func(tx Tx) error {
		if err := r.handIn(tx, nil); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
	if err != nil {
		return r.forward(ctx, err)
	}
	if r.handed != nil {
		return r.toApp(ctx, r.kind.name == Registration)
	}
	status := 400
	if why.Soft {
		status = r.kind.step
	}
	if r.sendsPageBack(why) {
		return redirect(r.kind.invalidStatus, r.uiURL(r.kind.name, r.flow.ID))
	}
	a := r.show(ctx, status)
	if page, ok := a.Body.(*Page); ok {
		page.Transient = why.Soft
	}
	return a
}

// sendsPageBack says whether a rejection is shown by a redirect to the page. A
// kind that asks the Accept header does so for what is part of its way only.
func (r *run) sendsPageBack(why Rejected) bool {
	if why.Soft {
		return r.navigates()
	}
	return (r.flow.Type == Browser || r.returned) && !r.JSON
}
