package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"

	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// checkExpiry replaces a flow whose time is over: the client goes on with a new
// one that says why (section 6 of the HTTP reference). The new flow asks for
// what the old one was started for, not for what the submit URL says.
func checkExpiry(ctx context.Context, r *run) *Answer {
	old := r.flow
	if !old.Expired(r.now) {
		return nil
	}
	if old.Trial() != nil {
		return r.refuseOldTrial(ctx)
	}
	typed := r.salvage(ctx)
	if r.kind.renewsExpired {
		r.CSRF.Rotate(r.rand)
	}
	fresh := r.fresh(r.client())
	fresh.RequestURL, fresh.ReturnTo, fresh.SchemaID = old.RequestURL, old.ReturnTo, old.SchemaID
	fresh.RequestedAAL, fresh.Refresh = old.RequestedAAL, old.Refresh
	fresh.IdentityID, fresh.Challenge = old.IdentityID, old.Challenge
	fresh.Facts = maps.Clone(old.Facts)
	maps.DeleteFunc(fresh.Facts, func(key string, _ json.RawMessage) bool { return key != enrollKey && key != confirmKey })
	fresh.Messages = []ui.Message{ui.New(r.kind.expired, ui.Moment("expired_at", old.ExpiresAt)...)}
	fresh.Values = typed
	r.flow = fresh
	if err := r.create(ctx); err != nil {
		return r.forward(ctx, err)
	}
	if fresh.Type == Browser && !r.JSON {
		return redirect(303, r.uiURL(r.kind.name, fresh.ID))
	}
	told := r.kind.name == Recovery && fresh.Type == API && r.FeatureFlags.UseContinueWithTransitions
	if r.kind.primary && !told {
		return redirect(303, r.Public("self-service/"+string(r.kind.name)+"/flows", url.Values{"id": {fresh.ID.String()}}))
	}
	p := problem.New(410, "The flow is too old. Go on with the one in use_flow_id.").Named(problem.FlowExpired).
		Beside("expired_at", old.ExpiresAt).
		Beside("since", r.now.Sub(old.ExpiresAt).Nanoseconds()).
		Beside("use_flow_id", fresh.ID)
	if told {
		p = p.Detail("continue_with", []Continue{{Action: ShowRecoveryUI, Flow: fresh.ID}})
	}
	return envelope(p)
}

// salvage is what somebody had typed into a page of ours that was open for too long,
// as the form in its place shows it: what a rejected submission would show again,
// so never a password or a code. Nil when there is nothing to keep: pages of others
// look after that themselves, and what does not carry this browser's token, or is
// about the account of somebody else, may not fill in its forms.
func (r *run) salvage(ctx context.Context) map[string]any {
	page := r.SelfService.Flows.ByKind(string(r.kind.name))
	if page == nil || !page.UIBuiltIn || r.flow.Type != Browser || r.JSON || r.Get {
		return nil
	}
	if r.kind.name == Settings && (r.flow.IdentityID == nil || *r.flow.IdentityID != r.Session.IdentityID) {
		return nil
	}
	body, err := r.read()
	if err != nil || !r.CSRF.Matches(body.First("csrf_token")) {
		return nil // the new form says what happened
	}
	typed := map[string]any{}
	shown := r.lastForm(ctx)
	for _, s := range r.steps[r.kind.name] {
		for _, name := range slices.Concat(s.Echo, s.Retyped) {
			if text := cmp.Or(body.First(name), valueOf(shown, name)); text != "" {
				typed[name] = text
			}
		}
	}
	r.retypeTraits(ctx, body, typed)
	return typed
}

// lastForm is the form of the flow that is over: it holds what was typed on the
// screens before. Without it less is kept.
func (r *run) lastForm(ctx context.Context) ui.Nodes {
	realm := r.realm
	defer func() { r.realm = realm }()
	nodes, err := r.nodes(ctx)
	if err != nil {
		return nil
	}
	return nodes
}

func valueOf(nodes ui.Nodes, name string) string {
	if n := nodes.Find(name); n != nil {
		if in, ok := n.Attributes.(ui.Input); ok {
			text, _ := in.Value.(string)
			return text
		}
	}
	return ""
}

// retypeTraits adds the traits that were sent along.
func (r *run) retypeTraits(ctx context.Context, body *payload.Body, typed map[string]any) {
	takesTraits := func(s *Step) bool { return s.Traits || s.TraitsLater }
	if !slices.ContainsFunc(r.steps[r.kind.name], takesTraits) {
		return
	}
	account, err := r.account(ctx)
	if err != nil {
		return
	}
	s, err := r.schemaFor(account)
	if err != nil {
		return
	}
	shape := (&payload.Shape{Type: payload.Object}).With("traits", s.TraitsShape())
	traits := map[string]any{}
	Fields(traits, "traits", body.Fit(shape)["traits"])
	if len(traits) > 0 { // forms about something else send none
		typed[TraitsSent] = true
		maps.Copy(typed, traits)
	}
}
