package flow

import (
	"context"
	"encoding/json"
	"errors"

	"cardea/internal/identity"
	"cardea/internal/oauth2"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// A proof of an address that stands between a registration and the OAuth2 server,
// and what messages are told of the server's client.

// awaited is the session whose OAuth2 login waits for the proof of an address; nil
// for none. Only the browser that made the account signs in with the proof: the
// message can reach somebody else, and be opened elsewhere.
func (r *run) awaited(ctx context.Context) (*session.Session, error) {
	f := r.flow
	if f.Challenge == "" || f.Type != Browser || f.SessionID == nil || f.IdentityID == nil || !r.CSRF.Owns(f.CSRFHash) {
		return nil, nil
	}
	s, err := r.store.Session(ctx, *f.SessionID)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !s.IsActive(r.now, &r.Limits), s.IdentityID != *f.IdentityID, s.Identity == nil || s.Identity.State != identity.Active:
		return nil, nil
	}
	return s, nil
}

// verifiedFor ends a verification for which an OAuth2 login has waited: the login is
// accepted, the browser is signed in, and the form leads back to the server.
func (r *run) verifiedFor(ctx context.Context, step *Step, s *session.Session) *Answer {
	to, err := r.acceptOrStepUp(ctx, s)
	if err != nil {
		return r.forward(ctx, err)
	}
	if err := r.flow.remember(continueKey, continueFacts{URL: to, Group: step.Group}); err != nil {
		return r.forward(ctx, err)
	}
	if err := r.write(ctx, nil, func(tx Tx) error { return tx.UpdateFlow(r.flow) }); err != nil {
		return r.forward(ctx, err)
	}
	token := r.Token
	if r.Session == nil || r.Session.ID != s.ID {
		token = session.NewToken(r.rand)
		if err := r.store.AddToken(ctx, s.ID, session.HashToken(token)); err != nil {
			return r.forward(ctx, err)
		}
	}
	given := r.giveCookie(s, token)
	a := redirect(303, to)
	if !r.navigates() {
		a = r.progress(ctx, true)
	}
	a.Cookie = given
	return a
}

// acceptOrStepUp accepts the login of a session; one that has to show a second factor
// goes there first, and takes the challenge along.
func (r *run) acceptOrStepUp(ctx context.Context, s *session.Session) (string, error) {
	wants, err := r.wants(ctx)
	if err != nil {
		return "", err
	}
	i, err := r.store.Identity(ctx, s.IdentityID)
	if err != nil {
		return "", err
	}
	if !wants.Met(s, i, r.availableAAL(i), r.now) {
		return r.stepUp(r.stepUpQuery()), nil
	}
	return r.accept(ctx, s)
}

// tellsClient are the messages that name the client of the OAuth2 server.
var tellsClient = map[string]bool{
	"verification_valid": true, "verification_code_valid": true, "login_code_valid": true, "registration_code_valid": true,
}

// withLoginRequest tells messages which client of the OAuth2 server somebody signs in
// to. A message that matters must not wait for a server that does not answer, or
// fail with a challenge that is over by now: it then says nothing of the client.
func (r *run) withLoginRequest(ctx context.Context, f *Flow, all []Outgoing) []Outgoing {
	if f.Challenge == "" || len(all) == 0 || r.OAuth2Provider.URL == "" || r.oauth2 == nil {
		return all
	}
	request, err := r.oauth2.LoginRequest(ctx, r.Snapshot, f.Challenge)
	if err != nil {
		return all
	}
	facts := clientFacts(request)
	for i := range all {
		if facts != nil && tellsClient[all[i].Template] {
			all[i].Data["oauth2_login_request"] = facts
		}
	}
	return all
}

// clientFacts is the part of a login request that messages see; nil when it cannot
// be read.
func clientFacts(request *oauth2.Request) json.RawMessage {
	var told struct {
		Challenge string `json:"challenge"`
		Client    struct {
			ID       string          `json:"client_id,omitempty"`
			Name     string          `json:"client_name,omitempty"`
			URI      string          `json:"client_uri,omitempty"`
			LogoURI  string          `json:"logo_uri,omitempty"`
			Metadata json.RawMessage `json:"metadata,omitempty"`
		} `json:"client"`
	}
	if json.Unmarshal(request.Raw, &told) != nil {
		return nil
	}
	raw, err := json.Marshal(told)
	if err != nil {
		return nil
	}
	return raw
}
