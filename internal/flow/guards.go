package flow

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// The guards of the kinds. Each is one question about a request; which kind
// asks which, and in what order, is the table in kinds.go.

// checkReturnTo refuses to start a journey that would lead to a foreign place.
func checkReturnTo(ctx context.Context, r *run) *Answer {
	_, err := r.ReturnTo(r.param("return_to"), r.SelfService.DefaultBrowserReturnURL)
	switch {
	case err == nil:
		return nil
	case r.kind.plain:
		return envelope(asProblem(err))
	}
	return r.forward(ctx, err)
}

// checkLevel reads which assurance level is wanted.
func checkLevel(ctx context.Context, r *run) *Answer {
	switch level := strings.ToLower(r.param("aal")); level {
	case "", string(session.AAL1):
		r.flow.RequestedAAL = session.AAL1
	case string(session.AAL2):
		r.flow.RequestedAAL = session.AAL2
	default:
		return r.forward(ctx, problem.BadRequest("The authenticator assurance level is not known; aal1 and aal2 are."))
	}
	return nil
}

// checkSchema reads which identity schema a person chose.
func checkSchema(ctx context.Context, r *run) *Answer {
	id := r.param("identity_schema")
	if id == "" || r.flow.RequestedAAL == session.AAL2 {
		return nil
	}
	if !r.Selectable(id) {
		return r.forward(ctx, problem.BadRequest("The identity schema is not known or may not be chosen."))
	}
	r.flow.SchemaID = id
	return nil
}

// chooseOrganization takes the organization a journey is started for; what is
// no id counts as not given, and an identity's own organization wins.
func chooseOrganization(ctx context.Context, r *run) *Answer {
	if err := r.chooseOrganization(ctx); err != nil {
		return r.forward(ctx, err)
	}
	return nil
}

func (r *run) chooseOrganization(ctx context.Context) (err error) {
	if r.kind.name == Settings {
		r.flow.Organization, err = r.settingsOrganization(ctx)
		if r.flow.Organization != nil && r.Session.Identity.OrganizationID != nil {
			r.flow.Messages = append(r.flow.Messages, ui.New(ui.SettingsManagedByOrganization))
		}
		return err
	}
	if r.Session != nil && r.Session.Identity != nil && r.Session.Identity.OrganizationID != nil {
		r.flow.Organization = r.Session.Identity.OrganizationID
		return nil
	}
	if r.flow.RequestedAAL == session.AAL2 {
		return nil
	}
	id, err := uuid.Parse(r.param("organization"))
	if err != nil {
		return nil
	}
	r.flow.Organization = &id
	switch o, err := r.organization(ctx, &id); {
	case err != nil:
		return err
	case o == nil: // as in the contract: a form without anything
	case !o.Enabled:
		r.flow.Messages = append(r.flow.Messages, ui.New(ui.OrganizationClosed))
	case len(r.Connections(id)) == 0:
		r.flow.Messages = append(r.flow.Messages, ui.New(ui.SystemNoOrganizationProvider))
	}
	return nil
}

// settingsOrganization is whose connections settings are about: those of the
// account's organization, or of one that is asked for and that one of the account's
// proved addresses belongs to.
func (r *run) settingsOrganization(ctx context.Context) (*uuid.UUID, error) {
	i := r.Session.Identity
	if i == nil || i.OrganizationID != nil {
		return r.describedHome(ctx, idOf(i))
	}
	wanted, err := uuid.Parse(r.param("organization"))
	if err != nil {
		return nil, nil
	}
	o, err := r.organization(ctx, &wanted)
	if o == nil || err != nil {
		return nil, err
	}
	for _, a := range i.VerifiableAddresses {
		if domain, ok := org.DomainOf(a.Value); ok && a.Verified && o.Owns(domain) {
			return &o.ID, nil
		}
	}
	return nil, nil
}

// idOf is the organization of an account, nil for none.
func idOf(i *identity.Identity) *uuid.UUID {
	if i == nil {
		return nil
	}
	return i.OrganizationID
}

