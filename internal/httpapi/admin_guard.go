package httpapi

import (
	"net/http"
	"net/url"

	"cardea/internal/apikey"
	"cardea/internal/audit"
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
	set, from := s.compiled.Load(), originOf(req.Context())
	if set.Cardea.Admin.ClientCA != "" && certified(req) {
		from.operates(audit.Certificate)
		return nil
	}
	if r.Free || !set.AdminGuarded() {
		from.operates(audit.Operator)
		return nil
	}
	if s.Keys == nil {
		return problem.Unauthorized("This port is guarded, and there are no keys to it.")
	}
	key, err := apikey.Check(req.Context(), s.Keys, req.Header.Get("Authorization"), s.clock.Now(), r.Resource, needs(r, req.URL.Query())...)
	if err == nil {
		from.operates(audit.Key(key.ID))
	}
	return err
}

// needs are the accesses that a request to a route takes. Who reads identities does
// not read the secrets of their credentials with them, on whatever route.
func needs(r Route, q url.Values) []apikey.Access {
	all := []apikey.Access{r.Access}
	if r.Resource == apikey.Identities && revealing(q) {
		all = append(all, apikey.Secrets)
	}
	return all
}

// certified says whether the client showed a certificate of a configured authority.
func certified(req *http.Request) bool { return req.TLS != nil && len(req.TLS.VerifiedChains) > 0 }
