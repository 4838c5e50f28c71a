package httpapi

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Pages of lists by key: the token names the last row of the page before, so rows
// that come and go do not shift what follows (families A and B of the admin
// reference).

const (
	largestIdentityPage = 500
	legacyReach         = 1000 // how far into a list pages by number may reach
)

// keySize reads the size of a page by key.
func keySize(text string, largest int) (int, error) {
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, problem.BadRequest("The page_size is not a number.").With(err)
	case n < 1:
		return defaultPage, nil
	}
	return min(n, largest), nil
}

// pageToken reads a token, "" for none. Clients that encode the tokens of links once
// more are understood.
func pageToken(q url.Values) string {
	token := q.Get("page_token")
	if once, err := url.PathUnescape(token); err == nil {
		return once
	}
	return token
}

func badToken() error { return problem.BadRequest("The page_token is not one of this list.") }

// writeKeyLinks adds the links to the first page and, when there is one, the next.
func writeKeyLinks(w http.ResponseWriter, r *http.Request, size int, first, next string) {
	link := func(rel, token string) string {
		return pageLink(r, rel, func(q url.Values) {
			q.Del("per_page")
			q.Set("page_size", strconv.Itoa(size))
			q.Set("page_token", token)
		})
	}
	links := []string{link("first", first)}
	if next != "" {
		links = append(links, link("next", next))
	}
	w.Header().Set("Link", strings.Join(links, ","))
}

// identitiesByKey loads a page of identities and adds its links.
func (s *Server) identitiesByKey(w http.ResponseWriter, r *http.Request, f IdentityFilter) ([]*identity.Identity, error) {
	q := r.URL.Query()
	text := q.Get("page_size")
	if text == "" {
		text = q.Get("per_page")
	}
	size, err := keySize(text, largestIdentityPage)
	if err != nil {
		return nil, err
	}
	if token := pageToken(q); token != "" {
		if f.After, err = uuid.Parse(token); err != nil {
			return nil, badToken()
		}
	}
	f.Limit = size + 1
	list, err := s.Identities.ListIdentities(r.Context(), f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > size {
		list = list[:size]
		next = list[size-1].ID.String()
	}
	writeKeyLinks(w, r, size, uuid.Nil.String(), next)
	return list, nil
}

// numberedIdentities says whether a client pages identities in the old way.
func numberedIdentities(q url.Values) bool {
	return q.Get("page") != "" && q.Get("page_token") == "" && q.Get("page_size") == ""
}

// identitiesByNumber is identitiesByKey for clients that count pages. The count is
// that of all identities, as it always was, except for a search by identifier.
func (s *Server) identitiesByNumber(w http.ResponseWriter, r *http.Request, f IdentityFilter) ([]*identity.Identity, error) {
	q := r.URL.Query()
	page := pageOf(url.Values{"page": q["page"], "per_page": q["per_page"]})
	page.size = min(page.size, largestIdentityPage)
	if page.offset() > legacyReach {
		return nil, problem.BadRequest("Pages by number end here. Follow the links of pages with page_token instead.")
	}
	f.Offset, f.Limit = page.offset(), page.size
	list, err := s.Identities.ListIdentities(r.Context(), f)
	if err != nil {
		return nil, err
	}
	total := len(list)
	if q.Get("credentials_identifier") == "" {
		if total, err = s.Identities.CountIdentities(r.Context()); err != nil {
			return nil, err
		}
	}
	page.writeLinks(w, r, total, func(q url.Values, p numberedPage) {
		q.Set("page", strconv.Itoa(p.number))
		q.Set("per_page", strconv.Itoa(p.size))
	})
	return list, nil
}

// sessionTime is how the token of a session's page writes the moment. All digits
// that rows keep are in it: with fewer, sessions of the same moment would be
// skipped at the end of a page.
const sessionTime = "2006-01-02 15:04:05.999999"

// firstSessionToken is before every session.
func firstSessionToken() string {
	return sessionToken(time.Date(2200, 12, 31, 23, 59, 59, 0, time.UTC), uuid.Nil)
}

func sessionToken(at time.Time, id uuid.UUID) string {
	return base64.RawStdEncoding.EncodeToString([]byte("created_at=" + at.UTC().Format(sessionTime) + "/id=" + id.String()))
}

// parseSessionToken reads the two values in either order.
func parseSessionToken(token string) (at time.Time, id uuid.UUID, err error) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return at, id, badToken()
	}
	values := map[string]string{}
	for part := range strings.SplitSeq(string(raw), "/") {
		key, value, _ := strings.Cut(part, "=")
		values[key] = value
	}
	if at, err = time.Parse(sessionTime, values["created_at"]); err != nil {
		return at, id, badToken()
	}
	if id, err = uuid.Parse(values["id"]); err != nil {
		return at, id, badToken()
	}
	return at, id, nil
}

// sessionsByKey loads a page of sessions and adds its links.
func (s *Server) sessionsByKey(w http.ResponseWriter, r *http.Request, f SessionFilter) ([]*session.Session, error) {
	q := r.URL.Query()
	size, err := keySize(q.Get("page_size"), largestPage)
	if err != nil {
		return nil, err
	}
	if token := pageToken(q); token != "" {
		if f.BeforeCreatedAt, f.BeforeID, err = parseSessionToken(token); err != nil {
			return nil, err
		}
	}
	f.Limit = size + 1
	list, err := s.AdminSessions.ListSessions(r.Context(), f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > size {
		list = list[:size]
		next = sessionToken(list[size-1].CreatedAt, list[size-1].ID)
	}
	writeKeyLinks(w, r, size, firstSessionToken(), next)
	return list, nil
}
