package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/audit"
	"cardea/internal/problem"
)

// AuditLog is the log of what was done.
type AuditLog interface {
	// ListAudit lists a page, newest first.
	ListAudit(ctx context.Context, f AuditFilter) ([]audit.Link, error)
	AuditHead(ctx context.Context) (audit.Head, error)
	// AuditTail counts rows without a place in the chain, and tells the time of the oldest.
	AuditTail(ctx context.Context) (n int64, oldest time.Time, err error)
	// Record writes a row about what no other transaction is for.
	Record(ctx context.Context, e audit.Entry) error
}

// AuditFilter selects a page of the audit log. What is zero does not matter.
type AuditFilter struct {
	Identity uuid.UUID
	Actor    string
	Action   string // an action, or "login.*" for all that begin like it
	Outcome  audit.Outcome
	Since    time.Time // this moment or later
	Until    time.Time // before this moment
	Before   uuid.UUID // the last row of the page before
	Limit    int
}

func (s *Server) auditTable() []Route {
	return under(apikey.Audit, []entry{
		{"GET", "/admin/audit", "listAuditLog", s.listAudit},
		{"GET", "/admin/audit/head", "getAuditHead", s.auditHead},
	})
}

// auditFilters are the parameters that select rows.
var auditFilters = []string{"identity_id", "actor", "action", "outcome", "since", "until"}

func auditFilter(q url.Values) (f AuditFilter, err error) {
	f = AuditFilter{Actor: q.Get("actor"), Action: q.Get("action"), Outcome: audit.Outcome(q.Get("outcome"))}
	if text := q.Get("identity_id"); text != "" {
		if f.Identity, err = uuid.Parse(text); err != nil {
			return f, malformed("The identity_id is not a UUID.", err)
		}
	}
	if f.Outcome != "" && f.Outcome != audit.Success && f.Outcome != audit.Failure {
		return f, problem.BadRequest("The outcome is success or failure.")
	}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if text := q.Get(name); text != "" {
			if *to, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return f, malformed("The parameter "+name+" is not a moment as RFC 3339 writes it.", err)
			}
		}
	}
	return f, nil
}

// listAudit serves GET /admin/audit.
func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) {
	list, err := s.auditByKey(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	all := make([]auditWire, len(list))
	for n := range list {
		all[n] = wireAudit(&list[n])
	}
	writeJSON(w, 200, all)
}

func (s *Server) auditByKey(w http.ResponseWriter, r *http.Request) ([]audit.Link, error) {
	if s.Audit == nil {
		return nil, nil
	}
	q := r.URL.Query()
	f, err := auditFilter(q)
	if err != nil {
		return nil, err
	}
	size, err := keySize(q.Get("page_size"), largestPage)
	if err != nil {
		return nil, err
	}
	f.Limit = size + 1
	p := keyPage{scope: s.pageScope("audit", filtersOf(q, auditFilters...)), size: size, mark: len(f.Before)}
	return byMark(s, w, r, p, func(mark []byte) ([]audit.Link, error) {
		copy(f.Before[:], mark)
		return s.Audit.ListAudit(r.Context(), f)
	}, func(l audit.Link) []byte { return l.ID[:] })
}

// auditHead serves GET /admin/audit/head: what to write down elsewhere.
func (s *Server) auditHead(w http.ResponseWriter, r *http.Request) {
	if s.Audit == nil {
		s.fail(w, r, problem.ErrNotFound)
		return
	}
	h, err := s.Audit.AuditHead(r.Context())
	var waiting int64
	if err == nil {
		waiting, _, err = s.Audit.AuditTail(r.Context())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, 200, struct {
		Seq        int64     `json:"seq"`
		Hash       string    `json:"hash"`
		Anchor     int64     `json:"anchor"`
		AnchorHash string    `json:"anchor_hash"`
		SealedAt   time.Time `json:"sealed_at"`
		Key        string    `json:"key"`
		Signature  string    `json:"signature"`
		Unsealed   int64     `json:"unsealed"`
	}{h.Seq, hex.EncodeToString(h.Hash), h.Anchor, hex.EncodeToString(h.AnchorHash), h.SealedAt, h.Key, base64.StdEncoding.EncodeToString(h.Signature), waiting})
}

// auditWire is a row as operators see it.
type auditWire struct {
	Seq       int64           `json:"seq,omitempty"`
	Hash      string          `json:"hash,omitempty"`
	ID        uuid.UUID       `json:"id"`
	Time      time.Time       `json:"time"`
	Action    string          `json:"action"`
	Outcome   string          `json:"outcome"`
	Actor     string          `json:"actor"`
	Identity  *uuid.UUID      `json:"identity_id,omitempty"`
	Session   *uuid.UUID      `json:"session_id,omitempty"`
	Request   string          `json:"request_id,omitempty"`
	IP        string          `json:"ip_address,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	Times     int64           `json:"times"`
	Details   json.RawMessage `json:"details,omitempty"`
}

func wireAudit(l *audit.Link) auditWire {
	w := auditWire{
		Seq: l.Seq, Hash: hex.EncodeToString(l.Hash), ID: l.ID, Time: l.At, Action: string(l.Action), Outcome: string(l.Outcome), Actor: l.Actor,
		Request: l.Request, IP: l.IP, UserAgent: l.UserAgent, Times: l.Times, Details: l.Details,
	}
	if l.Identity != uuid.Nil {
		w.Identity = &l.Identity
	}
	if l.Session != uuid.Nil {
		w.Session = &l.Session
	}
	return w
}

// exported writes down that somebody takes accounts along, before they do: what cannot
// be written down is not given.
func (s *Server) exported(r *http.Request, e audit.Entry) error {
	if s.Audit == nil {
		return nil
	}
	return s.Audit.Record(r.Context(), e)
}
