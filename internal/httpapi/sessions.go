package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// nobodySignedIn is whoami's 401; it has no id.
func nobodySignedIn() *problem.Error {
	return problem.Unauthorized("No valid session credentials were found in the request.")
}

// whoami serves /sessions/whoami with any method: who is asking?
func (s *Server) whoami(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	c, err := s.known(r.Context(), r, set)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if c.session == nil {
		if !c.asked && set.FeatureFlags.CacheableSessions {
			w.Header().Set("Ory-Session-Cache-For", "60")
		}
		writeProblem(w, r, nobodySignedIn())
		return
	}
	now := s.clock.Now()
	if err := s.checkLevel(r.Context(), set, c.session, now); err != nil {
		s.fail(w, r, err)
		return
	}
	if c.stale {
		if err := s.setSession(w, set, set.Cookie(c.session, c.token)); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	h := w.Header()
	h["X-Kratos-Authenticated-Identity-Id"] = []string{c.session.IdentityID.String()}
	body := appendSession(make([]byte, 0, 1536), set.Setup, c.session, now, publicSession)
	if template := r.URL.Query().Get("tokenize_as"); template != "" {
		if body, err = s.tokenized(r, set, c.session, body, template, now); err != nil {
			h.Del("X-Kratos-Authenticated-Identity-Id")
			s.fail(w, r, err)
			return
		}
	} else if set.FeatureFlags.CacheableSessions {
		h.Set("Ory-Session-Cache-For", strconv.Itoa(int(cacheFor(set, c.session, now)/time.Second)))
	}
	if r.Method == http.MethodHead {
		h["Content-Type"] = []string{jsonType}
		w.WriteHeader(200)
		return
	}
	writeRaw(w, 200, body)
}

func cacheFor(set *compiled, c *session.Session, now time.Time) time.Duration {
	left := c.End(&set.Limits).Sub(now)
	if most := set.FeatureFlags.CacheableSessionsMaxAge; most > 0 {
		left = min(left, most)
	}
	return left
}

// tokenized adds a signed token to a session as whoami shows it.
func (s *Server) tokenized(r *http.Request, set *compiled, own *session.Session, body []byte, template string, now time.Time) ([]byte, error) {
	tokenizer, err := s.Tokenizer(r.Context(), set.Setup, template)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewRandomFromReader(s.rand)
	if err != nil {
		return nil, err
	}
	token, err := tokenizer.Token(r.Context(), own, body, id, now)
	if err != nil {
		return nil, err
	}
	o := object{b: body[:len(body)-1], comma: true}
	o.plain("tokenized", token)
	return o.close(), nil
}

// signedIn finds the session of a request that needs one, or answers 401.
func (s *Server) signedIn(w http.ResponseWriter, r *http.Request, set *compiled) *session.Session {
	c, err := s.caller(r.Context(), r, set)
	if err != nil {
		s.fail(w, r, err)
		return nil
	}
	if c.session == nil {
		writeProblem(w, r, nobodySignedIn())
		return nil
	}
	if c.session.Held() { // is good for nothing, not even for what asks for no level
		s.fail(w, r, flow.SecondFactorNeeded(set.StepUpURL()))
		return nil
	}
	return c.session
}

// listOwnSessions serves GET /sessions: a person's other sessions.
func (s *Server) listOwnSessions(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	own := s.signedIn(w, r, set)
	if own == nil {
		return
	}
	if err := s.checkLevel(r.Context(), set, own, s.clock.Now()); err != nil {
		s.fail(w, r, err)
		return
	}
	page := pageOf(r.URL.Query())
	others, err := s.Sessions.Others(r.Context(), own.IdentityID, own.ID, page.offset(), page.size)
	total := page.offset() + len(others)
	if err == nil && (len(others) == page.size || len(others) == 0 && page.offset() > 0) { // else the page is the last one
		total, err = s.Sessions.CountOthers(r.Context(), own.IdentityID, own.ID)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.writeHeaders(w, r, total)
	writeRaw(w, 200, appendSessions(set.Setup, others, s.clock.Now(), listedSession))
}

// revokeOtherSessions serves DELETE /sessions.
func (s *Server) revokeOtherSessions(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	own := s.signedIn(w, r, set)
	if own == nil {
		return
	}
	n, err := s.Sessions.RevokeOthers(r.Context(), own.IdentityID, own.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, 200, map[string]int{"count": n})
}

// revokeOwnSession serves DELETE /sessions/{id}: 204 for everything that is an
// id and not the current session, also for ids of others.
func (s *Server) revokeOwnSession(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	own := s.signedIn(w, r, set)
	if own == nil {
		return
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		writeProblem(w, r, problem.BadRequest(""))
		return
	}
	if id == own.ID {
		writeProblem(w, r, problem.BadRequest("The current session cannot be revoked here. Sign out instead."))
		return
	}
	if err := s.Sessions.RevokeOf(r.Context(), own.IdentityID, id); err != nil && err != problem.ErrNotFound {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}

// exchangeToken serves GET /sessions/token-exchange.
func (s *Server) exchangeToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	initCode, returnCode := query.Get("init_code"), query.Get("return_to_code")
	if initCode == "" || returnCode == "" {
		writeProblem(w, r, problem.BadRequest("Both init_code and return_to_code are needed."))
		return
	}
	s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Trade(r.Context(), v, initCode, returnCode)
	})(w, r)
}

