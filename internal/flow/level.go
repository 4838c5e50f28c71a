package flow

import (
	"context"
	"net/url"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// The settings guards that ask for the second factor. They differ in where somebody
// goes on who has proved it: a start that has a place to lead to is made again,
// reading leads to the page, and submitting to the flow's form.

func requireLevelToStart(ctx context.Context, r *run) *Answer {
	if r.flow.ReturnTo == "" {
		return r.requireLevel(ctx, "")
	}
	return r.requireLevel(ctx, r.Public("self-service/settings/"+string(r.flow.Type), r.Query))
}

func requireLevelToRead(ctx context.Context, r *run) *Answer {
	return r.requireLevel(ctx, r.uiURL(Settings, r.flow.ID))
}

func requireLevelToSubmit(ctx context.Context, r *run) *Answer {
	return r.requireLevel(ctx, r.Public("self-service/settings", url.Values{"flow": {r.flow.ID.String()}}))
}

func (r *run) requireLevel(ctx context.Context, back string) *Answer {
	required := session.AAL(r.SelfService.Flows.ByKind(string(Settings)).RequiredAAL)
	available, err := r.reachable(ctx)
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case r.Session.Satisfies(required, available):
		return nil
	}
	var query url.Values
	if back != "" {
		query = url.Values{"return_to": {back}}
	}
	to := r.stepUp(query)
	if r.flow.Type == Browser && !r.JSON {
		return redirect(303, to)
	}
	return envelope(SecondFactorNeeded(to))
}

// reachable is the highest level that the one who is signed in can reach. What was
// noted with the account is believed when it is the highest there is; anything
// else is counted again, because a session brings no credentials along.
func (r *run) reachable(ctx context.Context) (string, error) {
	if i := r.Session.Identity; r.Session.AAL == session.AAL2 || i != nil && i.AvailableAAL == string(session.AAL2) {
		return string(session.AAL2), nil
	}
	i, err := r.store.Identity(ctx, r.Session.IdentityID)
	if err != nil {
		return "", err
	}
	return r.availableAAL(i), nil
}

// stepUp is where a browser proves its second factor.
func (s *Setup) stepUp(query url.Values) string {
	q := url.Values{"aal": {"aal2"}}
	for k, v := range query {
		q[k] = v
	}
	return s.Public("self-service/login/browser", q)
}

// StepUpURL is where a browser proves its second factor.
func (s *Setup) StepUpURL() string { return s.stepUp(nil) }

// SecondFactorNeeded says that the session's level is too low and where a
// higher one can be reached.
func SecondFactorNeeded(to string) *problem.Error {
	return problem.Forbidden("The session has to prove a second factor first.").Named(problem.SessionAAL2Required).
		Detail("redirect_browser_to", to).Beside("redirect_browser_to", to)
}
