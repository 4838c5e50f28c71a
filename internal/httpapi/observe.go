package httpapi

import (
	"net/http"
	"strconv"
	"strings"
)

// observed counts and times a route's answers, when somebody watches.
func (s *Server) observed(r Route) http.HandlerFunc {
	if s.Observe == nil {
		return r.handler
	}
	endpoint := r.Pattern
	perMethod := map[string]func(string, float64){}
	methods := []string{r.Method, http.MethodHead}
	if r.Method == "" {
		methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	}
	for _, m := range methods {
		perMethod[m] = s.Observe(endpoint, strings.ToLower(m))
	}
	return func(w http.ResponseWriter, req *http.Request) {
		watch, known := perMethod[req.Method]
		if !known {
			r.handler(w, req)
			return
		}
		began := s.clock.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		r.handler(seen, req)
		watch(strconv.Itoa(seen.status), s.clock.Now().Sub(began).Seconds())
	}
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