// numberedPage is a page counted from the start (paging family D of the admin
// reference): page and per_page, or page_token and page_size.
type numberedPage struct{ number, size int }

const (
	defaultPage  = 250
	largestPage  = 1000
	furthestPage = 1 << 31 // behind everything; times the size it is still a number
)

// pageOf reads a page; what makes no sense counts as not given.
func pageOf(q url.Values) numberedPage {
	p := numberedPage{size: defaultPage}
	size := q.Get("page_size")
	if size == "" {
		size = q.Get("per_page")
	}
	if n, err := strconv.Atoi(size); err == nil {
		p.size = min(max(n, 1), largestPage)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		p.number = min(n, furthestPage)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(q.Get("page_token")); err == nil && len(raw) > 0 {
		var token struct {
			Offset string `json:"offset"`
		}
		if json.Unmarshal(raw, &token) == nil {
			if n, err := strconv.Atoi(token.Offset); err == nil && n > 0 {
				p.number = n / p.size
			}
		}
	}
	return p
}

func (p numberedPage) offset() int { return p.number * p.size }

// writeHeaders adds the count and the links to the pages around this one.
func (p numberedPage) writeHeaders(w http.ResponseWriter, r *http.Request, total int) {
	p.writeLinks(w, r, total, func(q url.Values, p numberedPage) {
		token := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"offset":"%d","v":2}`, p.offset()))
		q.Set("page", strconv.Itoa(p.number))
		q.Set("per_page", strconv.Itoa(p.size))
		q.Set("page_size", strconv.Itoa(p.size))
		q.Set("page_token", token)
	})
}

// writeLinks is writeHeaders for links whose query says where a page is in its own way.
func (p numberedPage) writeLinks(w http.ResponseWriter, r *http.Request, total int, locate func(url.Values, numberedPage)) {
	w.Header().Set("X-Total-Count", strconv.Itoa(total))
	last := 0
	if total > 0 {
		last = (total - 1) / p.size
	}
	link := func(rel string, number, size int) string {
		return pageLink(r, rel, func(q url.Values) { locate(q, numberedPage{number, size}) })
	}
	var links []string
	switch {
	case total == 0:
		links = []string{link("first", 0, p.size), link("next", 1, p.size), link("prev", -1, p.size)}
	case p.number >= last && total <= p.size:
		links = []string{link("first", 0, total)}
	case p.number >= last:
		links = []string{link("first", 0, p.size), link("prev", last-1, p.size)}
	case p.number == 0:
		links = []string{link("next", 1, p.size), link("last", last, p.size)}
	default:
		links = []string{link("first", 0, p.size), link("next", p.number+1, p.size), link("prev", p.number-1, p.size), link("last", last, p.size)}
	}
	w.Header().Set("Link", strings.Join(links, ","))
}

// pageLink is a relative link to another page of the same list.
func pageLink(r *http.Request, rel string, locate func(url.Values)) string {
	q := r.URL.Query()
	locate(q)
	return fmt.Sprintf(`<%s?%s>; rel="%s"`, r.URL.EscapedPath(), q.Encode(), rel)
}
