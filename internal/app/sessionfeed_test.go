package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// twoOf are two processes on one database, each with its own memory, and a clock that
// stands still.
type twoOf struct {
	*testing.T
	clock     *clock.Fake
	one, two  *App
	id, token string // of a session
	owner     uuid.UUID
}

func newTwoOf(t *testing.T, more ...string) *twoOf {
	t.Helper()
	p := &twoOf{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), token: session.TokenPrefix + strings.Repeat("a", 32)}
	if len(more) == 0 {
		more = []string{"{}"}
	}
	var path string
	p.one, path = start(t, nil, Options{Migrate: true, Clock: p.clock}, more...)
	p.two = another(t, path, Options{Clock: p.clock})
	i := &identity.Identity{SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{"email":"ann@cardea.test"}`)}
	rows := p.one.db.Tenant(store.DefaultTenant)
	err := rows.Tx(t.Context(), func(x *store.Tx) error {
		if err := x.CreateIdentity(i); err != nil {
			return err
		}
		s := session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: p.clock.Now()}, session.Device{}, p.clock.Now(), 24*time.Hour)
		p.id = s.ID.String()
		return x.CreateSession(s, session.HashToken(p.token))
	})
	if err != nil {
		t.Fatal(err)
	}
	p.owner = i.ID
	return p
}

func (p *twoOf) look(apps ...*App) {
	p.Helper()
	for _, a := range apps {
		if err := a.feed.Look(p.Context()); err != nil {
			p.Fatal(err)
		}
	}
}

func (p *twoOf) whoami(a *App) int {
	return ask(a.Public, "/sessions/whoami", "X-Session-Token", p.token).Code
}

func (p *twoOf) want(what string, a *App, status int) {
	p.Helper()
	if got := p.whoami(a); got != status {
		p.Errorf("%s: whoami answers %d, want %d", what, got, status)
	}
}

// reads counts the statements of a whoami.
func (p *twoOf) reads(a *App) uint64 {
	before := a.db.Stats().Statements
	p.whoami(a)
	return a.db.Stats().Statements - before
}

func (p *twoOf) list(path string) (all []map[string]any) {
	p.Helper()
	w := httptest.NewRecorder()
	p.one.Admin.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), "GET", path, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || w.Code != 200 {
		p.Fatalf("%s answers %d: %s", path, w.Code, w.Body)
	}
	return all
}

func (p *twoOf) admin(a *App, method, path string) {
	p.Helper()
	w := httptest.NewRecorder()
	a.Admin.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), method, path, nil))
	if w.Code >= 400 {
		p.Fatalf("%s %s answers %d: %s", method, path, w.Code, w.Body)
	}
}

func TestASessionIsCheckedFromMemoryWhileTheFeedIsHeard(t *testing.T) {
	p := newTwoOf(t)
	if n := p.reads(p.one); n != 1 {
		t.Errorf("nobody follows the feed, and whoami took %d statements, want 1", n)
	}
	p.look(p.one)
	p.reads(p.one)
	if n := p.reads(p.one); n != 0 {
		t.Errorf("whoami took %d statements, want none", n)
	}
	p.clock.Advance(session.Trust)
	if n := p.reads(p.one); n != 1 {
		t.Errorf("the feed was not heard for a while, and whoami took %d statements, want 1", n)
	}
}

func TestASessionThatEndsIsRefusedAtOnceHereAndSoonElsewhere(t *testing.T) {
	for name, end := range map[string]func(p *twoOf){
		"revoked":              func(p *twoOf) { p.admin(p.one, "DELETE", "/admin/sessions/"+p.id) },
		"rows deleted":         func(p *twoOf) { p.admin(p.one, "DELETE", "/admin/identities/"+p.owner.String()+"/sessions") },
		"identity deleted":     func(p *twoOf) { p.admin(p.one, "DELETE", "/admin/identities/"+p.owner.String()) },
		"signed out by itself": func(p *twoOf) { signOut(p, p.one) },
		"another device":       signOthersOut,
		"switched off":         switchOff,
	} {
		t.Run(name, func(t *testing.T) {
			p := newTwoOf(t)
			p.look(p.one, p.two)
			p.want("at first", p.one, 200)
			p.want("at first, elsewhere", p.two, 200)
			end(p)
			p.want("where it ended", p.one, 401)
			p.clock.Advance(session.Pace)
			p.look(p.two)
			p.want("elsewhere, after the next look", p.two, 401)
		})
	}
}

func signOut(p *twoOf, a *App) {
	p.Helper()
	r := httptest.NewRequest(http.MethodDelete, "/self-service/logout/api", strings.NewReader(`{"session_token":"`+p.token+`"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.Public.ServeHTTP(w, r)
	if w.Code != 204 {
		p.Fatalf("signing out answers %d: %s", w.Code, w.Body)
	}
}

// signOthersOut ends the session from another device of the same person.
func signOthersOut(p *twoOf) {
	p.Helper()
	rows, token := p.one.db.Tenant(store.DefaultTenant), session.TokenPrefix+strings.Repeat("o", 32)
	i, err := rows.Identity(p.Context(), p.owner)
	if err != nil {
		p.Fatal(err)
	}
	s := session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: p.clock.Now()}, session.Device{}, p.clock.Now(), time.Hour)
	if err := rows.Tx(p.Context(), func(x *store.Tx) error { return x.CreateSession(s, session.HashToken(token)) }); err != nil {
		p.Fatal(err)
	}
	p.want("before the others are signed out", p.one, 200)
	r := httptest.NewRequest(http.MethodDelete, "/sessions", nil)
	r.Header.Set("X-Session-Token", token)
	w := httptest.NewRecorder()
	if p.one.Public.ServeHTTP(w, r); w.Code != 200 {
		p.Fatalf("signing others out answers %d: %s", w.Code, w.Body)
	}
}

