package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"cardea/internal/problem"
)

const (
	jsonType      = "application/json; charset=utf-8"
	jsonErrorType = "application/json"
	neverCache    = "private, no-cache, no-store, must-revalidate"
)

// writeJSON answers with a value that encoding/json writes.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, http.StatusText(500), 500)
		return
	}
	writeRaw(w, status, body)
}

// writeRaw answers with JSON that is encoded already.
func writeRaw(w http.ResponseWriter, status int, body []byte) {
	w.Header()["Content-Type"] = []string{jsonType}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that went away is no error of ours
}

// writeNothing answers 204, with the content type that the contract has there.
func writeNothing(w http.ResponseWriter) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(204)
}

// errorWire is the inner object of the error envelope, in the order of the
// contract.
type errorWire struct {
	ID      problem.ID     `json:"id,omitempty"`
	Code    int            `json:"code,omitempty"`
	Status  string         `json:"status,omitempty"`
	Request string         `json:"request,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Details map[string]any `json:"details,omitempty"`
	Message string         `json:"message"`
}

func wireError(p *problem.Error, request string) errorWire {
	code := p.Code
	if code == 0 {
		code = p.Status
	}
	return errorWire{
		ID: p.ID, Code: code, Status: http.StatusText(code), Request: request,
		Reason: p.Reason, Details: p.Details, Message: p.Message,
	}
}

// writeProblem answers with the error envelope. Only the public part is sent.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem.Error) {
	request := r.Header.Get("X-Request-ID")
	if len(p.Top) > 0 {
		request = "" // errors that say how to go on do not repeat it (section 7.1 of the HTTP reference)
	}
	raw, err := problemBody(p, request)
	if err != nil {
		http.Error(w, http.StatusText(500), 500)
		return
	}
	h := w.Header()
	h.Set("Content-Type", jsonErrorType)
	h["Ory-Error-Id"] = []string{string(p.ID)}
	if p.Status == 429 || p.Status == 503 {
		h.Set("Retry-After", strconv.Itoa(max(1, int(p.RetryAfter/time.Second))))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(raw, '\n'))
}

func problemBody(p *problem.Error, request string) ([]byte, error) {
	said := wireError(p, request)
	if len(p.Top) == 0 {
		return json.Marshal(struct {
			Error errorWire `json:"error"`
		}{said})
	}
	body := map[string]any{"error": said}
	for key, value := range p.Top {
		body[key] = value
	}
	return json.Marshal(body)
}

// problemOf gives every error a public face.
func problemOf(err error) *problem.Error {
	if p := problem.As(err); p != nil {
		return p
	}
	var taken *problem.ConflictError
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return problem.New(404, "").With(err)
	case errors.As(err, &taken):
		return problem.New(409, "").With(err)
	}
	return problem.Internal(err)
}

// notFound is the answer to an address that does not exist.
func notFound(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "404 page not found", 404)
}
