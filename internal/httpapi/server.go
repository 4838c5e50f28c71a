package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"cardea/internal/apikey"
	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/trace"
)

// maxBody is how much of a request's body is read, in bytes.
const maxBody = 5 << 20

// Options are the parts the wire is made of.
type Options struct {
	Engine   *flow.Engine
	Sessions Sessions
	// Known is Sessions.ByToken from memory, good for reading only; nil for none.
	Known func(ctx context.Context, tokenHash []byte) (*session.Session, error)
	Feed  SessionFeed
	// Uses is told which sessions are in use.
	Uses          *session.Uses
	AdminSessions AdminSessions
	Identities    Identities
	Errors        Errors
	Importer      Importer
	// Keys open the admin port where it asks for credentials; nil for none.
	Keys apikey.Keys
	// Audit is the log of what was done; nil for none.
	Audit AuditLog
	// Tenant names the tenant in tokens, so that they are worthless in another.
	Tenant       string
	Courier      Courier
	Suppressions Suppressions
	Deliveries   Deliveries
	// Ready is nil when requests can be served, else a problem for operators.
	Ready func(context.Context) error
	// Tokenizer gives the tokenizer of a template.
	Tokenizer func(ctx context.Context, set *flow.Setup, template string) (*session.Tokenizer, error)
	// PublicKeys is the JSON Web Key Set with which those tokens can be checked.
	PublicKeys func(ctx context.Context, set *flow.Setup) ([]byte, error)
	// WebAuthnJS is the script that forms with security keys and passkeys name.
	WebAuthnJS    []byte
	Metrics       http.Handler  // nil for none
	Watch         Watcher       // nil when nobody watches
	Tracer        *trace.Tracer // nil when nobody traces
	Organizations Organizations
	Clock         clock.Clock
	Rand          io.Reader
	Log           *slog.Logger
	Version       string
}

// UsePages adds the built-in pages: they get what no route of the contract
// claims, when Claims says that the address is theirs. Call it before Public.
func (s *Server) UsePages(p Pages) { s.pages = p }

// Pages are the built-in pages on the public port.
type Pages interface {
	http.Handler
	Claims(*flow.Setup, *http.Request) bool
}

// Server serves both ports.
type Server struct {
	Options
	clock    clock.Clock
	rand     io.Reader
	compiled atomic.Pointer[compiled]
	routes   []Route
	pages    Pages
}

// compiled is a configuration with everything that the wire needs of it.
type compiled struct {
	*flow.Setup
	csrfName   string
	cookie     *secret.SessionCookie
	logoutKeys *secret.Keyring
	pageKeys   *secret.Keyring
	cors       *cors
}

// logoutLabel separates logout tokens from everything else that is made with
// the same secrets.
const logoutLabel secret.Label = "logout token"

// New builds the wire. Use must be called before it serves.
func New(o Options) *Server {
	s := &Server{Options: o, clock: o.Clock, rand: o.Rand}
	if s.Uses == nil {
		s.Uses = &session.Uses{}
	}
	s.routes = s.table()
	return s
}

// Use takes a new configuration; requests that are under way keep theirs.
func (s *Server) Use(setup *flow.Setup) error {
	secrets := setup.Secrets.Cookie
	if len(secrets) == 0 {
		secrets = setup.Secrets.Default
	}
	ring, err := secret.NewKeyring(secrets...)
	if err != nil {
		return err
	}
	pages, err := secret.NewKeyring(setup.Secrets.Pagination...)
	if err != nil {
		return err
	}
	s.compiled.Store(&compiled{
		Setup:      setup,
		csrfName:   secret.CSRFCookieName(setup.Serve.Public.BaseURLRaw),
		cookie:     secret.NewSessionCookie(ring, setup.Session.Cookie.Name),
		logoutKeys: ring,
		pageKeys:   pages,
		cors:       newCORS(setup.Serve.Public.CORS),
	})
	return nil
}

// Public serves the public port.
func (s *Server) Public() http.Handler {
	count := s.countUnrouted()
	mux := counting(s.mux(public), count)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		set := s.compiled.Load()
		if set.cors != nil && set.cors.handle(w, r) {
			return
		}
		if r.Method == http.MethodGet {
			w.Header()["Cache-Control"] = []string{neverCache}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody+1)
		if class := classOf(r.URL.Path); class != classDisabled {
			w.Header().Add("Vary", "Cookie")
			if class == classNormal && !s.guardNormal(w, r, set) {
				count(r.Method, "403")
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// Admin serves the admin port: every path that does not name the prefix gets it.
func (s *Server) Admin() http.Handler {
	mux := counting(s.mux(admin), s.countUnrouted())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		if r.Method == http.MethodGet {
			w.Header()["Cache-Control"] = []string{neverCache}
		}
		if strings.Contains(r.URL.Path, "//") && !strings.HasPrefix(r.URL.Path, "//health/") {
			notFound(w, r)
			return
		}
		if !strings.HasPrefix(r.URL.Path, "/admin") {
			r2 := *r
			u := *r.URL
			u.Path = "/admin/" + strings.TrimLeft(u.Path, "/")
			u.RawPath = ""
			r2.URL = &u
			r = &r2
		}
		mux.ServeHTTP(w, r)
	})
}

// recovered turns a panic of a handler into a 500 and a log line. The panic of
// a client that went away is net/http's own business.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch p {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(p)
	}
	s.Log.ErrorContext(r.Context(), "a handler panicked", "method", r.Method, "path", r.URL.Path, "panic", p)
	writeProblem(w, r, problemOf(nil))
}

// guardNormal gives every browser an anti-CSRF cookie, and refuses unsafe
// requests without its token before they reach a route.
func (s *Server) guardNormal(w http.ResponseWriter, r *http.Request, set *compiled) bool {
	csrf := csrfFrom(r, set.csrfName)
	if csrf.Real() == nil {
		csrf.Rotate(s.rand)
		s.setCSRF(w, set, csrf)
	}
	*r = *r.WithContext(context.WithValue(r.Context(), csrfKey{}, csrf))
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	token := r.Header.Get("X-CSRF-Token")
	if token == "" {
		token = r.PostFormValue("csrf_token")
	}
	if csrf.HasOurs && csrf.Matches(token) {
		return true
	}
	csrf.Silent = token == ""
	writeProblem(w, r, csrf.Violation())
	return false
}

type csrfKey struct{}

// fail answers with an error that has no better place, and logs what the client
// must not know.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	s.note(r, p)
	writeProblem(w, r, p)
}

// note logs the private side of an error of ours.
func (s *Server) note(r *http.Request, err error) {
	if p := problemOf(err); p.Status >= 500 {
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", p.Error())
	}
}
