package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// caller is who a request comes from, as far as its credentials tell.
type caller struct {
	session *session.Session // active; nil for nobody
	token   string           // the token that was presented
	// stale says that the session cookie ends earlier than the session does, or
	// does not say; whoami writes such a cookie again.
	stale bool
	asked bool // any credential was there at all
}

// caller finds the session of a request: X-Session-Token, then the session
// cookie, then the bearer token. The header wins even when it is wrong.
func (s *Server) caller(ctx context.Context, r *http.Request, set *compiled) (caller, error) {
	c, err := s.callerFrom(ctx, r, set, s.Sessions.ByToken)
	originOf(ctx).is(c.session)
	return c, err
}

// known is caller for those who only look at the session.
func (s *Server) known(ctx context.Context, r *http.Request, set *compiled) (caller, error) {
	if s.Known == nil {
		return s.caller(ctx, r, set)
	}
	return s.callerFrom(ctx, r, set, func(ctx context.Context, tokenHash []byte) (*session.Session, error) {
		found, err := s.Known(ctx, tokenHash)
		if err != nil || found.IsActive(s.clock.Now(), &set.Limits) {
			return found, err
		}
		return s.Sessions.ByToken(ctx, tokenHash) // it may have been used or renewed elsewhere
	})
}

// callerFrom is caller with a way of its own to find the session of a token.
func (s *Server) callerFrom(ctx context.Context, r *http.Request, set *compiled, find func(context.Context, []byte) (*session.Session, error)) (caller, error) {
	c := caller{token: r.Header.Get("X-Session-Token")}
	var expires time.Time
	fromCookie := false
	if c.token == "" {
		if _, err := r.Cookie(set.Session.Cookie.Name); err == nil {
			c.asked = true
		}
		c.token, expires, fromCookie = s.openSession(r, set)
	}
	if c.token == "" {
		c.token = bearer(r)
	}
	c.asked = c.asked || c.token != ""
	if !strings.HasPrefix(c.token, session.TokenPrefix) {
		return caller{asked: c.asked}, nil // cannot exist: no need to look
	}
	found, err := find(ctx, session.HashToken(c.token))
	if err == problem.ErrNotFound {
		return caller{asked: c.asked}, nil
	}
	if err != nil {
		return caller{}, err
	}
	now := s.clock.Now()
	if !found.IsActive(now, &set.Limits) {
		return caller{asked: c.asked}, nil
	}
	s.Uses.Note(found, &set.Limits, now)
	c.session = found
	c.stale = fromCookie && expires.Before(found.End(&set.Limits))
	return c, nil
}

// bearer is the token of an Authorization header, "" for none: the scheme in
// any case, one space, the token.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return token
}

// visit is what the engine gets to know of a request.
func (s *Server) visit(r *http.Request, set *compiled) (*flow.Visit, error) {
	return s.visitFrom(r, set, s.caller)
}

// visitFrom is visit with a way of its own to find the caller.
func (s *Server) visitFrom(r *http.Request, set *compiled, find func(context.Context, *http.Request, *compiled) (caller, error)) (*flow.Visit, error) {
	c, err := find(r.Context(), r, set)
	if err != nil {
		return nil, err
	}
	v := &flow.Visit{
		Setup: set.Setup,
		JSON:  wantsJSON(r), AcceptsJSON: acceptsJSON(r), Page: wantsPage(r),
		URL: requestURL(r), Query: r.URL.Query(),
		CSRF:    csrfOf(r, set),
		Device:  device(r),
		Source:  source(r, set),
		Session: c.session, Token: c.token,
		Get: r.Method == http.MethodGet, Method: r.Method, Continuity: continuityOf(r),
		Origin: r.Header.Get("Origin"), Language: languageOf(r),
	}
	for _, cookie := range r.Cookies() {
		v.Cookies = append(v.Cookies, cookie.Name)
	}
	v.AllCookies = func() map[string]string {
		all := map[string]string{}
		for _, cookie := range r.Cookies() {
			all[cookie.Name] = cookie.Value
		}
		return all
	}
	v.AllHeaders = func() map[string][]string { return r.Header.Clone() }
	v.Headers = allowed(r.Header, set.Clients.WebHook.HeaderAllowlist)
	v.Read = func() (*payload.Body, error) {
		return payload.Read(payload.Source{
			ContentType: r.Header.Get("Content-Type"), Method: r.Method, Query: withoutFlow(r.URL.Query()),
			Body: r.Body, ContentLength: r.ContentLength, Limit: maxBody,
		})
	}
	return v, nil
}

