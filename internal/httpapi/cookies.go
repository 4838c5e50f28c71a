package httpapi

import (
	"net/http"
	"time"

	"cardea/internal/flow"
	"cardea/internal/secret"
)

var sameSite = map[string]http.SameSite{"Lax": http.SameSiteLaxMode, "Strict": http.SameSiteStrictMode, "None": http.SameSiteNoneMode}

// csrfFrom reads the anti-CSRF state of a request. Several cookies of our name
// (another path or domain) count as one when any of them is well formed.
func csrfFrom(r *http.Request, name string) *flow.CSRF {
	var real []byte
	ours := false
	for _, c := range r.Cookies() {
		if c.Name != name {
			continue
		}
		ours = true
		if raw, ok := secret.DecodeCSRF(c.Value); ok && real == nil {
			real = raw
		}
	}
	csrf := flow.NewCSRF(real)
	csrf.HasCookies, csrf.HasOurs = r.Header.Get("Cookie") != "", ours
	mode := r.Header.Get("Sec-Fetch-Mode")
	csrf.AJAX = mode == "cors" || mode == "same-origin"
	return csrf
}

// setCSRF writes the anti-CSRF cookie.
func (s *Server) setCSRF(w http.ResponseWriter, set *compiled, csrf *flow.CSRF) {
	site := sameSite[set.Cookies.SameSite]
	if !set.Cookies.Secure {
		site = http.SameSiteLaxMode
	}
	http.SetCookie(w, &http.Cookie{
		Name: set.csrfName, Value: secret.EncodeCSRF(csrf.Real()),
		Path: set.Cookies.Path, Domain: set.Cookies.Domain, MaxAge: 365 * 24 * 60 * 60,
		Secure: set.Cookies.Secure, HttpOnly: true, SameSite: site,
	})
}

// setSession puts a session into the browser.
func (s *Server) setSession(w http.ResponseWriter, set *compiled, c *flow.Cookie) error {
	now := s.clock.Now()
	value, err := set.cookie.Encode(s.rand, secret.CookieValue{Token: c.Token, IssuedAt: now, ExpiresAt: c.ExpiresAt})
	if err != nil {
		return err
	}
	cookie := s.sessionCookie(set, value)
	if set.Session.Cookie.Persistent && !c.Transient {
		cookie.MaxAge = int(c.ExpiresAt.Sub(now).Round(time.Second) / time.Second)
		cookie.Expires = c.ExpiresAt
	}
	http.SetCookie(w, cookie)
	return nil
}

// clearSession takes the session out of the browser.
func (s *Server) clearSession(w http.ResponseWriter, set *compiled) {
	cookie := s.sessionCookie(set, "signed-out")
	cookie.MaxAge, cookie.Expires = -1, time.Unix(1, 0)
	http.SetCookie(w, cookie)
}

func (s *Server) sessionCookie(set *compiled, value string) *http.Cookie {
	c := set.Session.Cookie
	return &http.Cookie{
		Name: c.Name, Value: value, Path: c.Path, Domain: c.Domain,
		Secure: c.Secure, HttpOnly: true, SameSite: sameSite[c.SameSite],
	}
}

// maxAge is how old a session cookie may be: its signed time is checked, so that
// a stolen one does not work for ever.
func (set *compiled) maxAge() time.Duration {
	if set.Session.Cookie.Persistent {
		return set.Session.Lifespan
	}
	return 30 * 24 * time.Hour
}

// openSession reads the session cookie: the token, and when the browser thinks
// that it ends.
func (s *Server) openSession(r *http.Request, set *compiled) (token string, expires time.Time, ok bool) {
	c, err := r.Cookie(set.Session.Cookie.Name)
	if err != nil {
		return "", time.Time{}, false
	}
	v, err := set.cookie.Decode(c.Value, s.clock.Now(), set.maxAge())
	if err != nil {
		return "", time.Time{}, false
	}
	return v.Token, v.ExpiresAt, true
}

// continuityName is the cookie that ties a submission that waits for a new
// sign-in to its browser.
const continuityName = "ory_kratos_continuity"

// continuityAge is how long that cookie lives. What it is tied to ends sooner.
const continuityAge = 30 * 24 * time.Hour

func continuityOf(r *http.Request) string {
	c, err := r.Cookie(continuityName)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Server) setContinuity(w http.ResponseWriter, set *compiled, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: continuityName, Value: value, Path: set.Cookies.Path, Domain: set.Cookies.Domain,
		MaxAge: int(continuityAge / time.Second), Expires: s.clock.Now().Add(continuityAge),
		Secure: set.Cookies.Secure, HttpOnly: true, SameSite: sameSite[set.Cookies.SameSite],
	})
}
