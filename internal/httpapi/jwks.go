package httpapi

import "net/http"

// jwksPath is where the keys are with which tokenized sessions can be checked.
const jwksPath = "/.well-known/cardea/jwks.json"

// jwks serves them (RFC 7517, section 8.5.1). They are public: every origin may read
// them, and caches may keep them for as long as it takes until a new key is used.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	keys, err := s.PublicKeys(r.Context(), s.compiled.Load().Setup)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"public, max-age=300"}
	if r.Header.Get("Origin") != "" && h.Get("Access-Control-Allow-Origin") == "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	_, _ = w.Write(keys) // the client may be gone
}