// decideLogin is the table of section 5.1.1: who may start a login, and what
// the form says to somebody who is signed in already.
func decideLogin(ctx context.Context, r *run) *Answer {
	f := r.flow
	if r.Session == nil {
		if f.RequestedAAL == session.AAL2 {
			return r.forward(ctx, firstFactorNeeded())
		}
		return r.exchangeCode(ctx)
	}
	f.Refresh = r.flag("refresh")
	if !f.Refresh && f.RequestedAAL <= r.Session.AAL {
		if a := r.skipped(ctx); a != nil {
			return a
		}
		return r.alreadySignedIn(ctx)
	}
	if f.Refresh {
		f.Messages = append(f.Messages, ui.New(ui.LoginReauthenticate))
	}
	if f.RequestedAAL > r.Session.AAL {
		f.Messages = append(f.Messages, ui.New(ui.LoginSecondFactor))
	}
	return nil
}

func firstFactorNeeded() *problem.Error {
	return problem.Unauthorized("A second factor can only be asked of somebody who has signed in with the first one.").
		Named(problem.SessionAAL1Required)
}

func sessionAvailable() *problem.Error {
	return problem.BadRequest("Somebody is signed in already. Sign out first, or add refresh=true to sign in again.").
		Named(problem.SessionAlreadyAvailable)
}

// alreadySignedIn sends a page where it wanted to go and tells applications.
func (r *run) alreadySignedIn(ctx context.Context) *Answer {
	if r.flow.Type == API || r.AcceptsJSON {
		return envelope(sessionAvailable())
	}
	to, err := r.ReturnTo(r.param("return_to"), r.SelfService.DefaultBrowserReturnURL)
	if err != nil {
		return r.forward(ctx, err)
	}
	return redirect(303, to)
}

// checkEnabled refuses journeys that the operator has switched off.
func checkEnabled(ctx context.Context, r *run) *Answer {
	if r.SelfService.Flows.ByKind(string(r.kind.name)).Enabled {
		return nil
	}
	p := problem.BadRequest("The %s flow was switched off by the operator.", r.kind.name)
	if r.kind.name == Registration {
		p = p.Named(problem.FlowDisabled)
	}
	if r.kind.primary && !r.JSON {
		return r.errorPage(ctx, p) // native clients, too
	}
	return r.forward(ctx, p)
}

// refuseSession ends journeys that make no sense for somebody who is signed in.
// What such a client hears depends on the journey and on whether it is starting
// or submitting.
func refuseSession(ctx context.Context, r *run) *Answer {
	starting := r.flow != nil && r.flow.CreatedAt.Equal(r.now) && r.kind.name != Recovery
	if r.Session == nil {
		if starting {
			return r.exchangeCode(ctx)
		}
		return nil
	}
	switch {
	case starting:
		return r.alreadySignedIn(ctx)
	case r.JSON || r.flow != nil && r.flow.Type == API:
		return envelope(sessionAvailable())
	}
	to := r.SelfService.DefaultBrowserReturnURL
	if asked := r.param("return_to"); strings.HasPrefix(asked, r.Public("self-service", nil)) {
		if checked, err := r.ReturnTo(asked, to); err == nil {
			to = checked
		}
	}
	return redirect(302, to)
}

// refuseSessionWithoutCode is refuseSession, except that a code which was asked
// for may still be entered by somebody who is signed in.
func refuseSessionWithoutCode(ctx context.Context, r *run) *Answer {
	if r.Session != nil && r.flow.State != ChooseMethod {
		if body, err := r.read(); err == nil && body.First("code") != "" {
			return nil
		}
	}
	return refuseSession(ctx, r)
}

// requirePrimary refuses to start a journey whose only method is switched off.
func requirePrimary(ctx context.Context, r *run) *Answer {
	if r.primary(r.kind.name, r.flow.Active) != nil {
		return nil
	}
	return r.forward(ctx, problem.BadRequest("The method %q that the %s flow is configured to use was switched off by the operator.", r.flow.Active, r.kind.name))
}

