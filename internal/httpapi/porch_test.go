package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
	"cardea/internal/ui"
)

const porchConfig = `
dsn: memory
serve: {public: {base_url: "https://id.cardea.test/"}, admin: {base_url: "https://admin.cardea.test/"}}
secrets: {default: [the-first-secret-of-the-porch-00]}
session: {lifespan: 1h}
identity: {default_schema_id: person, schemas: [{id: person, url: "base64://%s"}]}
selfservice:
  methods: {lookup_secret: {enabled: true}}
  default_browser_return_url: https://www.cardea.test/home
  allowed_return_urls: ["https://app.cardea.test/inside"]
  flows:
    error: {ui_url: "https://www.cardea.test/error"}
    login: {ui_url: "https://www.cardea.test/login"}
    registration: {ui_url: "https://www.cardea.test/registration"}
    settings: {ui_url: "https://www.cardea.test/settings"}
    logout: {after: {default_browser_return_url: "https://www.cardea.test/bye"}}
`

// porch is the public port over a real database, with a clock that stands still
// and one method, "stub", that signs in whoever the test says.
type porch struct {
	*testing.T
	clock *clock.Fake
	rows  *store.Tenant
	wire  *Server
	log   *lockedBuffer
	// submit is what the stub does; nil rejects.
	submit func(context.Context, *flow.Exec) (flow.Result, error)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// porchRows are the store in the words of the public port.
type porchRows struct{ tenantRows }

func (s porchRows) ByToken(ctx context.Context, hash []byte) (*session.Session, error) {
	return s.SessionByToken(ctx, hash)
}

func (s porchRows) others(identityID, except uuid.UUID) store.SessionFilter {
	active := true
	return store.SessionFilter{IdentityID: identityID, Except: except, Active: &active, Now: s.clock.Now()}
}

func (s porchRows) Others(ctx context.Context, identityID, except uuid.UUID, offset, limit int) ([]*session.Session, error) {
	f := s.others(identityID, except)
	f.Offset, f.Limit, f.Expand = offset, limit, store.WithIdentity
	return s.Tenant.Sessions(ctx, f)
}

func (s porchRows) CountOthers(ctx context.Context, identityID, except uuid.UUID) (int, error) {
	return s.CountSessions(ctx, s.others(identityID, except))
}

func (s porchRows) RevokeOthers(ctx context.Context, identityID, except uuid.UUID) (int, error) {
	return s.RevokeSessionsOf(ctx, identityID, except, s.clock.Now())
}

func (s porchRows) RevokeOf(ctx context.Context, identityID, id uuid.UUID) error {
	return s.RevokeSession(ctx, id, identityID, s.clock.Now())
}

func (s porchRows) Error(ctx context.Context, id uuid.UUID) (*ErrorContainer, error) {
	c, err := s.StoredError(ctx, id, s.clock.Now())
	if err != nil {
		return nil, err
	}
	return &ErrorContainer{ID: c.ID, Problem: c.Problem, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}, nil
}

type stubInput struct {
	Word string `json:"word"`
}

func newPorch(t *testing.T, more ...string) *porch {
	t.Helper()
	p := &porch{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), log: &lockedBuffer{}}
	db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: p.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p.rows = db.Tenant(store.DefaultTenant)
	rows := porchRows{tenantRows{Tenant: p.rows, clock: p.clock}}
	catalogue, err := ui.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	step := flow.Of(flow.Typed[stubInput]{
		Spec:   flow.Spec{Kind: flow.Login, Method: "stub", Group: ui.Default, Enabled: func(*flow.Setup) bool { return true }},
		Render: func(context.Context, flow.View) (ui.Nodes, error) { return nil, nil },
		Submit: func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
			if p.submit == nil {
				return flow.Deny(ui.New(ui.ValidationCredentials)), nil
			}
			return p.submit(ctx, x)
		},
	})
	p.wire = New(Options{
		Engine:   flow.New(flow.Options{Store: p.rows, Clock: p.clock, Rand: rand.Reader, Catalogue: catalogue, Steps: []*flow.Step{step}}),
		Sessions: rows, Errors: rows, Identities: rows,
		Ready: func(context.Context) error { return nil },
		Clock: p.clock, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	p.use(more...)
	return p
}

// use puts the test configuration in force, with more laid over it.
func (p *porch) use(more ...string) {
	p.Helper()
	dir := p.TempDir()
	var files []string
	for i, text := range append([]string{fmt.Sprintf(porchConfig, base64.StdEncoding.EncodeToString([]byte(personSchema)))}, more...) {
		files = append(files, filepath.Join(dir, strconv.Itoa(i)+".yml"))
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			p.Fatal(err)
		}
	}
	snapshot, err := config.Load(config.Options{Files: files, Flags: config.Flags{Dev: strings.Contains(strings.Join(more, ""), "# dev")}})
	if err != nil {
		p.Fatal(err)
	}
	setup, err := flow.Compile(p.Context(), snapshot, func(_ context.Context, address string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(address, "base64://"))
	})
	if err != nil {
		p.Fatal(err)
	}
	if err := p.wire.Use(setup); err != nil {
		p.Fatal(err)
	}
}

