package httpapi

import "net/http"

// webauthnJS serves GET /.well-known/ory/webauthn.js: the script for security keys
// and passkeys. Forms name its hash, and pages of other origins load it without
// credentials, so every origin may read it, whatever is configured for the rest.
func (s *Server) webauthnJS(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=UTF-8")
	if r.Header.Get("Origin") != "" && h.Get("Access-Control-Allow-Origin") == "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	_, _ = w.Write(s.WebAuthnJS) // the browser may be gone
}
