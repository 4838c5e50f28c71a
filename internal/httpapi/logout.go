package httpapi

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// logoutToken is what proves that a sign-out was meant: a MAC of the session's
// id, the same for the session's lifetime, stored nowhere.
func (set *compiled) logoutToken(id uuid.UUID) string {
	return spellLogout(set.logoutKeys.MAC(logoutLabel, id[:]))
}

// isLogoutToken compares in constant time; tokens made with an older secret count.
func (set *compiled) isLogoutToken(id uuid.UUID, token string) bool {
	ok := 0
	for _, mac := range set.logoutKeys.MACs(logoutLabel, id[:]) {
		ok |= subtle.ConstantTimeCompare([]byte(spellLogout(mac)), []byte(token))
	}
	return ok == 1
}

// spellLogout writes a MAC of 32 bytes as 32 alphanumerics: the form that the
// contract's clients know. What is lost by it leaves more than 180 bits.
func spellLogout(mac []byte) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	text := make([]byte, len(mac))
	for i, b := range mac {
		text[i] = alphabet[int(b)%len(alphabet)]
	}
	return session.LogoutPrefix + string(text)
}

func nobodyToSignOut() *problem.Error {
	return problem.Unauthorized("Nobody is signed in.").Named(problem.SessionInactive)
}

// failPage answers a browser: applications get the envelope, pages are sent to
// the error page.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, set *compiled, v *flow.Visit, err error) {
	p := problemOf(err)
	if wantsJSON(r) {
		s.fail(w, r, p)
		return
	}
	s.write(w, r, set, v, s.Engine.ErrorPage(r.Context(), set.Setup, p))
}

// startLogout serves GET /self-service/logout/browser: the address that signs
// this browser out.
func (s *Server) startLogout(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	v, err := s.visit(r, set)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if v.Session == nil {
		s.failPage(w, r, set, v, nobodyToSignOut())
		return
	}
	query := url.Values{}
	if to := v.Query.Get("return_to"); to != "" {
		if _, err := set.ReturnTo(to, set.SelfService.DefaultBrowserReturnURL); err != nil {
			s.failPage(w, r, set, v, err)
			return
		}
		query.Set("return_to", to)
	}
	token := set.logoutToken(v.Session.ID)
	query.Set("token", token)
	writeJSON(w, 200, map[string]string{"logout_token": token, "logout_url": set.Public("self-service/logout", query)})
}

// browserLogout serves GET /self-service/logout.
func (s *Server) browserLogout(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	v, err := s.visit(r, set)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	token := v.Query.Get("token")
	switch {
	case token == "":
		s.failPage(w, r, set, v, problem.BadRequest("The parameter token is missing. Start at /self-service/logout/browser."))
		return
	case v.Session == nil:
		s.failPage(w, r, set, v, nobodyToSignOut())
		return
	case !set.isLogoutToken(v.Session.ID, token):
		s.failPage(w, r, set, v, problem.Forbidden("The token does not belong to the session that is signed in."))
		return
	}
	if err := s.Sessions.Revoke(r.Context(), v.Session.ID); err != nil && err != problem.ErrNotFound {
		s.failPage(w, r, set, v, err)
		return
	}
	v.CSRF.Rotate(s.rand)
	w.Header().Del("Set-Cookie")
	s.clearSession(w, set)
	if set.SelfService.Flows.Logout.ClearBrowserData && r.TLS != nil {
		w.Header().Set("Clear-Site-Data", `"cookies", "storage", "cache"`)
	}
	fallback := set.SelfService.Flows.Logout.After.DefaultBrowserReturnURL
	if fallback == "" {
		fallback = set.SelfService.DefaultBrowserReturnURL
	}
	to, err := set.ReturnTo(v.Query.Get("return_to"), fallback)
	if err != nil { // checked so late because the person wanted to be signed out in any case
		s.setCSRF(w, set, v.CSRF)
		s.failPageKeepingCookies(w, r, set, err)
		return
	}
	s.setCSRF(w, set, v.CSRF)
	if wantsJSON(r) {
		w.WriteHeader(204)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) failPageKeepingCookies(w http.ResponseWriter, r *http.Request, set *compiled, err error) {
	p := problemOf(err)
	if wantsJSON(r) {
		s.fail(w, r, p)
		return
	}
	a := s.Engine.ErrorPage(r.Context(), set.Setup, p)
	http.Redirect(w, r, a.Location, a.Status)
}

// nativeLogout serves DELETE /self-service/logout/api. Only the body counts.
func (s *Server) nativeLogout(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"session_token"`
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		writeProblem(w, r, problem.BadRequest("The body has to be JSON."))
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		writeProblem(w, r, problem.BadRequest("The body could not be read as JSON."))
		return
	}
	found, err := s.Sessions.ByToken(r.Context(), session.HashToken(in.Token))
	switch {
	case err == problem.ErrNotFound:
		writeProblem(w, r, problem.Forbidden("The session token is not known."))
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	originOf(r.Context()).is(found)
	if err := s.Sessions.Revoke(r.Context(), found.ID); err != nil && err != problem.ErrNotFound {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(204)
}