// resident is somebody who is signed in.
type resident struct {
	token   string
	session *session.Session
}

// moveIn stores an identity with a session.
func (p *porch) moveIn(email string) resident {
	p.Helper()
	i := identity.New(uuid.New(), "person", p.clock.Now())
	i.Traits = json.RawMessage(`{"email":"` + email + `"}`)
	if err := p.rows.CreateIdentity(p.Context(), i); err != nil {
		p.Fatal(err)
	}
	return p.signIn(i)
}

// signIn stores another session of somebody.
func (p *porch) signIn(i *identity.Identity) resident {
	p.Helper()
	r := resident{token: session.NewToken(rand.Reader)}
	r.session = session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: p.clock.Now()}, session.Device{}, p.clock.Now(), time.Hour)
	err := p.rows.Tx(p.Context(), func(x *store.Tx) error { return x.CreateSession(r.session, session.HashToken(r.token)) })
	if err != nil {
		p.Fatal(err)
	}
	return r
}

// cookie is the session cookie that the server would give to somebody now.
func (p *porch) cookie(r resident) *http.Cookie {
	p.Helper()
	w := httptest.NewRecorder()
	err := p.wire.setSession(w, p.wire.compiled.Load(), &flow.Cookie{Token: r.token, ExpiresAt: r.session.ExpiresAt})
	if err != nil {
		p.Fatal(err)
	}
	return w.Result().Cookies()[0]
}

// change alters a request.
type change func(*http.Request)

func header(name string, values ...string) change {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func sent(cookies ...*http.Cookie) change {
	return func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
}

func inJSON(r *http.Request) { r.Header.Set("Accept", "application/json") }

// ask sends a request to the public port.
func (p *porch) ask(method, path, body string, changes ...change) answer {
	p.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	p.wire.Public().ServeHTTP(w, r)
	a := answer{ResponseRecorder: w}
	if raw := bytes.TrimSpace(w.Body.Bytes()); len(raw) > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &a.json); err != nil {
			p.Fatalf("%s %s answers %d with %q: %v", method, path, w.Code, raw, err)
		}
	}
	return a
}

func (p *porch) get(path string, changes ...change) answer {
	p.Helper()
	return p.ask("GET", path, "", changes...)
}

// set finds a cookie that an answer sets, nil for none, and insists that it is
// set once.
func (p *porch) set(a answer, prefix string) *http.Cookie {
	p.Helper()
	var found *http.Cookie
	for _, c := range a.Result().Cookies() {
		if strings.HasPrefix(c.Name, prefix) {
			if found != nil {
				p.Errorf("the cookie %s is set twice", c.Name)
			}
			found = c
		}
	}
	return found
}

func errorID(a answer) string {
	if body, ok := a.json.(map[string]any); ok {
		if inner, ok := body["error"].(map[string]any); ok {
			id, _ := inner["id"].(string)
			return id
		}
	}
	return ""
}

// secondFactor are credentials that reach the second level.
func secondFactor() map[identity.CredentialType]identity.Credential {
	return map[identity.CredentialType]identity.Credential{
		identity.LookupSecret: {Type: identity.LookupSecret, Config: json.RawMessage(`{"recovery_codes":[{"code":"x"}]}`)},
	}
}
