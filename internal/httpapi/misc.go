package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"cardea/internal/problem"
)

var statusOK = []byte(`{"status":"ok"}`)

// alive serves GET /health/alive.
func (s *Server) alive(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", jsonType)
		return
	}
	w.Header()["Content-Type"] = []string{jsonType}
	_, _ = w.Write(statusOK)
}

// ready serves GET /health/ready. What is in the way is told on the admin port alone.
func (s *Server) ready(scope Scope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.Ready(r.Context())
		switch {
		case err == nil:
			s.alive(w, r)
		case scope == admin:
			s.fail(w, r, err)
		default:
			s.fail(w, r, problem.Busy("The service is not ready yet.").With(err))
		}
	}
}

// version serves GET /version on the admin port.
func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, 200, map[string]string{"version": s.Options.Version})
}

// configMark serves GET /health/config on the admin port: a text that is another
// one when the configuration in force is.
func (s *Server) configMark(w http.ResponseWriter, r *http.Request) {
	mark, err := s.compiled.Load().Mark()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, mark)
}

// metrics serves GET /metrics/prometheus on the admin port.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if s.Metrics == nil {
		notFound(w, r)
		return
	}
	s.Metrics.ServeHTTP(w, r)
}

type schemaWire struct {
	ID     string          `json:"id"`
	Schema json.RawMessage `json:"schema"`
}

// listSchemas serves GET /schemas.
func (s *Server) listSchemas(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	all := []schemaWire{}
	for _, ref := range set.Identity.Schemas {
		document, err := set.SchemaDocument(ref.ID)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		all = append(all, schemaWire{ID: ref.ID, Schema: document})
	}
	page := pageOf(r.URL.Query())
	page.writeHeaders(w, r, len(all))
	from := min(page.offset(), len(all))
	writeJSON(w, 200, all[from:min(from+page.size, len(all))])
}

// getSchema serves GET /schemas/{id}: the id as it is, or in base64url.
func (s *Server) getSchema(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	id := r.PathValue("id")
	names := []string{id}
	if raw, err := base64.RawURLEncoding.DecodeString(id); err == nil {
		names = append(names, string(raw))
	}
	for _, name := range names {
		if document, err := set.SchemaDocument(name); err == nil {
			writeRaw(w, 200, document)
			return
		}
	}
	writeProblem(w, r, problem.NotFound("There is no identity schema of that name."))
}
