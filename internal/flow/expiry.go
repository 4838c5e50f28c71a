package flow

import (
	"context"
	"encoding/json"
	"net/url"

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
	if r.kind.renewsExpired {
		r.CSRF.Rotate(r.rand)
	}
	fresh := r.fresh(r.client())
	fresh.RequestURL, fresh.ReturnTo, fresh.SchemaID = old.RequestURL, old.ReturnTo, old.SchemaID
	fresh.RequestedAAL, fresh.Refresh = old.RequestedAAL, old.Refresh
	fresh.IdentityID, fresh.Challenge = old.IdentityID, old.Challenge
	if raw, enrolling := old.Facts[enrollKey]; enrolling {
		fresh.Facts = map[string]json.RawMessage{enrollKey: raw}
	}
	fresh.Messages = []ui.Message{ui.New(r.kind.expired, ui.Moment("expired_at", old.ExpiresAt)...)}
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