// exchangeCode starts a session token exchange for native apps that ask for it.
func (r *run) exchangeCode(ctx context.Context) *Answer {
	if r.flow.Type != API || r.kind.name == Login && !r.flag("return_session_token_exchange_code") ||
		r.kind.name == Registration && r.param("return_session_token_exchange_code") != "true" {
		return nil
	}
	code, err := r.newExchange(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	r.flow.ExchangeCode = code
	return nil
}

// loadForFetch finds the flow of ?id=. What is no id is not found.
func loadForFetch(ctx context.Context, r *run) *Answer {
	id, err := uuid.Parse(r.param("id"))
	if err != nil {
		id = uuid.Nil
	}
	f, err := r.store.Flow(ctx, id)
	if err == nil && f.Kind != r.kind.name {
		err = problem.ErrNotFound
	}
	if err != nil {
		return envelope(asProblem(err))
	}
	r.flow = f
	return nil
}

// checkOwner lets only the browser that started a flow read it.
func checkOwner(_ context.Context, r *run) *Answer {
	if r.flow.Type == API || r.flow.handedOut() || r.flow.untried() || r.CSRF.Owns(r.flow.CSRFHash) {
		return nil
	}
	return envelope(r.CSRF.Violation())
}

// checkFetchExpiry says where a fresh flow can be had instead of an old one.
func checkFetchExpiry(_ context.Context, r *run) *Answer {
	if !r.flow.Expired(r.now) {
		return nil
	}
	p := problem.New(410, "The flow is too old. Start a new one.")
	base := "self-service/" + string(r.kind.name)
	if r.flow.Type == API {
		p = p.Detail("api", r.Public(base+"/api", nil))
		if r.kind.fetchExpired || r.kind.name == Recovery {
			p = p.Named(problem.FlowExpired)
		}
		return envelope(p)
	}
	var query url.Values
	if r.flow.ReturnTo != "" {
		query = url.Values{"return_to": {r.flow.ReturnTo}}
	}
	p = p.Detail("redirect_to", r.Public(base+"/browser", query)).Detail("return_to", r.flow.ReturnTo)
	if r.kind.fetchExpired {
		p = p.Named(problem.FlowExpired)
	}
	return envelope(p)
}

// loadForSubmit finds the flow of ?flow=.
func loadForSubmit(ctx context.Context, r *run) *Answer {
	id, err := uuid.Parse(r.param("flow"))
	if err != nil {
		return r.forward(ctx, problem.BadRequest("The parameter flow is missing or is not the id of a flow."))
	}
	f, err := r.store.Flow(ctx, id)
	if err == nil && f.Kind != r.kind.name {
		err = problem.ErrNotFound
	}
	if errors.Is(err, problem.ErrNotFound) && r.kind.missing != "" {
		err = problem.NotFound(r.kind.missing).With(err)
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	r.flow = f
	return nil
}

// refuseSecondLogin keeps somebody who is signed in from signing in again by
// accident.
func refuseSecondLogin(ctx context.Context, r *run) *Answer {
	if r.Session == nil || r.flow.Refresh || r.flow.RequestedAAL > r.Session.AAL {
		return nil
	}
	if r.flow.Type == Browser && !r.JSON {
		return redirect(303, r.SelfService.DefaultBrowserReturnURL)
	}
	return r.unacceptable(ctx, sessionAvailable())
}

// requireFirstFactor keeps a second factor from being the only one.
func requireFirstFactor(ctx context.Context, r *run) *Answer {
	if r.Session == nil && r.flow.RequestedAAL > session.AAL1 {
		return r.forward(ctx, firstFactorNeeded())
	}
	return nil
}

func noSession() *problem.Error {
	return problem.Unauthorized("Nobody is signed in. Sign in first.")
}

// requireSessionToStart is settings' own: it says more than requireSession.
func requireSessionToStart(_ context.Context, r *run) *Answer {
	switch {
	case r.Session != nil:
		r.flow.IdentityID = &r.Session.IdentityID
		return nil
	case r.flow.Type == API:
		return envelope(noSession().Named(problem.SessionInactive))
	case r.JSON:
		return envelope(noSession().Named(problem.SessionInactive).Beside("CredentialsMissing", false))
	}
	var query url.Values
	if to := r.param("return_to"); to != "" {
		query = url.Values{"return_to": {to}}
	}
	return redirect(303, r.Public("self-service/login/browser", query))
}

// requireSession is asked before the flow is known.
func requireSession(_ context.Context, r *run) *Answer {
	switch {
	case r.Session != nil:
		return nil
	case r.JSON:
		return envelope(noSession())
	}
	return redirect(302, r.SelfService.Flows.ByKind(string(Login)).UIURL)
}

// requireSameIdentity keeps people out of each other's settings.
func requireSameIdentity(ctx context.Context, r *run) *Answer {
	if r.flow.IdentityID != nil && *r.flow.IdentityID == r.Session.IdentityID {
		return nil
	}
	return r.forward(ctx, problem.Forbidden("The flow belongs to somebody else.").Named(problem.IdentityMismatch))
}
