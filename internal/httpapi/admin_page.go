package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
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

// The tokens of first pages are the contract's and no secret: they stand before
// everything. All others are sealed, so that nobody can begin where a page does not.
const (
	firstIdentityToken = "00000000-0000-0000-0000-000000000000"
	// firstSessionToken is created_at=2200-12-31 23:59:59/id=<zero> in base64.
	firstSessionToken = "Y3JlYXRlZF9hdD0yMjAwLTEyLTMxIDIzOjU5OjU5L2lkPTAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA"
)

// sessionMark is the length of what an opened token of sessions holds: the moment in
// microseconds and the id of the last one.
const sessionMark = 8 + 16

// listLabel separates the tokens of lists from everything else that is made with the
// same secrets.
const listLabel secret.Label = "list token"

// pageScope ties a token to the tenant, the list and the filters that it belongs to.
func (s *Server) pageScope(list string, filters url.Values) []byte {
	for _, values := range filters {
		slices.Sort(values)
	}
	return []byte(strconv.Quote(s.Tenant) + "/" + list + "?" + filters.Encode())
}

// sealMark makes the token of the page that follows a row.
func (s *Server) sealMark(set *compiled, mark, scope []byte) (string, error) {
	sealed, err := set.pageKeys.Seal(s.rand, listLabel, mark, scope)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openMark is the way back from sealMark. A token that was made up or that belongs to
// another list is a 400.
func (set *compiled) openMark(token string, scope []byte, size int) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, badToken()
	}
	mark, err := set.pageKeys.Open(listLabel, sealed, scope)
	if err != nil || len(mark) != size {
		return nil, badToken()
	}
	return mark, nil
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

// keyPage is what pages of a list by key have in common.
type keyPage struct {
	scope []byte
	first string // the token of the first page, besides none
	size  int    // rows at most
	mark  int    // the length of what a token holds
}

// byMark loads a page of a list by key, and adds its links. load gives what follows a
// row, nil for the first page, and one row more than fits; mark is how a token names a row.
func byMark[T any](s *Server, w http.ResponseWriter, r *http.Request, p keyPage, load func(mark []byte) ([]T, error), mark func(T) []byte) ([]T, error) {
	set := s.compiled.Load()
	var after []byte
	var err error
	if token := pageToken(r.URL.Query()); token != "" && token != p.first {
		if after, err = set.openMark(token, p.scope, p.mark); err != nil {
			return nil, err
		}
	}
	list, err := load(after)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > p.size {
		list = list[:p.size]
		if next, err = s.sealMark(set, mark(list[p.size-1]), p.scope); err != nil {
			return nil, err
		}
	}
	writeKeyLinks(w, r, p.size, p.first, next)
	return list, nil
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
	f.Limit = size + 1
	p := keyPage{scope: s.pageScope("identities", filtersOf(q, identityFilters...)), first: firstIdentityToken, size: size, mark: len(f.After)}
	list, err := byMark(s, w, r, p, func(mark []byte) ([]*identity.Identity, error) {
		copy(f.After[:], mark)
		return s.Identities.ListIdentities(r.Context(), f)
	}, func(i *identity.Identity) []byte { return i.ID[:] })
	if err != nil {
		return nil, err
	}
	return list, s.countIdentities(w, r, f)
}

// countIdentities adds how many match in all, if that is asked for.
func (s *Server) countIdentities(w http.ResponseWriter, r *http.Request, f IdentityFilter) error {
	yes, err := counted(r.URL.Query())
	if err != nil || !yes {
		return err
	}
	total, err := s.Identities.CountIdentities(r.Context(), f)
	if err == nil {
		w.Header().Set("X-Total-Count", strconv.Itoa(total))
	}
	return err
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
	exact, err := counted(q)
	if err != nil {
		return nil, err
	}
	total, of := len(list), IdentityFilter{}
	if exact || f.narrowed() {
		of = f
	}
	if exact || q.Get("credentials_identifier") == "" {
		if total, err = s.Identities.CountIdentities(r.Context(), of); err != nil {
			return nil, err
		}
	}
	page.writeLinks(w, r, total, func(q url.Values, p numberedPage) {
		q.Set("page", strconv.Itoa(p.number))
		q.Set("per_page", strconv.Itoa(p.size))
	})
	return list, nil
}

// sessionsByKey loads a page of sessions and adds its links.
func (s *Server) sessionsByKey(w http.ResponseWriter, r *http.Request, f SessionFilter) ([]*session.Session, error) {
	q := r.URL.Query()
	size, err := keySize(q.Get("page_size"), largestPage)
	if err != nil {
		return nil, err
	}
	f.Limit = size + 1
	p := keyPage{scope: s.pageScope("sessions", filtersOf(q, "active")), first: firstSessionToken, size: size, mark: sessionMark}
	return byMark(s, w, r, p, func(mark []byte) ([]*session.Session, error) {
		if mark != nil {
			f.BeforeCreatedAt = time.UnixMicro(int64(binary.BigEndian.Uint64(mark))).UTC()
			copy(f.BeforeID[:], mark[8:])
		}
		return s.AdminSessions.ListSessions(r.Context(), f)
	}, func(last *session.Session) []byte {
		return append(binary.BigEndian.AppendUint64(nil, uint64(last.CreatedAt.UnixMicro())), last.ID[:]...)
	})
}
