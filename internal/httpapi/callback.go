package httpapi

import (
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// maxCallback is how long a posted callback may be, in bytes.
const maxCallback = 64 << 10

// comeBack serves the addresses to which providers send browsers back.
func (s *Server) comeBack(method string) http.HandlerFunc {
	return s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Return(r.Context(), method, r.PathValue("provider"), v)
	})
}

// posted serves the same addresses for providers that answer with a form (OAuth 2.0
// Form Post Response Mode, section 2). Such a form comes from elsewhere, so browsers
// send no cookies along; a redirect to the same address gets them.
func (s *Server) posted(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
	if err := r.ParseForm(); err != nil {
		writeProblem(w, r, problem.BadRequest("The form cannot be read."))
		return
	}
	set := s.compiled.Load()
	http.Redirect(w, r, set.Public(r.URL.Path, r.Form), http.StatusFound)
}
