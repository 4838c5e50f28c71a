package httpapi

import (
	"net/http"
	"net/url"

	"cardea/internal/audit"
	"cardea/internal/identity"
)

// The addresses of whole populations. They do not end where pages do, so what they
// send and read is one JSON value per line (NDJSON), and neither is ever held in
// memory as a whole.
const (
	exportPath = "/admin/identities:export"
	importPath = "/admin/identities:import"

	lineType = "application/x-ndjson"
)

// exportPage is how many identities are read at once.
const exportPage = 100

// exportIdentities serves GET /admin/identities:export: all identities that the
// filters of the list leave, ordered by id, each as the list shows it. With
// credentials=true everything is shown that an import needs, secrets included. An
// export that fails half way breaks the connection off: it never looks complete.
func (s *Server) exportIdentities(w http.ResponseWriter, r *http.Request) {
	set, q := s.compiled.Load(), r.URL.Query()
	filter, err := identityFilter(q)
	if err == nil {
		err = set.narrow(q, &filter)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	configs, err := included(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if everything(q) {
		configs = everyCredential()
	}
	filter.Credentials = len(configs) > 0
	filter.Limit = exportPage
	if err := s.exported(r, audit.Entry{Action: audit.AccountsExported, Details: audit.Details{Operation: "exportIdentities", Secrets: len(configs) > 0}.JSON()}); err != nil {
		s.fail(w, r, err)
		return
	}
	v := identityView{credentials: filter.Credentials, configs: configs, upgraded: true, admin: true}
	out := newLines(w)
	for {
		list, err := s.Identities.ListIdentities(r.Context(), filter)
		if err != nil {
			if !out.begun {
				s.fail(w, r, err)
				return
			}
			s.note(r, err)
			panic(http.ErrAbortHandler)
		}
		for _, i := range list {
			out.write(appendFullIdentity(out.buffer(), set.Setup, i, v))
		}
		if out.flush() != nil || len(list) < exportPage {
			return
		}
		filter.After = list[len(list)-1].ID
	}
}

// everything says whether an export is to hold all that an import needs.
func everything(q url.Values) bool { return q.Get("credentials") == "true" }

func everyCredential() map[identity.CredentialType]bool {
	return map[identity.CredentialType]bool{
		identity.Password: true, identity.OIDC: true, identity.SAML: true, identity.TOTP: true,
		identity.LookupSecret: true, identity.WebAuthn: true, identity.Code: true, identity.Passkey: true,
	}
}

// lines is an answer of one JSON value per line. The timeouts of the port are for
// requests of ordinary size and do not hold here.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	line    []byte
	err     error // of the client that went away
	begun   bool
}

func newLines(w http.ResponseWriter) *lines {
	l := &lines{w: w, control: http.NewResponseController(w)}
	unlimited(l.control)
	return l
}

// buffer is where the next line is written to.
func (l *lines) buffer() []byte { return l.line[:0] }

// write sends a line, sooner or later.
func (l *lines) write(line []byte) {
	l.begin()
	l.line = append(line, '\n')
	if l.err == nil {
		_, l.err = l.w.Write(l.line)
	}
}

func (l *lines) begin() {
	if !l.begun {
		l.w.Header().Set("Content-Type", lineType)
		l.w.WriteHeader(http.StatusOK)
		l.begun = true
	}
}

// flush sends what was written. Its error means that nobody listens any more.
func (l *lines) flush() error {
	l.begin()
	if l.err == nil {
		l.err = l.control.Flush()
	}
	return l.err
}
