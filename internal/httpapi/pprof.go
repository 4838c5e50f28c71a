package httpapi

import (
	"net/http"
	"net/http/pprof"
	"slices"

	"cardea/internal/apikey"
)

// profiles are those of the runtime that may be asked for by name
// (https://pkg.go.dev/runtime/pprof#Profile).
var profiles = []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"}

// pprofTable are the profiles of the running process. The command line is
// not among them: it may hold secrets.
func (s *Server) pprofTable() []Route {
	route := func(method, pattern string, h http.HandlerFunc) entry {
		return entry{method, "/admin/debug/pprof/" + pattern, "", s.ifProfiled(h)}
	}
	return under(apikey.Profiles, []entry{
		route("GET", "profile", pprof.Profile),
		route("GET", "trace", pprof.Trace),
		route("GET", "symbol", pprof.Symbol),
		route("POST", "symbol", pprof.Symbol),
		route("GET", "{profile}", func(w http.ResponseWriter, r *http.Request) {
			name := r.PathValue("profile")
			if !slices.Contains(profiles, name) {
				notFound(w, r)
				return
			}
			pprof.Handler(name).ServeHTTP(w, r)
		}),
	})
}

// ifProfiled serves a route where cardea.admin.pprof is set, and else knows nothing of
// it.
func (s *Server) ifProfiled(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.compiled.Load().Cardea.Admin.Pprof {
			notFound(w, r)
			return
		}
		h(w, r)
	}
}
