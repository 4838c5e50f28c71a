package flow

import (
	"context"
	"net/url"

	"cardea/internal/config"
	"cardea/internal/oauth2"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Logins on behalf of an OAuth2 server (section 15 of the HTTP reference). The
// server sends a browser here with a challenge; whoever signs in with it is sent
// back with the server's blessing. Every call to the server happens outside of
// transactions, and what it knows of a login is never stored.

// OAuth2 speaks with the OAuth2 server of a configuration.
type OAuth2 interface {
	LoginRequest(ctx context.Context, s *config.Snapshot, challenge string) (*oauth2.Request, error)
	AcceptLogin(ctx context.Context, s *config.Snapshot, challenge string, a oauth2.Acceptance) (redirectTo string, err error)
}

// checkChallenge reads the login challenge of an OAuth2 server.
func checkChallenge(ctx context.Context, r *run) *Answer {
	if !r.Query.Has("login_challenge") {
		return nil
	}
	challenge := r.param("login_challenge")
	switch {
	case challenge == "":
		return r.forward(ctx, problem.BadRequest("The parameter login_challenge is there but empty."))
	case r.OAuth2Provider.URL == "" || r.oauth2 == nil:
		return r.forward(ctx, noOAuth2())
	}
	r.flow.Challenge = challenge
	return nil
}

func noOAuth2() *problem.Error {
	return problem.New(500, "A login_challenge was given, but oauth2_provider.url is not configured.").Named(problem.InvalidConfiguration)
}

// loginRequest asks the OAuth2 server about the flow's challenge.
func (r *run) loginRequest(ctx context.Context) (*oauth2.Request, error) {
	if r.OAuth2Provider.URL == "" || r.oauth2 == nil {
		return nil, noOAuth2()
	}
	return r.oauth2.LoginRequest(ctx, r.Snapshot, r.flow.Challenge)
}

// meetLogin fits the start of a login to what the OAuth2 server wants: unless it
// lets the form be skipped, people prove themselves again. Apps are not redirected
// and bring no login to its end, so for them the server is not asked.
func meetLogin(ctx context.Context, r *run) *Answer {
	if r.flow.Challenge == "" || r.flow.Type != Browser {
		return nil
	}
	request, err := r.loginRequest(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	r.request = request
	r.override(request)
	if !request.Skip {
		r.Query.Set("refresh", "true")
	}
	r.rewrite()
	return nil
}

// override makes detours lead back to the OAuth2 client, when the operator wants
// that. The address still has to be allowed.
func (r *run) override(request *oauth2.Request) {
	if r.OAuth2Provider.OverrideReturnTo && request.RequestURL != "" {
		r.Query.Set("return_to", request.RequestURL)
	}
}

// rewrite makes the flow remember the start as if it had been asked for as it is
// carried out.
func (r *run) rewrite() {
	u, err := url.Parse(r.flow.RequestURL)
	if err != nil || u.Query().Encode() == r.Query.Encode() {
		return
	}
	u.RawQuery = r.Query.Encode()
	r.flow.RequestURL, r.flow.ReturnTo = u.String(), r.param("return_to")
}

// skipped ends a login that needs no form, because both the OAuth2 server and we
// know the person; nil when there is none to end.
func (r *run) skipped(ctx context.Context) *Answer {
	if r.request == nil || !r.request.Skip {
		return nil
	}
	wants, err := r.wants(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	enough, err := r.meets(ctx, wants)
	if err != nil {
		return r.forward(ctx, err)
	}
	if !enough {
		return r.goElsewhere(r.stepUp(r.stepUpQuery()))
	}
	to, err := r.accept(ctx, r.Session)
	if err != nil {
		return r.forward(ctx, err)
	}
	switch {
	case !r.AcceptsJSON:
		return redirect(303, to)
	case r.kind.name == Login:
		return envelope(sessionAvailable())
	}
	return locationChange(to)
}

// stepUpQuery is what a sign-in with a second factor takes along.
func (r *run) stepUpQuery() url.Values { return r.flow.again() }

// again is what another login has to be started with to lead where this flow leads.
func (f *Flow) again() url.Values {
	query := url.Values{}
	if f.ReturnTo != "" {
		query.Set("return_to", f.ReturnTo)
	}
	if f.Challenge != "" {
		query.Set("login_challenge", f.Challenge)
	}
	return query
}

// meetRegistration asks about the challenge with which a registration starts.
// Whoever is signed in already has no account to make: the login goes on instead.
func meetRegistration(ctx context.Context, r *run) *Answer {
	if r.flow.Challenge == "" || r.flow.Type != Browser {
		return nil
	}
	request, err := r.loginRequest(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	if r.Session == nil {
		return nil
	}
	r.request = request
	r.override(request)
	if a := r.skipped(ctx); a != nil {
		return a
	}
	return redirect(302, r.Public("self-service/login/browser", r.Query))
}

// leadBack makes a journey that somebody takes beside a login for the OAuth2 server, a
// recovery above all, end at that login. Whoever signs in there is sent on.
func leadBack(_ context.Context, r *run) *Answer {
	challenge := r.param("login_challenge")
	if challenge == "" || r.flow.Type != Browser || r.OAuth2Provider.URL == "" {
		return nil
	}
	query := url.Values{"login_challenge": {challenge}}
	if to := r.param("return_to"); to != "" {
		query.Set("return_to", to)
	}
	r.flow.ReturnTo = r.Public("self-service/login/browser", query)
	return nil
}

// accept tells the OAuth2 server who has signed in, and gives the address at which
// the browser goes on.
func (r *run) accept(ctx context.Context, s *session.Session) (string, error) {
	if r.OAuth2Provider.URL == "" || r.oauth2 == nil {
		return "", noOAuth2()
	}
	a := oauth2.Acceptance{
		Subject: s.IdentityID, Session: s.ID,
		Remember: r.Setup.Session.Cookie.Persistent && !s.Transient, RememberFor: r.Lifespan(s),
	}
	for _, m := range s.Methods {
		a.Methods = append(a.Methods, string(m.Method))
	}
	to, err := r.oauth2.AcceptLogin(ctx, r.Snapshot, r.flow.Challenge, a)
	r.recordAccepted(ctx, s, err)
	return to, err
}

// acceptLogin ends a login that an OAuth2 server waits for. The person is signed in
// whatever the server says.
func (r *run) acceptLogin(ctx context.Context, s *session.Session) *Answer {
	to, err := r.accept(ctx, s)
	if err != nil {
		return r.forward(ctx, err)
	}
	return r.goElsewhere(to)
}

// owed is the session of somebody who has signed up for an OAuth2 server and gets
// no session here: the server has to be told of one. Nobody ever sees its token.
func (r *run) owed(s *SignedUp, result NewIdentity) *session.Session {
	if s.Session != nil || r.flow.Challenge == "" || r.flow.Type != Browser {
		return s.Session
	}
	hidden, _ := r.signIn(s.Identity, result.Method, true)
	return hidden
}

// endRegistration accepts the login of somebody who has signed up and answers with
// the address that this leads to, "" when there is nothing to accept: a page that
// makes a detour to prove an address is led on from there, and an application
// without a session cannot go on at the server. Whatever the server says, the
// person is signed up.
func (r *run) endRegistration(ctx context.Context, s *SignedUp, owed *session.Session, answer func(accepted string) *Answer, detour bool, token string) *Answer {
	if owed == nil || r.flow.Challenge == "" || r.flow.Type != Browser || !r.JSON && detour || r.JSON && s.Session == nil {
		return answer("")
	}
	to, err := r.accept(ctx, owed)
	if err == nil {
		return answer(to)
	}
	a := r.forward(ctx, err)
	if s.Session != nil {
		a.Cookie = r.giveCookie(s.Session, token)
	}
	return a
}

// explain puts what the OAuth2 server knows into a login or registration as its
// client sees it. It is asked anew each time; what the start has learned is for
// the start.
func (r *run) explain(ctx context.Context, page *Page) error {
	if r.flow.Challenge == "" || r.kind.name != Login && r.kind.name != Registration {
		return nil
	}
	request := r.request
	if request == nil {
		if r.starting {
			return nil
		}
		var err error
		if request, err = r.loginRequest(ctx); err != nil {
			return err
		}
	}
	page.LoginRequest = request.Raw
	return nil
}