func switchOff(p *twoOf) {
	p.Helper()
	r := httptest.NewRequest(http.MethodPatch, "/admin/identities/"+p.owner.String(), strings.NewReader(`[{"op":"replace","path":"/state","value":"inactive"}]`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if p.one.Admin.ServeHTTP(w, r); w.Code != 200 {
		p.Fatalf("switching off answers %d: %s", w.Code, w.Body)
	}
}

func TestWithoutTheFeedEveryCheckAsksTheDatabase(t *testing.T) {
	p := newTwoOf(t)
	p.look(p.two)
	p.want("at first", p.two, 200)
	p.admin(p.one, "DELETE", "/admin/sessions/"+p.id)
	p.want("remembered", p.two, 200)
	p.clock.Advance(session.Trust) // the other process cannot read the feed any more
	p.want("the feed was not heard for too long", p.two, 401)
}

func TestAChangeOfAnIdentityShowsAtOnceHereAndSoonElsewhere(t *testing.T) {
	p := newTwoOf(t)
	p.look(p.one, p.two)
	rows := p.one.db.Tenant(store.DefaultTenant)
	i, err := rows.Identity(t.Context(), p.owner)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(a *App) bool {
		return strings.Contains(ask(a.Public, "/sessions/whoami", "X-Session-Token", p.token).Body.String(), "bob@cardea.test")
	}
	if shown(p.one) || shown(p.two) {
		t.Fatal("it shows before it happened")
	}
	i.Traits = json.RawMessage(`{"email":"bob@cardea.test"}`)
	if err := rows.UpdateIdentity(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	p.look(p.two)
	if !shown(p.one) || !shown(p.two) {
		t.Error("the change does not show")
	}
}

// TestARevokedSessionIsRefusedElsewhereWithinASecond runs both processes as they are,
// by the real clock. The second is counted on the clock of the machine, so a machine
// that stands still for a while fails no one.
func TestARevokedSessionIsRefusedElsewhereWithinASecond(t *testing.T) {
	one, path := start(t, nil, Options{Migrate: true}, "{}")
	two := another(t, path, Options{})
	p := &twoOf{T: t, one: one, two: two, token: session.TokenPrefix + strings.Repeat("b", 32)}
	i := &identity.Identity{SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{}`)}
	rows := one.db.Tenant(store.DefaultTenant)
	if err := rows.CreateIdentity(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); two.feed.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	for range 5 {
		s := session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: time.Now()}, session.Device{}, time.Now(), time.Hour)
		p.token = session.NewToken(one.rand)
		if err := rows.Tx(t.Context(), func(x *store.Tx) error { return x.CreateSession(s, session.HashToken(p.token)) }); err != nil {
			t.Fatal(err)
		}
		p.want("at first", two, 200)
		if err := rows.RevokeSession(t.Context(), s.ID, uuid.Nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		// What is asked later than the bound must be refused, however long asking takes.
		for ended := time.Now(); ; {
			asked := time.Now()
			if p.whoami(two) == 401 {
				break
			}
			if asked.Sub(ended) > time.Second {
				t.Fatal("a session that ended elsewhere a second ago is still accepted")
			}
		}
	}
}
