package httpapi

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// The methods of this file are what the built-in pages ask: the same questions
// that any other page asks over HTTP, with the same rules.

// Setup is the configuration in force.
func (s *Server) Setup() *flow.Setup { return s.compiled.Load().Setup }

// Page reads a flow for the browser that made the request. Errors are problems,
// as the fetch endpoint answers them.
func (s *Server) Page(r *http.Request, k flow.Kind, id string) (*flow.Page, error) {
	set := s.compiled.Load()
	v, err := s.visitFrom(r, set, s.known) // a page only looks
	if err != nil {
		return nil, err
	}
	v.Query = url.Values{"id": {id}}
	v.JSON = true // a page wants to be told what is wrong, not to be sent away
	a := s.Engine.Fetch(r.Context(), k, v)
	if page, ok := a.Body.(*flow.Page); ok {
		return page, nil
	}
	if a.Problem != nil {
		return nil, a.Problem
	}
	return nil, problem.Unauthorized("Nobody is signed in.")
}

// Session is the session of the request, nil for nobody. Pages only look at it, and
// show as much as whoami tells: one that needs a second factor is a 403.
func (s *Server) Session(r *http.Request) (*session.Session, error) {
	set := s.compiled.Load()
	c, err := s.known(r.Context(), r, set)
	if err != nil || c.session == nil {
		return nil, err
	}
	return c.session, s.checkLevel(r.Context(), set, c.session, s.clock.Now())
}

// LogoutURL is the address that signs the request's session out, "" for nobody.
func (s *Server) LogoutURL(r *http.Request) (string, error) {
	set := s.compiled.Load()
	c, err := s.known(r.Context(), r, set)
	if err != nil || c.session == nil {
		return "", err
	}
	return set.Public("self-service/logout", url.Values{"token": {set.logoutToken(c.session.ID)}}), nil
}

// Failure reads an error that a page explains.
func (s *Server) Failure(r *http.Request, id string) (*problem.Error, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil, problem.ErrNotFound
	}
	c, err := s.Errors.Error(r.Context(), parsed)
	if err != nil {
		return nil, err
	}
	return c.Problem, nil
}
