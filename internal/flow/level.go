package flow

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
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
	enough, err := r.meets(ctx, r.OwnAccount())
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case enough:
		return nil
	}
	var query url.Values
	if back != "" {
		query = url.Values{"return_to": {back}}
	}
	return r.askSecondFactor(r.stepUp(query))
}

// askSecondFactor sends the client to where its session's level is raised.
func (r *run) askSecondFactor(to string) *Answer {
	if r.flow.Type == Browser && !r.JSON {
		return redirect(303, to)
	}
	return envelope(SecondFactorNeeded(to))
}

// meets judges the session of the one who is signed in. What can be reached is
// counted, not read from what was noted with the account: a session brings no
// credentials along, and methods are switched on and off.
func (r *run) meets(ctx context.Context, wants session.Requirement) (bool, error) {
	if r.Session.AAL == session.AAL2 {
		return true, nil
	}
	i, err := r.signedIn(ctx)
	if err != nil {
		return false, err
	}
	return wants.Met(r.Session, i, r.availableAAL(i), r.now), nil
}

// wants is what the sign-in that the flow is about has to reach: what whoami asks,
// and what the OAuth2 client asks that waits for it.
func (r *run) wants(ctx context.Context) (session.Requirement, error) {
	client := ""
	if r.flow.Challenge != "" && r.flow.Type == Browser && len(r.policy.Clients) > 0 {
		if r.request == nil {
			request, err := r.loginRequest(ctx)
			if err != nil {
				return session.Requirement{}, err
			}
			r.request = request
		}
		client = r.request.ClientID
	}
	return r.requirement(r.Setup.Session.WhoAmI.RequiredAAL, client), nil
}

// requirement is what a place asks that the contract lets ask for a level.
func (s *Setup) requirement(level, client string) session.Requirement {
	return session.Requirement{Level: session.AAL(level), Policy: &s.policy, Client: client}
}

// WhoAmI is what a session has to meet to be told whose it is.
func (s *Setup) WhoAmI() session.Requirement {
	return s.requirement(s.Session.WhoAmI.RequiredAAL, "")
}

// OwnAccount is what a session has to meet for what people may do with their account
// beside the journeys: the same as for the settings.
func (s *Setup) OwnAccount() session.Requirement {
	return s.requirement(s.SelfService.Flows.Settings.RequiredAAL, "")
}

// policyOf reads who has to show two factors.
func policyOf(c config.CardeaAssurance) (session.Policy, error) {
	q := c.RequireAAL2
	p := session.Policy{Everyone: q.Everyone, Schemas: q.Schemas, Clients: q.OAuth2Clients, Grace: q.GracePeriod}
	for _, text := range q.Organizations {
		id, err := uuid.Parse(text)
		if err != nil {
			return p, fmt.Errorf("organizations: %w", err)
		}
		p.Organizations = append(p.Organizations, id)
	}
	if q.Since == "" {
		return p, nil
	}
	since, err := time.Parse(time.RFC3339, q.Since)
	if err != nil {
		return p, fmt.Errorf("since: %w", err)
	}
	p.Since = since
	return p, nil
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
