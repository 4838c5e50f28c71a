package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/store"
)

const personSchema = `{
	"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
	"properties": {"traits": {"type": "object", "required": ["email"], "additionalProperties": false, "properties": {
		"email": {"type": "string", "format": "email", "cardea": {"searchable": true}, "ory.sh/kratos": {
			"credentials": {"password": {"identifier": true}, "webauthn": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
			"verification": {"via": "email"}, "recovery": {"via": "email"}}},
		"secret": {"type": "string"},
		"name": {"type": "object", "properties": {"last": {"type": "string", "cardea": {"searchable": true}}}}}}}}`

const operatorConfig = `
dsn: memory
serve: {public: {base_url: "https://id.example.test/"}, admin: {base_url: "https://admin.example.test/"}}
secrets: {default: [default-secret-default-secret-01]}
session: {lifespan: 1h, earliest_possible_extend: 30m}
identity:
  default_schema_id: person
  schemas: [{id: person, url: "base64://%s"}, {id: other, url: "base64://%s"}]
selfservice:
  default_browser_return_url: https://www.example.test/
  methods: {password: {enabled: true}}
`

// desk is an operator's desk: the admin port over a real database, with a clock
// that stands still.
type desk struct {
	t     *testing.T
	clock *clock.Fake
	db    *store.DB
	rows  *store.Tenant
	wire  *Server
}

// tenantRows are the store in the words of the wire.
type tenantRows struct {
	*store.Tenant
	Sessions // what operators do not use
	clock    clock.Clock
}

func (s tenantRows) Revoke(ctx context.Context, id uuid.UUID) error {
	return s.RevokeSession(ctx, id, uuid.Nil, s.clock.Now())
}

func (s tenantRows) identityFilter(f IdentityFilter) store.IdentityFilter {
	g := store.IdentityFilter{
		IDs: f.IDs, OrganizationID: f.OrganizationID, Traits: f.Traits, State: f.State, SchemaID: f.SchemaID, Verified: f.Verified,
		CreatedAfter: f.CreatedAfter, CreatedBefore: f.CreatedBefore, UpdatedAfter: f.UpdatedAfter, UpdatedBefore: f.UpdatedBefore,
		After: f.After, Offset: f.Offset, Limit: f.Limit, Credentials: f.Credentials,
	}
	for _, m := range f.Identifiers {
		g.Identifiers = append(g.Identifiers, store.IdentifierMatch(m))
	}
	return g
}

func (s tenantRows) ListIdentities(ctx context.Context, f IdentityFilter) ([]*identity.Identity, error) {
	return s.Identities(ctx, s.identityFilter(f))
}

func (s tenantRows) CountIdentities(ctx context.Context, f IdentityFilter) (int, error) {
	return s.CountMatching(ctx, s.identityFilter(f))
}

func (s tenantRows) DeleteIdentity(ctx context.Context, id uuid.UUID, check func(*identity.Identity) error) error {
	return s.DeleteIdentityIf(ctx, id, check)
}

func (s tenantRows) ChangeIdentity(ctx context.Context, id uuid.UUID, change func(*identity.Identity) error) error {
	return s.Tx(ctx, func(x *store.Tx) error {
		i, err := x.Identity(id)
		if err != nil {
			return err
		}
		if err := change(i); err != nil {
			return err
		}
		return x.UpdateIdentity(i)
	})
}

func (s tenantRows) filter(f SessionFilter) store.SessionFilter {
	g := store.SessionFilter{IdentityID: f.IdentityID, Active: f.Active, Now: f.Now, BeforeCreatedAt: f.BeforeCreatedAt, BeforeID: f.BeforeID, Offset: f.Offset, Limit: f.Limit}
	switch {
	case f.Identity:
		g.Expand = store.WithIdentity
	case f.Devices:
		g.Expand = store.WithDevices
	}
	return g
}

func (s tenantRows) ListSessions(ctx context.Context, f SessionFilter) ([]*session.Session, error) {
	return s.Tenant.Sessions(ctx, s.filter(f))
}

func (s tenantRows) CountListed(ctx context.Context, f SessionFilter) (int, error) {
	return s.CountSessions(ctx, s.filter(f))
}

