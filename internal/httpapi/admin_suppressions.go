package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Suppressions is the list of addresses that get nothing any more.
type Suppressions interface {
	// Suppress puts addresses on the list; one that is on it already gets a new reason
	// and a new end.
	Suppress(ctx context.Context, list []*Suppression) error
	// ListSuppressions lists a page of those that have not ended, newest first, then by id.
	ListSuppressions(ctx context.Context, f SuppressionFilter) ([]*Suppression, error)
	// Unsuppress takes an address off the list. problem.ErrNotFound when it is not on it.
	Unsuppress(ctx context.Context, id uuid.UUID) error
}

// Suppression is an address that gets nothing any more. Its json is that of the wire.
type Suppression struct {
	ID        uuid.UUID        `json:"id"`
	Address   string           `json:"address"` // normalised
	Via       identity.Channel `json:"via"`
	Reason    string           `json:"reason"`
	Note      string           `json:"note,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt *time.Time       `json:"expires_at,omitempty"` // nil: never
}

// SuppressionFilter selects a page of suppressions. What is zero does not matter.
type SuppressionFilter struct {
	Address         string // normalised
	Now             time.Time
	BeforeCreatedAt time.Time // with BeforeID: the last one of the page before
	BeforeID        uuid.UUID
	Limit           int
}

const (
	mostSuppressions = 1000 // in one request
	longestNote      = 500  // characters
)

// suppressionReasons are the words for why an address is on the list.
var suppressionReasons = []string{"bounce", "complaint", "manual", "rejected"}

// suppressionTable are the addresses on which operators keep the list. The contract has
// none of them.
func (s *Server) suppressionTable() []entry {
	return []entry{
		{"GET", "/admin/courier/suppressions", "listSuppressions", s.listSuppressions},
		{"POST", "/admin/courier/suppressions", "addSuppressions", s.addSuppressions},
		{"DELETE", "/admin/courier/suppressions/{id}", "deleteSuppression", s.deleteSuppression},
	}
}

// listSuppressions serves GET /admin/courier/suppressions.
func (s *Server) listSuppressions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, err := messagePageSize(q)
	f := SuppressionFilter{Address: identity.NormalizeIdentifier(q.Get("address")), Now: s.clock.Now(), Limit: size + 1}
	var list []*Suppression
	if err == nil {
		list, err = byKey(s, w, r, s.pageScope("suppressions", filtersOf(q, "address")), size, func(before time.Time, id uuid.UUID) ([]*Suppression, error) {
			f.BeforeCreatedAt, f.BeforeID = before, id
			return s.Suppressions.ListSuppressions(r.Context(), f)
		}, func(p *Suppression) (time.Time, uuid.UUID) { return p.CreatedAt, p.ID })
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, 200, append([]*Suppression{}, list...))
}

// addSuppressions serves POST /admin/courier/suppressions.
func (s *Server) addSuppressions(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Suppressions []suppressionBody `json:"suppressions"`
	}
	err := decodeBody(r, &body, strict)
	if n := len(body.Suppressions); err == nil && (n == 0 || n > mostSuppressions) {
		err = problem.BadRequest("Between one and %d addresses can be suppressed at once.", mostSuppressions)
	}
	var list []*Suppression
	for n, b := range body.Suppressions {
		var p *Suppression
		if err == nil {
			p, err = b.suppression(n, s.newID(), s.clock.Now())
			list = append(list, p)
		}
	}
	if err == nil {
		err = s.Suppressions.Suppress(r.Context(), list)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}

// deleteSuppression serves DELETE /admin/courier/suppressions/{id}.
func (s *Server) deleteSuppression(w http.ResponseWriter, r *http.Request) {
	id, err := identityID(r)
	if err == nil {
		err = s.Suppressions.Unsuppress(r.Context(), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}

// suppressionBody is an address as operators send it.
type suppressionBody struct {
	Address   string     `json:"address"`
	Reason    string     `json:"reason"`
	Note      string     `json:"note"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func (b suppressionBody) suppression(n int, id uuid.UUID, now time.Time) (*Suppression, error) {
	p := &Suppression{ID: id, Address: identity.NormalizeIdentifier(b.Address), Via: identity.Email, Reason: b.Reason, Note: b.Note, CreatedAt: now, ExpiresAt: b.ExpiresAt}
	if p.Reason == "" {
		p.Reason = "manual"
	}
	at := strings.LastIndexByte(p.Address, '@')
	number, err := identity.StrictPhone(p.Address)
	switch {
	case err == nil:
		p.Address, p.Via = number, identity.SMS
	case at < 1 || at == len(p.Address)-1 || utf8.RuneCountInString(p.Address) > identity.MaxIdentifier:
		return nil, problem.BadRequest("Entry %d is neither a mail address nor an international telephone number.", n+1)
	}
	switch {
	case !slices.Contains(suppressionReasons, p.Reason):
		return nil, problem.BadRequest("The reason of entry %d is not one of: %s.", n+1, strings.Join(suppressionReasons, ", "))
	case utf8.RuneCountInString(p.Note) > longestNote:
		return nil, problem.BadRequest("The note of entry %d is longer than %d characters.", n+1, longestNote)
	case p.ExpiresAt != nil && !p.ExpiresAt.After(now):
		return nil, problem.BadRequest("Entry %d has ended already.", n+1)
	}
	return p, nil
}
