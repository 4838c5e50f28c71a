package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
)

// adminTable are the addresses on which operators manage identities and sessions.
func (s *Server) adminTable() []Route {
	return []Route{
		{admin, "GET", "/admin/identities", "listIdentities", s.listIdentities},
		{admin, "POST", "/admin/identities", "createIdentity", s.createIdentity},
		{admin, "PATCH", "/admin/identities", "batchPatchIdentities", s.createIdentities},
		{admin, "GET", "/admin/identities/by/external/{externalID}", "getIdentityByExternalID", s.getIdentityByExternalID},
		{admin, "GET", "/admin/identities/{id}", "getIdentity", s.getIdentity},
		{admin, "PUT", "/admin/identities/{id}", "updateIdentity", s.replaceIdentity},
		{admin, "PATCH", "/admin/identities/{id}", "patchIdentity", s.patchIdentity},
		{admin, "DELETE", "/admin/identities/{id}", "deleteIdentity", s.deleteIdentity},
		{admin, "DELETE", "/admin/identities/{id}/credentials/{type}", "deleteIdentityCredentials", s.deleteCredential},
		{admin, "GET", "/admin/identities/{id}/sessions", "listIdentitySessions", s.listSessionsOf},
		{admin, "DELETE", "/admin/identities/{id}/sessions", "deleteIdentitySessions", s.deleteSessionsOf},
		{admin, "GET", "/admin/sessions", "listSessions", s.listSessions},
		{admin, "POST", "/admin/sessions", "manageSessions", s.manageSessions},
		{admin, "GET", "/admin/sessions/{id}", "getSession", s.getSession},
		{admin, "DELETE", "/admin/sessions/{id}", "disableSession", s.disableSession},
		{admin, "PATCH", "/admin/sessions/{id}/extend", "extendSession", s.extendSession},
		{admin, "DELETE", "/admin/sessions", "", s.toPublic},
	}
}

// identityID reads an identity's id from the path. No identity has one that is not
// a UUID.
func identityID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, problem.ErrNotFound
	}
	return id, nil
}

// sessionPathID reads an id from the path of a session's address, where one that is
// not a UUID is a malformed request.
func sessionPathID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, problem.BadRequest("").With(err)
	}
	return id, nil
}

// newID draws a random id.
func (s *Server) newID() uuid.UUID { return uuid.Must(uuid.NewRandomFromReader(s.rand)) }

// How a body of an operator is read.
const (
	lenient = false // unknown members are ignored
	strict  = true  // unknown members are mistakes
)

// decodeBody reads the JSON value that a body begins with. Its errors are problems
// with status 400 that explain themselves in the message, as the contract has it.
func decodeBody(r *http.Request, into any, unknown bool) error {
	raw, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), len(raw) > maxBody:
		return malformed("The body is larger than "+strconv.Itoa(maxBody>>20)+" MiB.", err)
	case err != nil:
		return malformed("The body cannot be read.", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if unknown == strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return malformed(faultOf(err), err)
	}
	return nil
}

func malformed(message string, cause error) error {
	return (&problem.Error{Status: http.StatusBadRequest, Message: message}).With(cause)
}

// faultOf says what is wrong with JSON, in words for its sender.
func faultOf(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "The body is not well-formed JSON near byte " + strconv.FormatInt(syntax.Offset, 10) + "."
	case errors.As(err, &kind) && kind.Field != "":
		return "The body holds a " + kind.Value + " in " + strconv.Quote(kind.Field) + ", where it cannot be."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "The body is not well-formed JSON: it ends too early."
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "The body holds the unknown member " + field + "."
	}
	return "The body holds a value of the wrong form."
}

// isJSON says whether a body claims to be JSON.
func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// importer is the Importer under one configuration, with errors for operators.
type importer struct {
	Importer
	snapshot *config.Snapshot
}

var _ identity.PasswordImporter = importer{}

// Hash makes the hash of a plain password.
func (p importer) Hash(ctx context.Context, password string) (string, error) {
	encoded, err := p.Importer.Hash(ctx, p.snapshot, password)
	if errors.Is(err, secret.ErrTooLong) {
		return "", problem.BadRequest("The password is too long for the configured hasher.").With(err)
	}
	return encoded, err
}
