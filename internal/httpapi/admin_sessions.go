package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// maxWildcard is how many sessions one call on all of them reaches.
const maxWildcard = 5000

// activeFilter reads the parameter active; nil when it does not matter.
func activeFilter(q url.Values) (*bool, error) {
	text := q.Get("active")
	if text == "" {
		return nil, nil
	}
	active, err := strconv.ParseBool(text)
	if err != nil {
		return nil, malformed("The parameter active is neither true nor false.", err)
	}
	return &active, nil
}

// expansions reads what is to be shown of sessions besides themselves.
func expansions(q url.Values) (devices, owner bool, err error) {
	for _, word := range q["expand"] {
		switch strings.ToLower(word) {
		case "devices":
			devices = true
		case "identity":
			owner = true
		default:
			return false, false, problem.BadRequest("Sessions can be expanded by identity and devices only.")
		}
	}
	return devices, owner, nil
}

// trim leaves of sessions what was asked for.
func trim(list []*session.Session, devices, owner bool) {
	for _, one := range list {
		if !devices {
			one.Devices = nil
		}
		if !owner {
			one.Identity = nil
		}
	}
}

// listSessions serves GET /admin/sessions.
func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) {
	q, now := r.URL.Query(), s.clock.Now()
	devices, owner, err := expansions(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	active, err := activeFilter(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.sessionsByKey(w, r, SessionFilter{Active: active, Now: now, Devices: devices, Identity: owner})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	trim(list, devices, owner)
	writeRaw(w, 200, appendSessions(s.compiled.Load().Setup, list, now, view{schemaURL: true, admin: true, devices: devices, last: true}))
}

// getSession serves GET /admin/sessions/{id}.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") == "whoami" {
		s.toPublic(w, r)
		return
	}
	devices, owner, err := expansions(r.URL.Query())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	one, err := s.sessionOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	trim([]*session.Session{one}, devices, owner)
	v := view{schemaURL: true, addresses: true, admin: true, devices: true, last: true}
	writeRaw(w, 200, appendSession(nil, s.compiled.Load().Setup, one, s.clock.Now(), v))
}

func (s *Server) sessionOf(r *http.Request) (*session.Session, error) {
	id, err := sessionPathID(r)
	if err != nil {
		return nil, err
	}
	return s.AdminSessions.Session(r.Context(), id)
}

// disableSession serves DELETE /admin/sessions/{id}: the row stays.
func (s *Server) disableSession(w http.ResponseWriter, r *http.Request) {
	id, err := sessionPathID(r)
	if err == nil {
		err = s.Sessions.Revoke(r.Context(), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeNothing(w)
}

// extendSession serves PATCH /admin/sessions/{id}/extend. What is too early to be
// prolonged stays as it is, which is no error.
func (s *Server) extendSession(w http.ResponseWriter, r *http.Request) {
	set, now := s.compiled.Load(), s.clock.Now()
	one, err := s.sessionOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	lifespan, err := s.lifespanOf(r.Context(), set, one)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	until := now.Add(lifespan)
	extended, err := s.AdminSessions.ExtendSession(r.Context(), one.ID, until, now.Add(set.Session.EarliestPossibleExtend), now)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if set.FeatureFlags.FasterSessionExtend {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if extended {
		one.ExpiresAt = until
	}
	one.Devices = nil
	writeRaw(w, 200, appendSession(nil, set.Setup, one, now, publicSession))
}

// lifespanOf is how long a session lives that starts now: an organization may have
// its own rule.
func (s *Server) lifespanOf(ctx context.Context, set *compiled, one *session.Session) (time.Duration, error) {
	if one.Identity == nil || one.Identity.OrganizationID == nil {
		return set.Lifespan(one), nil
	}
	o, err := s.organization(ctx, set, *one.Identity.OrganizationID)
	if errors.Is(err, problem.ErrNotFound) || err == nil && o.SessionLifespan == 0 {
		return set.Lifespan(one), nil
	}
	if err != nil {
		return 0, err
	}
	return set.Shortened(one, o.SessionLifespan), nil
}

// listSessionsOf serves GET /admin/identities/{id}/sessions.
func (s *Server) listSessionsOf(w http.ResponseWriter, r *http.Request) {
	q, now := r.URL.Query(), s.clock.Now()
	id, err := sessionPathID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	active, err := activeFilter(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := pageOf(q)
	f := SessionFilter{IdentityID: id, Active: active, Now: now, Offset: page.offset(), Limit: page.size, Devices: true, Identity: true}
	total, err := s.AdminSessions.CountListed(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.AdminSessions.ListSessions(r.Context(), f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page.writeHeaders(w, r, total)
	writeRaw(w, 200, appendSessions(s.compiled.Load().Setup, list, now, view{admin: true, devices: true, last: true}))
}

// deleteSessionsOf serves DELETE /admin/identities/{id}/sessions: the rows go.
func (s *Server) deleteSessionsOf(w http.ResponseWriter, r *http.Request) {
	id, err := sessionPathID(r)
	if err == nil {
		err = s.AdminSessions.DeleteSessionsOf(r.Context(), id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// manageSessions serves POST /admin/sessions. more says that the same call will find
// more to do.
func (s *Server) manageSessions(w http.ResponseWriter, r *http.Request) {
	var body bulkBody
	if err := decodeBody(r, &body, lenient); err != nil {
		s.fail(w, r, problem.BadRequest("The body is not an action on sessions.").With(err))
		return
	}
	bulk, err := body.bulk()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	bulk.Now = s.clock.Now()
	n, err := s.AdminSessions.ManageSessions(r.Context(), bulk)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	o := open(nil)
	o.number("processed", n)
	o.flag("more", bulk.Limit > 0 && n == bulk.Limit)
	writeRaw(w, 200, o.close())
}

// bulk is the body as an order to the store.
func (b *bulkBody) bulk() (SessionBulk, error) {
	var bulk SessionBulk
	switch b.Action {
	case "disable":
	case "delete":
		bulk.Delete = true
	default:
		return bulk, problem.BadRequest(`The action must be "disable" or "delete".`)
	}
	if (len(b.Identities) == 0) == (len(b.Sessions) == 0) {
		return bulk, problem.BadRequest("Name either identities or sessions.")
	}
	if len(b.Identities) == 1 && b.Identities[0] == "*" {
		bulk.Limit = maxWildcard
		return bulk, nil
	}
	list, ids := b.Sessions, &bulk.IDs
	if len(b.Identities) > 0 {
		list, ids = b.Identities, &bulk.IdentityIDs
	}
	if len(list) > maxIDs {
		return bulk, problem.BadRequest("At most %d ids can be named at once.", maxIDs)
	}
	for _, text := range list {
		id, err := uuid.Parse(text)
		if err != nil {
			return bulk, problem.BadRequest("One of the ids is not a UUID.")
		}
		*ids = append(*ids, id)
	}
	return bulk, nil
}
