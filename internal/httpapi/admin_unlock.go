package httpapi

import "net/http"

// unlockIdentity serves POST /admin/identities/{id}/unlock: wrong guesses about the
// account are forgotten, on every device and from everywhere.
func (s *Server) unlockIdentity(w http.ResponseWriter, r *http.Request) {
	id, err := identityID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	i, err := s.Identities.Identity(r.Context(), id)
	if err == nil {
		err = s.Engine.LetIn(r.Context(), s.compiled.Load().Setup, i)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}
