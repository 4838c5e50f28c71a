package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"cardea/internal/captcha"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// start serves the init endpoints of a kind.
func (s *Server) start(k flow.Kind, t flow.Type) http.HandlerFunc {
	return s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Start(r.Context(), k, t, v)
	})
}

// fetch serves GET /self-service/{kind}/flows.
func (s *Server) fetch(k flow.Kind) http.HandlerFunc {
	return s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Fetch(r.Context(), k, v)
	})
}

// submit serves POST and GET /self-service/{kind}.
func (s *Server) submit(k flow.Kind) http.HandlerFunc {
	return s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Submit(r.Context(), k, v)
	})
}

// engine runs one request through the engine and writes its answer.
func (s *Server) engine(ask func(*http.Request, *flow.Visit) *flow.Answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		set := s.compiled.Load()
		v, err := s.visit(r, set)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		a := ask(r, v)
		s.journeyed(w, a.Ending)
		s.write(w, r, set, v, a)
	}
}

// write carries out an answer of the engine.
func (s *Server) write(w http.ResponseWriter, r *http.Request, set *compiled, v *flow.Visit, a *flow.Answer) {
	if a.Problem != nil {
		s.note(r, a.Problem)
	}
	if v.CSRF.Changed() {
		w.Header().Del("Set-Cookie") // the middleware may have made one that is out of date
		s.setCSRF(w, set, v.CSRF)
	}
	if a.Cookie != nil {
		if err := s.setSession(w, set, a.Cookie); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	if a.Continuity != "" {
		s.setContinuity(w, set, a.Continuity)
	}
	switch body := a.Body.(type) {
	case nil:
		switch {
		case a.Location != "":
			http.Redirect(w, r, a.Location, a.Status)
		case a.Problem != nil:
			writeProblem(w, r, a.Problem)
		default:
			w.WriteHeader(a.Status)
		}
	case *flow.Page:
		writeRaw(w, a.Status, appendPage(make([]byte, 0, 2048), set.Setup, body))
	case *flow.SignedIn:
		writeRaw(w, a.Status, appendSignedIn(nil, set.Setup, s.clock.Now(), body))
	case captcha.Challenge:
		writeJSON(w, a.Status, body)
	case *flow.Mediation:
		writeJSON(w, a.Status, wireMediation(body))
	case *flow.Restored:
		writeJSON(w, a.Status, map[string]string{"state": "undone", "address": body.Address.Value, "via": string(body.Address.Via)})
	case *flow.Ended:
		writeJSON(w, a.Status, map[string]string{"state": "ended", "recovery_url": body.Next})
	case *flow.SignedUp:
		writeRaw(w, a.Status, appendSignedUp(nil, set.Setup, s.clock.Now(), body))
	}
}

// getError serves GET /self-service/errors.
func (s *Server) getError(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	text := query.Get("error")
	if text == "" {
		text = query.Get("id")
	}
	if text == "stub:500" {
		s.stubError(w)
		return
	}
	id, err := uuid.Parse(text)
	if err != nil {
		s.fail(w, r, problem.ErrNotFound)
		return
	}
	c, err := s.Errors.Error(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, 200, errorContainerWire{ID: c.ID, Error: wireError(c.Problem, ""), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt})
}

type errorContainerWire struct {
	ID        uuid.UUID `json:"id"`
	Error     errorWire `json:"error"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// stubError is an error for those who build a page for errors.
func (s *Server) stubError(w http.ResponseWriter) {
	id, err := uuid.NewRandomFromReader(s.rand)
	if err != nil {
		http.Error(w, http.StatusText(500), 500)
		return
	}
	writeJSON(w, 200, errorContainerWire{ID: id, Error: wireError(problem.New(500, "This is a stub: an error to build a page with."), "")})
}

// changePassword serves the well-known address of
// https://w3c.github.io/webappsec-change-password-url/.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	to := set.SelfService.Flows.ByKind(string(flow.Settings)).UIURL
	if to == "" {
		to = set.Public("self-service/settings/browser", nil)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
