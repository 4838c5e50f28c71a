package httpapi

import (
	"net/http"

	"cardea/internal/apikey"
	"cardea/internal/problem"
)

// guarded lets a request of the admin port through to its route, if it may, and
// bounds what is read of its body.
func (s *Server) guarded(r Route) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if err := s.admit(r, req); err != nil {
			if problemOf(err).Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750, section 3
			}
			s.fail(w, req, err)
			return
		}
		if r.Pattern != importPath {
			req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		}
		r.handler(w, req)
	}
}

// admit says whether a request may use a route: nothing is asked for on free routes
// and on a port that is not guarded; else a client certificate that the listener has
// verified, or an API key.
func (s *Server) admit(r Route, req *http.Request) error {
	set := s.compiled.Load()
	if r.Free || !set.AdminGuarded() || set.Cardea.Admin.ClientCA != "" && certified(req) {
		return nil
	}
	if s.Keys == nil {
		return problem.Unauthorized("This port is guarded, and there are no keys to it.")
	}
	_, err := apikey.Check(req.Context(), s.Keys, req.Header.Get("Authorization"), r.Resource, r.Access, s.clock.Now())
	return err
}

// certified says whether the client showed a certificate of a configured authority.
func certified(req *http.Request) bool { return req.TLS != nil && len(req.TLS.VerifiedChains) > 0 }
