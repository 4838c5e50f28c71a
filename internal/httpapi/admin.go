package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
)

// adminTable are the addresses on which operators manage identities and sessions.
func (s *Server) adminTable() []Route {
	return slices.Concat(under(apikey.Identities, s.identityTable()), under(apikey.Sessions, s.sessionTable()), under(apikey.Recovery, []entry{
		{"POST", "/admin/recovery/code", "createRecoveryCodeForIdentity", s.handOutCode},
		{"POST", "/admin/recovery/link", "createRecoveryLinkForIdentity", s.handOutLink},
	}))
}

// entry is a line of an admin table: what a Route says besides who may use it.
type entry struct {
	method, pattern, operation string
	handler                    http.HandlerFunc
}

// under makes routes that need access to a resource: to read it for GET, to write it
// for everything else.
func under(r apikey.Resource, entries []entry) []Route {
	var all []Route
	for _, e := range entries {
		access := apikey.Write
		if e.method == http.MethodGet {
			access = apikey.Read
		}
		all = append(all, Route{
			Scope: admin, Method: e.method, Pattern: e.pattern, Operation: e.operation,
			Resource: r, Access: access, handler: e.handler,
		})
	}
	return all
}

func (s *Server) identityTable() []entry {
	return []entry{
		{"GET", "/admin/identities", "listIdentities", s.listIdentities},
		{"POST", "/admin/identities", "createIdentity", s.createIdentity},
		{"PATCH", "/admin/identities", "batchPatchIdentities", s.createIdentities},
		{"GET", "/admin/identities/by/external/{externalID}", "getIdentityByExternalID", s.getIdentityByExternalID},
		{"GET", "/admin/identities/{id}", "getIdentity", s.getIdentity},
		{"PUT", "/admin/identities/{id}", "updateIdentity", s.replaceIdentity},
		{"PATCH", "/admin/identities/{id}", "patchIdentity", s.patchIdentity},
		{"DELETE", "/admin/identities/{id}", "deleteIdentity", s.deleteIdentity},
		{"DELETE", "/admin/identities/{id}/credentials/{type}", "deleteIdentityCredentials", s.deleteCredential},
		{"POST", "/admin/identities/{id}/unlock", "unlockIdentity", s.unlockIdentity},
		{"GET", exportPath, "exportIdentities", s.exportIdentities},
		{"POST", importPath, "importIdentities", s.importIdentities},
		{"POST", "/admin/test-login-flows", "createTestLoginFlow", s.startTrial},
	}
}

func (s *Server) sessionTable() []entry {
	return []entry{
		{"GET", "/admin/identities/{id}/sessions", "listIdentitySessions", s.listSessionsOf},
		{"DELETE", "/admin/identities/{id}/sessions", "deleteIdentitySessions", s.deleteSessionsOf},
		{"GET", "/admin/sessions", "listSessions", s.listSessions},
		{"POST", "/admin/sessions", "manageSessions", s.manageSessions},
		{"GET", revokedPath, "listRevokedSessions", s.listRevoked},
		{"GET", "/admin/sessions/{id}", "getSession", s.getSession},
		{"DELETE", "/admin/sessions/{id}", "disableSession", s.disableSession},
		{"PATCH", "/admin/sessions/{id}/extend", "extendSession", s.extendSession},
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
	case errors.As(err, &large):
		return malformed("The body is larger than "+strconv.Itoa(maxBody>>20)+" MiB.", err)
	case err != nil:
		return malformed("The body cannot be read.", err)
	}
	return decodeRaw(raw, into, unknown)
}

// decodeRaw is decodeBody for a body that is read already.
func decodeRaw(raw []byte, into any, unknown bool) error {
	if err := sound(raw); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if unknown {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return malformed(faultOf(err), err)
	}
	return nil
}

// maxNesting is how deep objects and lists may be nested in what operators send.
const maxNesting = 100

// sound refuses bodies that no database keeps as they are, or that cost more to read
// than they are worth. It need not understand broken JSON.
func sound(raw []byte) error {
	if !utf8.Valid(raw) {
		return malformed("The body is not UTF-8.", nil)
	}
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\' && text:
			if bytes.HasPrefix(raw[i:], []byte(`\u0000`)) {
				return malformed("The body holds a text with a zero character.", nil)
			}
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return malformed("The body is nested too deeply.", nil)
			}
		case c == '}' || c == ']':
			depth--
		}
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
