package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// handOutBody asks for a code or a link for somebody.
type handOutBody struct {
	IdentityID string `json:"identity_id"`
	ExpiresIn  string `json:"expires_in"` // as Go writes durations; "" for the method's own
	FlowType   string `json:"flow_type"`  // codes only
}

type handedOutWire struct {
	Link      string    `json:"recovery_link"`
	Code      string    `json:"recovery_code,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
}

// handOutCode serves POST /admin/recovery/code.
func (s *Server) handOutCode(w http.ResponseWriter, r *http.Request) {
	body, h, err := s.handOut(r)
	if err == nil {
		h.Method = "code"
		h.Type, err = flowType(body.FlowType)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out, err := s.Engine.HandOutRecovery(r.Context(), *h)
	if errors.Is(err, flow.ErrNoSuchIdentity) {
		err = problem.NotFound("There is no identity of this id.")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writePlainJSON(w, http.StatusCreated, handedOutWire{Link: out.Page, Code: out.Secret, ExpiresAt: out.ExpiresAt})
}

// handOutLink serves POST /admin/recovery/link.
func (s *Server) handOutLink(w http.ResponseWriter, r *http.Request) {
	_, h, err := s.handOut(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h.Method, h.Type, h.ReturnTo = "link", flow.Browser, r.URL.Query().Get("return_to")
	out, err := s.Engine.HandOutRecovery(r.Context(), *h)
	if errors.Is(err, flow.ErrNoSuchIdentity) {
		err = problem.BadRequest("There is no identity of this id.")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writePlainJSON(w, http.StatusOK, handedOutWire{Link: out.Link, ExpiresAt: out.ExpiresAt})
}

// handOut reads what both endpoints have in common.
func (s *Server) handOut(r *http.Request) (*handOutBody, *flow.HandOut, error) {
	if !isJSON(r) {
		return nil, nil, problem.BadRequest("The content type has to be application/json.")
	}
	var body handOutBody
	if err := decodeBody(r, &body, lenient); err != nil {
		return nil, nil, err
	}
	h := &flow.HandOut{Setup: s.compiled.Load().Setup, URL: requestURL(r)}
	if body.IdentityID != "" {
		id, err := uuid.Parse(body.IdentityID)
		if err != nil {
			return nil, nil, problem.BadRequest("The member identity_id has to be a UUID.").With(err)
		}
		h.Identity = id
	}
	if body.ExpiresIn == "" {
		return &body, h, nil
	}
	lifespan, err := time.ParseDuration(body.ExpiresIn)
	if err != nil || lifespan <= 0 {
		return nil, nil, problem.BadRequest("The member expires_in has to be a positive duration, such as 90m.")
	}
	h.Lifespan = lifespan
	return &body, h, nil
}

func flowType(text string) (flow.Type, error) {
	switch t := flow.Type(text); t {
	case "":
		return flow.Browser, nil
	case flow.Browser, flow.API:
		return t, nil
	}
	return "", problem.BadRequest(`The member flow_type has to be "browser" or "api".`)
}

// writePlainJSON answers without the escapes that make JSON safe inside HTML: an
// operator copies the addresses in it.
func writePlainJSON(w http.ResponseWriter, status int, value any) {
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		http.Error(w, http.StatusText(500), 500) // texts and times always encode
		return
	}
	writeRaw(w, status, bytes.TrimSpace(raw.Bytes()))
}
