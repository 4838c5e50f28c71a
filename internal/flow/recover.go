package flow

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"cardea/internal/identity"
	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// concludeRecovery ends a recovery: a session of its own, and a settings flow in
// which a new way to sign in can be set up.
func (r *run) concludeRecovery(ctx context.Context, step *Step, result Recovered) *Answer {
	i, err := r.store.Identity(ctx, result.Identity)
	if err != nil {
		return r.forward(ctx, err)
	}
	if i.State != identity.Active {
		return r.replace(ctx, ui.New(ui.LoginIdentityDisabled), problem.BadRequest("The account was switched off.").Named(problem.IdentityDisabled))
	}
	away, err := r.admit(ctx, i, nil)
	around := away != nil && away.why == org.Outside && i.BreaksGlass(result.Address)
	if around {
		away = nil // what an operator has put down for the day on which no connection works
	}
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case away != nil:
		return r.replace(ctx, away.message(), away.refusal(r))
	}
	before := *r.flow
	r.Session = nil // a recovery never renews a session that the browser brought
	if a := r.weighProof(ctx, step, i, &result.Method, false); a != nil {
		return a
	}
	s, token := r.signIn(i, result.Method, false)
	r.flow.State, r.flow.Active, r.flow.Messages, r.flow.FieldMessages, r.flow.Values = PassedChallenge, step.Method, nil, nil, nil
	r.flow.IdentityID = &i.ID
	proved(i, result.Effects.Verified, r.now)
	// Before the session is stored: a hook that fails leaves nobody signed in, and
	// revoking the other sessions spares the new one.
	hooks := r.SelfService.Flows.ByKind(string(Recovery)).After.Hooks
	refused, err := r.tell(ctx, hooks, isWebHook, occasion{identity: i}, nil)
	if refused != nil || err != nil {
		r.flow = &before
		return r.refusedBy(ctx, refused, err)
	}
	if r.client() == Browser {
		r.rebind()
	}
	settings, err := r.settingsAfterRecovery(ctx, s)
	if err != nil {
		return r.forward(ctx, err)
	}
	if err := r.inquire(&result.Effects, i, s); err != nil {
		return r.forward(ctx, err)
	}
	p, err := r.ready(ctx, r.flow, result.Effects)
	if err != nil {
		return r.forward(ctx, err)
	}
	limits := r.Limits
	limits.Refuse = false // whoever is locked out gets in
	revoke := hooksOf(r.SelfService.Flows.ByKind(string(Recovery)).After.Hooks).has(hookRevoke)
	then, err := r.succeeds(ctx, nil, occasion{identity: i, session: s})
	if err != nil {
		return r.forward(ctx, err)
	}
	err = r.conclude(ctx, then, occasion{identity: i, session: s, breaksGlass: around}, func(tx Tx) error {
		if revoke {
			if _, err := tx.RevokeSessionsOf(i.ID, s.ID, r.now); err != nil {
				return err
			}
		}
		if err := tx.MakeRoom(i.ID, limits, r.now); err != nil {
			return err
		}
		if err := tx.CreateSession(s, session.HashToken(token)); err != nil {
			return err
		}
		if settings != nil {
			if err := tx.InsertFlow(settings); err != nil {
				return err
			}
		}
		if err := p.write(tx, r.now); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
	if err == nil {
		err = r.LetIn(ctx, r.Setup, i)
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	return r.answerRecovery(ctx, s, token, settings)
}

// settingsAfterRecovery makes the settings flow that a recovery leads to; nil
// when it was asked to end without one.
func (r *run) settingsAfterRecovery(ctx context.Context, s *session.Session) (*Flow, error) {
	if skipsSettings(r.flow) {
		return nil, nil
	}
	v := *r.Visit
	v.Session = s
	sub := &run{Engine: r.Engine, Visit: &v, kind: r.kinds[Settings], now: r.now, ledger: r.ledger}
	f := sub.fresh(r.client())
	sub.flow = f
	f.IdentityID, f.SessionID = &s.IdentityID, &s.ID
	home, err := sub.describedHome(ctx, s.Identity.OrganizationID)
	if err != nil {
		return nil, err
	}
	f.Organization = home
	f.ReturnTo = r.flow.ReturnTo
	if f.ReturnTo == "" {
		f.ReturnTo = r.SelfService.Flows.ByKind(string(Recovery)).After.DefaultBrowserReturnURL
	}
	f.RequestURL = r.continued(f.ReturnTo)
	until := r.now.Add(r.SelfService.Flows.ByKind(string(Settings)).PrivilegedSessionMaxAge)
	moment := ui.Moment("privileged_session_expires_at", until)
	f.Messages = []ui.Message{ui.New(ui.RecoverySucceeded, slices.Concat(moment, []any{"privilegedSessionExpiresAt", moment[1]})...)}
	if _, err := sub.prepare(ctx); err != nil {
		return nil, err
	}
	return f, sub.beforeHooks(ctx)
}

// continued is the address of this request as that of the journey that follows:
// with the place where it leads in the end, and without what opened this one.
func (r *run) continued(returnTo string) string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return r.URL // made by the edge
	}
	query := u.Query()
	for _, s := range r.steps[r.kind.name] {
		query.Del(s.Link)
	}
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// answerRecovery tells the client where to go on. A native client is told its
// session token whatever the answer is: it has no other way to get it.
func (r *run) answerRecovery(ctx context.Context, s *session.Session, token string, settings *Flow) *Answer {
	var page string
	var next []Continue
	if r.client() == API {
		next = append(next, Continue{Action: SetSessionToken, Token: token})
	}
	if settings != nil {
		page = r.uiURL(Settings, settings.ID)
		next = append(next, Continue{Action: ShowSettingsUI, Flow: settings.ID, FlowURL: page})
	} else {
		var err error
		if page, err = r.ReturnTo(r.flow.ReturnTo, r.defaultReturn(Recovery, r.flow.Active)); err != nil {
			page = r.defaultReturn(Recovery, r.flow.Active)
		}
	}
	var a *Answer
	switch {
	case !r.JSON:
		a = redirect(303, page)
	case r.FeatureFlags.UseContinueWithTransitions || settings == nil:
		a = r.show(ctx, 200)
		if shown, ok := a.Body.(*Page); ok {
			shown.Transient, shown.ContinueWith = true, next
		}
	default:
		a = r.goElsewhere(page)
		if r.client() == API {
			a.Problem = a.Problem.Detail("continue_with", next)
		}
	}
	if r.client() == Browser {
		a.Cookie = r.Cookie(s, token)
	}
	return a
}

// skipsSettings says whether the recovery was asked to end without settings.
func skipsSettings(f *Flow) bool {
	u, err := url.Parse(f.RequestURL)
	if err != nil {
		return false
	}
	switch u.Query().Get("skip_settings") {
	case "1", "t", "T", "true", "TRUE", "True":
		return true
	}
	return false
}

// replace gives up a flow for a fresh one that says why. cause is what an
// application is told in an envelope where the contract has one.
func (r *run) replace(ctx context.Context, why ui.Message, cause *problem.Error) *Answer {
	old := r.flow
	r.CSRF.Rotate(r.rand)
	f := r.fresh(r.client())
	f.RequestURL, f.ReturnTo, f.Challenge = old.RequestURL, old.ReturnTo, old.Challenge
	f.Active = old.Active
	f.Messages = []ui.Message{why}
	r.flow = f
	if err := r.create(ctx); err != nil {
		return r.forward(ctx, err)
	}
	switch {
	case r.navigates() || !r.JSON && r.kind.name == Recovery:
		return redirect(303, r.uiURL(r.kind.name, f.ID))
	case r.kind.name == Verification:
		return envelope(problem.New(410, "The flow cannot go on. Continue with the one in use_flow_id.").
			Named(problem.FlowReplaced).Beside("use_flow_id", f.ID))
	case r.FeatureFlags.UseContinueWithTransitions:
		if cause == nil {
			cause = problem.BadRequest(r.catalogue.Locale().Render(why).Text)
		}
		return envelope(cause.Detail("continue_with", []Continue{{Action: ShowRecoveryUI, Flow: f.ID}}))
	}
	return redirect(303, r.Public("self-service/"+string(r.kind.name)+"/flows", url.Values{"id": {f.ID.String()}}))
}

// MarshalJSON writes one of continue_with (section 14 of the HTTP reference),
// for the places where it is a detail of an error.
func (c Continue) MarshalJSON() ([]byte, error) {
	out := map[string]any{"action": c.Action}
	if c.RedirectTo != "" {
		out["redirect_browser_to"] = c.RedirectTo
	}
	if c.Token != "" {
		out["ory_session_token"] = c.Token
	}
	if c.Action != RedirectBrowserTo && c.Action != SetSessionToken {
		flow := map[string]any{"id": c.Flow}
		if c.Address != "" {
			flow["verifiable_address"] = c.Address
		}
		if c.FlowURL != "" {
			flow["url"] = c.FlowURL
		}
		out["flow"] = flow
	}
	return json.Marshal(out)
}
