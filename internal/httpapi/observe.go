package httpapi

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardea/internal/flow"
	"cardea/internal/trace"
)

// Watcher counts what goes on at the wire. All of it may be called by many at a time.
type Watcher interface {
	// Route prepares the observation of one route and method, so that a request costs
	// little.
	Route(endpoint, method string) func(code string, seconds float64)
	// Journey is told how a request has left a journey.
	Journey(flow.Ending)
}

// unrouted is the endpoint under which requests count that no route takes: what they
// asked for is theirs to choose, and must not become a name.
const unrouted = "(none)"

// quiet are the routes that are asked so often that a request gets no context of its
// own, and no line in the log unless every request has one.
var quiet = map[string]bool{
	"/sessions/whoami": true, "/health/alive": true, "/health/ready": true, "/admin/health/alive": true, "/admin/health/ready": true,
}

// anyMethod are the methods that a route without one is observed with.
var anyMethod = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// sight is how a route is seen with one method.
type sight struct {
	watch func(code string, seconds float64)
	name  string // of the step in a trace
}

// observed counts, times, traces and logs a route's answers, when somebody watches.
func (s *Server) observed(r Route) http.HandlerFunc {
	if s.Watch == nil {
		return r.handler
	}
	perMethod := map[string]sight{}
	methods := []string{r.Method, http.MethodHead}
	if r.Method == "" {
		methods = anyMethod
	}
	for _, m := range methods {
		perMethod[m] = sight{s.Watch.Route(r.Pattern, strings.ToLower(m)), m + " " + r.Pattern}
	}
	still := quiet[r.Pattern]
	return func(w http.ResponseWriter, req *http.Request) {
		seenAs, known := perMethod[req.Method]
		if !known {
			r.handler(w, req)
			return
		}
		began := s.clock.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		ctx, span := req.Context(), (*trace.Span)(nil)
		if s.Tracer != nil {
			ctx, span = s.Tracer.Request(ctx, seenAs.name, req.Header.Get("Traceparent"))
		}
		if !still {
			ctx = s.withOrigin(trace.WithRequest(ctx, s.requestID(req)), r, req)
		}
		if span != nil || !still {
			req = req.WithContext(ctx)
		}
		r.handler(seen, req)
		took := s.clock.Now().Sub(began)
		seenAs.watch(strconv.Itoa(seen.status), took.Seconds())
		if span != nil {
			finish(span, r, req.Method, seen)
		}
		if s.logs(r, req.Method, still) {
			s.logRequest(ctx, r, req, seen, took)
		}
	}
}

// finish ends the step of a request. The address says too much: only the route is told.
func finish(span *trace.Span, r Route, method string, seen *statusWriter) {
	span.Set("http.request.method", method)
	span.Set("http.route", r.Pattern)
	span.SetInt("http.response.status_code", int64(seen.status))
	if seen.status >= 500 {
		span.Fail(strconv.Itoa(seen.status))
	}
	span.End()
}

// requestID is the name of a request in logs: its client's, if that is short and
// harmless, or a new one.
func (s *Server) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); trace.Acceptable(id) {
		return id
	}
	var id [12]byte
	if _, err := io.ReadFull(s.rand, id[:]); err != nil {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// logs says whether a request gets a line of its own when it is over.
func (s *Server) logs(r Route, method string, still bool) bool {
	set := s.compiled.Load()
	switch set.Cardea.Log.Requests {
	case "all":
		health := strings.Contains(r.Pattern, "/health/")
		disabled := r.Scope == public && set.Serve.Public.RequestLog.DisableForHealth || r.Scope == admin && set.Serve.Admin.RequestLog.DisableForHealth
		return !health || !disabled
	case "changes":
		return !still && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
	}
	return false
}

// logRequest writes how a request ended: by route, never by address, because those
// hold ids, codes and tokens.
func (s *Server) logRequest(ctx context.Context, r Route, req *http.Request, seen *statusWriter, took time.Duration) {
	about := make([]slog.Attr, 0, 8)
	if trace.RequestID(ctx) == "" {
		ctx = trace.WithRequest(ctx, s.requestID(req))
	}
	about = append(about, slog.String("method", req.Method), slog.String("route", r.Pattern),
		slog.Int("status", seen.status), slog.Float64("took_ms", float64(took.Microseconds())/1000))
	if e := seen.ending; e != nil {
		about = append(about, slog.String("flow", string(e.Kind)), slog.String("by", e.Method), slog.String("outcome", string(e.Outcome)))
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "request", about...)
}

// journeyed tells those who count and log how a journey went on.
func (s *Server) journeyed(w http.ResponseWriter, e *flow.Ending) {
	if e == nil {
		return
	}
	if s.Watch != nil {
		s.Watch.Journey(*e)
	}
	if seen, ok := w.(*statusWriter); ok {
		seen.ending = e
	}
}

// countUnrouted counts an answer to a request that reached no route.
func (s *Server) countUnrouted() func(method, code string) {
	if s.Watch == nil {
		return func(string, string) {}
	}
	perMethod := map[string]func(string, float64){}
	for _, m := range anyMethod {
		perMethod[m] = s.Watch.Route(unrouted, strings.ToLower(m))
	}
	other := s.Watch.Route(unrouted, "other")
	return func(method, code string) {
		watch, known := perMethod[method]
		if !known {
			watch = other
		}
		watch(code, 0)
	}
}

// counting counts what no route takes. A mux leaves the pattern of such a request
// empty; what it answers shows in the headers.
func counting(mux http.Handler, count func(method, code string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if r.Pattern != "" {
			return
		}
		code := "404"
		switch h := w.Header(); {
		case h.Get("Location") != "":
			code = "307"
		case h.Get("Allow") != "":
			code = "405"
		}
		count(r.Method, code)
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	ending *flow.Ending // nil when the request was about no journey
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