func (s tenantRows) ManageSessions(ctx context.Context, b SessionBulk) (int, error) {
	action := store.DisableSessions
	if b.Delete {
		action = store.DeleteSessions
	}
	target, ids := store.EverySession, []uuid.UUID(nil)
	switch {
	case b.IDs != nil:
		target, ids = store.SessionsByID, b.IDs
	case b.IdentityIDs != nil:
		target, ids = store.SessionsByIdentityID, b.IdentityIDs
	}
	return s.BulkSessions(ctx, action, target, ids, b.Limit, b.Now)
}

// plainImporter makes readable hashes of passwords of at most ten bytes.
type plainImporter struct{ hashed *int }

func (p plainImporter) Hash(_ context.Context, _ *config.Snapshot, password string) (string, error) {
	*p.hashed++
	if len(password) > 10 {
		return "", &secret.TooLongError{Max: 10, Actual: len(password)}
	}
	return "hash of " + password, nil
}

func (plainImporter) CheckImport(encoded string) error { return secret.CheckImport(encoded) }

func newDesk(t *testing.T, more ...string) *desk {
	t.Helper()
	d := &desk{t: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	schema := base64.StdEncoding.EncodeToString([]byte(personSchema))
	file := filepath.Join(t.TempDir(), "cardea.yml")
	text := fmt.Sprintf(operatorConfig, schema, schema) + strings.Join(more, "\n")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	snapshot, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	setup, err := flow.Compile(t.Context(), snapshot, func(_ context.Context, address string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(address, "base64://"))
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: d.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return d.of(db, store.DefaultTenant, setup)
}

// of is a desk of a tenant, over the same clock.
func (d *desk) of(db *store.DB, tenant store.TenantID, setup *flow.Setup) *desk {
	d.t.Helper()
	d = &desk{t: d.t, clock: d.clock, db: db, rows: db.Tenant(tenant)}
	rows := tenantRows{Tenant: d.rows, clock: d.clock}
	d.wire = New(Options{
		Sessions: rows, AdminSessions: rows, Identities: rows, Organizations: d.rows, Importer: plainImporter{new(int)}, Keys: d.rows, Tenant: strconv.FormatInt(int64(tenant), 10),
		Clock: d.clock, Rand: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err := d.wire.Use(setup); err != nil {
		d.t.Fatal(err)
	}
	return d
}

// answer is what came back, with JSON decoded.
type answer struct {
	*httptest.ResponseRecorder
	json any
}

// at walks into the answer: keys of objects and indices of lists.
func (a answer) at(path ...any) any {
	v := a.json
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	s, _ := a.at(path...).(string)
	return s
}

func newRequest(method, path, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// ask sends a request; a body that is not empty claims to be JSON.
func (d *desk) ask(method, path, body string) answer {
	d.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	return d.send(newRequest(method, path, contentType, body))
}

// send sends a request, a second after the one before: no two changes happen at the
// same moment.
func (d *desk) send(r *http.Request) answer {
	d.t.Helper()
	d.clock.Advance(time.Second)
	return d.serve(d.wire.Admin(), r)
}

func (d *desk) serve(h http.Handler, r *http.Request) answer {
	d.t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{ResponseRecorder: w}
	if raw := bytes.TrimSpace(w.Body.Bytes()); len(raw) > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &a.json); err != nil {
			d.t.Fatalf("%s %s answers %d with %q: %v", r.Method, r.URL, w.Code, raw, err)
		}
	}
	return a
}

// want asks and insists on a status.
func (d *desk) want(status int, method, path, body string) answer {
	d.t.Helper()
	a := d.ask(method, path, body)
	if a.Code != status {
		d.t.Fatalf("%s %s %s answers %d, want %d: %s", method, path, body, a.Code, status, a.Body)
	}
	return a
}

// person creates an identity and gives its id.
func (d *desk) person(email string) string {
	d.t.Helper()
	return d.want(201, "POST", "/admin/identities", `{"traits":{"email":"`+email+`"}}`).text("id")
}

// signIn stores a session of an identity.
func (d *desk) signIn(identityID string) string {
	d.t.Helper()
	d.clock.Advance(time.Second)
	agent := "agent"
	s := session.New(uuid.New(), &identity.Identity{ID: uuid.MustParse(identityID)}, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: d.clock.Now()},
		session.Device{UserAgent: &agent}, d.clock.Now(), time.Hour)
	if err := d.rows.Tx(d.t.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }); err != nil {
		d.t.Fatal(err)
	}
	return s.ID.String()
}

// noEdit is a change that changes nothing.
func (d *desk) noEdit(*identity.Identity, time.Time) error { return nil }

func mustID(id string) uuid.UUID { return uuid.MustParse(id) }