// allowed are the headers that the operator lets others see.
func allowed(h http.Header, names []string) map[string][]string {
	shown := map[string][]string{}
	for _, name := range names {
		if values, ok := h[name]; ok {
			shown[name] = values
		}
	}
	return shown
}

func withoutFlow(q url.Values) url.Values {
	q.Del("flow")
	return q
}

// csrfOf is the anti-CSRF state that the middleware has read, or reads now.
func csrfOf(r *http.Request, set *compiled) *flow.CSRF {
	csrf, ok := r.Context().Value(csrfKey{}).(*flow.CSRF)
	if !ok {
		csrf = csrfFrom(r, set.csrfName)
	}
	csrf.JSON = strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
	csrf.Silent = r.Header.Get("X-CSRF-Token") == ""
	return csrf
}

// requestURL is the address as the client saw it. Forwarding headers count
// here, and only here: nothing is ever linked to it.
func requestURL(r *http.Request) string {
	u := *r.URL
	u.Scheme = "http"
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" {
		u.Scheme = proto
	}
	u.Host = r.Host
	if host := r.Header.Get("X-Forwarded-Host"); host != "" {
		u.Host = host
	}
	return u.String()
}

// maxDeviceText is how much of a header a device record keeps, in bytes.
const maxDeviceText = 512

// device describes where a request came from. The address headers are those of
// well-known proxies; what they say is shown to people, never trusted.
func device(r *http.Request) session.Device {
	ip := clientIP(r)
	agent := cut(strings.Join(r.Header["User-Agent"], " "))
	var place []string
	for _, h := range []string{"Cf-Ipcity", "Cf-Ipcountry"} {
		if v := r.Header.Get(h); v != "" {
			place = append(place, v)
		}
	}
	location := cut(strings.Join(place, ", "))
	return session.Device{IPAddress: &ip, UserAgent: &agent, Location: &location}
}

// source is where a request comes from, for counting. Headers count only when they
// come from a trusted proxy. A proxy that nobody has told us of, which has to be on a
// private network, stands for all of its clients, so it is not counted as one.
func source(r *http.Request, set *compiled) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	throttle, chain := &set.Cardea.Throttle, r.Header["X-Forwarded-For"]
	inside := peer.Addr().Unmap().IsPrivate() || peer.Addr().Unmap().IsLoopback()
	if throttle.TrustedProxies == nil && inside && len(chain) > 0 {
		return netip.Prefix{}
	}
	return gate.Source(gate.ClientOf(peer.Addr(), chain, throttle.Proxies))
}

func clientIP(r *http.Request) string {
	for _, h := range []string{"True-Client-Ip", "Cf-Connecting-Ip", "X-Real-Ip"} {
		if v := r.Header.Get(h); v != "" {
			return cut(v)
		}
	}
	// A proxy adds its hop to the last line or as a line of its own.
	if chain := strings.Join(r.Header["X-Forwarded-For"], ","); chain != "" {
		hops := strings.Split(chain, ",")
		for i := len(hops) - 1; i >= 0; i-- {
			if hop := strings.TrimSpace(hops[i]); isPublic(hop) {
				return hop
			}
		}
		return ""
	}
	if _, _, err := net.SplitHostPort(r.RemoteAddr); err != nil {
		return ""
	}
	return r.RemoteAddr
}

func isPublic(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// cut shortens a text to what a device record keeps, never inside a character.
func cut(text string) string {
	if len(text) <= maxDeviceText {
		return text
	}
	return strings.ToValidUTF8(text[:maxDeviceText], "")
}

// languageOf is the language that the person chose on a page, else what the browser
// or app prefers; "" when nobody says.
func languageOf(r *http.Request) string {
	if c, err := r.Cookie(flow.LanguageCookie); err == nil {
		if chosen := preferred(c.Value); chosen != "" {
			return chosen
		}
	}
	return preferred(r.Header.Get("Accept-Language"))
}

// preferred is the language that an Accept-Language header names first, "" for
// none (RFC 9110, section 12.5.4): clients list what people prefer in order.
func preferred(header string) string {
	first, _, _ := strings.Cut(header, ",")
	tag, _, _ := strings.Cut(first, ";")
	if tag = strings.TrimSpace(tag); tag == "*" || len(tag) > 35 { // RFC 5646, section 4.4.1
		return ""
	}
	return tag
}
