package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/session"
	"cardea/internal/store/dbtest"
)

// What a request costs rots unseen: a statement more in a journey, a copy more in a
// path that is hot. Time cannot be asserted where tests run; statements, round trips
// and allocations can. Whoever needs more of them says so here.

// A cost is what one request may take at most.
type cost struct {
	name       string
	statements uint64
	trips      uint64  // to a PostgreSQL, those that begin and commit among them
	allocs     float64 // on the embedded database, those of the test's request included
	// request gets a request ready and sends it as often as it is called.
	request func(h *costHouse) func()
}

func requestCosts() []cost {
	return []cost{
		{name: "health", allocs: 40, request: (*costHouse).health},
		{name: "whoami, remembered", allocs: 55, request: (*costHouse).whoamiRemembered},
		{name: "whoami", allocs: 200, statements: 1, trips: 1, request: (*costHouse).whoami},
		{name: "whoami, unknown token", allocs: 128, statements: 1, trips: 1, request: (*costHouse).whoamiUnknown},
		{name: "whoami, impossible token", allocs: 55, request: (*costHouse).whoamiImpossible},
		{name: "own sessions", allocs: 435, statements: 2, trips: 2, request: (*costHouse).ownSessions},
		{name: "new login flow, native", allocs: 180, statements: 1, trips: 1, request: (*costHouse).newFlow},
		{name: "new login flow, browser", allocs: 200, statements: 1, trips: 1, request: (*costHouse).newBrowserFlow},
		{name: "login flow fetch", allocs: 230, statements: 1, trips: 1, request: (*costHouse).fetch},
		{name: "login", allocs: 790, statements: 7, trips: 4, request: (*costHouse).logIn},
		{name: "registration", allocs: 815, statements: 13, trips: 4, request: (*costHouse).register},
		{name: "logout", allocs: 285, statements: 4, trips: 3, request: (*costHouse).logOut},
		{name: "new settings flow", allocs: 800, statements: 3, trips: 3, request: (*costHouse).newSettings},
		{name: "settings flow fetch", allocs: 740, statements: 3, trips: 3, request: (*costHouse).fetchSettings},
		{name: "profile update", allocs: 1565, statements: 13, trips: 12, request: (*costHouse).updateProfile},
		{name: "admin get", allocs: 180, statements: 1, trips: 1, request: (*costHouse).adminGet},
		{name: "admin list by identifier", allocs: 270, statements: 1, trips: 1, request: (*costHouse).adminFind},
		{name: "admin list", allocs: 9100, statements: 1, trips: 1, request: (*costHouse).adminList},
		{name: "admin create", allocs: 375, statements: 7, trips: 2, request: (*costHouse).adminCreate},
		{name: "admin import of 250", allocs: 52500, statements: 65, trips: 3, request: (*costHouse).adminImport},
	}
}

func TestRequestsCostNoMoreThanTheyDid(t *testing.T) {
	for _, c := range requestCosts() {
		t.Run(c.name, func(t *testing.T) {
			h := newCostHouse(t, "")
			send := c.request(h)
			send() // what is made once is made now
			before := h.app.db.Stats()
			send()
			if n := h.app.db.Stats().Statements - before.Statements; n > c.statements {
				t.Errorf("%d statements, at most %d", n, c.statements)
			}
			n := c.allocs + 1
			for range 3 { // whatever else goes on in the process is counted, too
				if n > c.allocs {
					n = testing.AllocsPerRun(5, send)
				}
			}
			if n > c.allocs {
				t.Errorf("%.0f allocations, at most %.0f", n, c.allocs)
			}
		})
	}
}

func TestRequestsWaitForAServerNoMoreOftenThanTheyDid(t *testing.T) {
	server := dbtest.Postgres(t)
	for _, c := range requestCosts() {
		t.Run(c.name, func(t *testing.T) {
			h := newCostHouse(t, fmt.Sprintf("dsn: %q\n", server.Database(t)))
			send := c.request(h)
			send()
			before := h.app.db.Stats()
			send()
			after := h.app.db.Stats()
			if n := after.Trips - before.Trips; n > c.trips {
				t.Errorf("%d round trips, at most %d", n, c.trips)
			}
			if n := after.Statements - before.Statements; n > c.statements+2 { // a savepoint is two
				t.Errorf("%d statements, at most %d", n, c.statements+2)
			}
		})
	}
}

// costHouse is a server in which somebody is signed in.
type costHouse struct {
	t            *testing.T
	app          *App
	token, email string
	id           string
	people       int
}

const costPassword = "four-Sturdy-Wombats-77"

func newCostHouse(t *testing.T, database string) *costHouse {
	t.Helper()
	config := strings.Replace(tellConfig("", "", ""), "link:", "totp: {enabled: true}\n    link:", 1)
	a, _ := start(t, nil, Options{Migrate: true, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}, config+database)
	h := &costHouse{t: t, app: a, email: "known@cardea.test"}
	answer := h.submit("registration", "", map[string]any{"traits": map[string]any{"email": h.email}})
	h.token = answer.Token
	h.id = answer.Identity.ID
	return h
}

// costAnswer is what the requests below need of answers.
type costAnswer struct {
	ID       string
	Token    string `json:"session_token"`
	State    string
	Identity struct{ ID string }
}

func (h *costHouse) do(handler http.Handler, method, target, token string, body any, want int) (a costAnswer) {
	h.t.Helper()
	var text strings.Builder
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			h.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, "https://id.cardea.test"+target, strings.NewReader(text.String()))
	r.RemoteAddr = "127.0.0.1:4000"
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("X-Session-Token", token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != want {
		h.t.Fatalf("%s %s: %d, want %d: %s", method, target, w.Code, want, w.Body)
	}
	_ = json.Unmarshal(w.Body.Bytes(), &a) // a list has none of it
	return a
}

func (h *costHouse) public(target, token string, want int) func() {
	return func() { h.do(h.app.Public, "GET", target, token, nil, want) }
}

func (h *costHouse) admin(target string) func() {
	return func() { h.do(h.app.Admin, "GET", target, "", nil, 200) }
}

// submit sends a form; without a flow it begins one.
func (h *costHouse) submit(kind, flow string, fields map[string]any) costAnswer {
	h.t.Helper()
	token := ""
	if kind == "settings" {
		token = h.token
	}
	if flow == "" {
		flow = h.do(h.app.Public, "GET", "/self-service/"+kind+"/api", token, nil, 200).ID
	}
	if fields["method"] == nil {
		fields["method"], fields["password"] = "password", costPassword
	}
	return h.do(h.app.Public, "POST", "/self-service/"+kind+"?flow="+flow, token, fields, 200)
}

// ready gets flows ready, so that sending a form costs nothing else.
func (h *costHouse) ready(kind string, fields func() map[string]any) func() {
	token := ""
	if kind == "settings" {
		token = h.token
	}
	var flows []string
	for range 30 {
		flows = append(flows, h.do(h.app.Public, "GET", "/self-service/"+kind+"/api", token, nil, 200).ID)
	}
	return func() {
		h.submit(kind, flows[0], fields())
		flows = flows[1:]
	}
}

func (h *costHouse) fresh() string {
	h.people++
	return fmt.Sprintf("fresh%d@cardea.test", h.people)
}

func (h *costHouse) health() func()           { return h.public("/health/alive", "", 200) }
func (h *costHouse) whoami() func()           { return h.public("/sessions/whoami", h.token, 200) }
func (h *costHouse) whoamiImpossible() func() { return h.public("/sessions/whoami", "nonsense", 401) }
func (h *costHouse) newFlow() func()          { return h.public("/self-service/login/api", "", 200) }
func (h *costHouse) newBrowserFlow() func()   { return h.public("/self-service/login/browser", "", 200) }
func (h *costHouse) newSettings() func()      { return h.public("/self-service/settings/api", h.token, 200) }
func (h *costHouse) adminGet() func()         { return h.admin("/admin/identities/" + h.id) }
func (h *costHouse) adminFind() func() {
	return h.admin("/admin/identities?credentials_identifier=" + h.email)
}

func (h *costHouse) whoamiRemembered() func() {
	if err := h.app.feed.Look(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return h.public("/sessions/whoami", h.token, 200)
}

func (h *costHouse) whoamiUnknown() func() {
	return h.public("/sessions/whoami", session.NewToken(h.app.rand), 401)
}

func (h *costHouse) ownSessions() func() {
	for range 2 {
		h.submit("login", "", map[string]any{"identifier": h.email})
	}
	return h.public("/sessions", h.token, 200)
}

func (h *costHouse) fetch() func() {
	id := h.do(h.app.Public, "GET", "/self-service/login/api", "", nil, 200).ID
	return h.public("/self-service/login/flows?id="+id, "", 200)
}

func (h *costHouse) fetchSettings() func() {
	id := h.do(h.app.Public, "GET", "/self-service/settings/api", h.token, nil, 200).ID
	return h.public("/self-service/settings/flows?id="+id, h.token, 200)
}

func (h *costHouse) logIn() func() {
	return h.ready("login", func() map[string]any { return map[string]any{"identifier": h.email} })
}

func (h *costHouse) register() func() {
	return h.ready("registration", func() map[string]any { return map[string]any{"traits": map[string]any{"email": h.fresh()}} })
}

func (h *costHouse) updateProfile() func() {
	return h.ready("settings", func() map[string]any {
		return map[string]any{"method": "profile", "traits": map[string]any{"email": h.email}}
	})
}

func (h *costHouse) logOut() func() {
	var tokens []string
	for range 30 {
		tokens = append(tokens, h.submit("login", "", map[string]any{"identifier": h.email}).Token)
	}
	return func() {
		h.do(h.app.Public, "DELETE", "/self-service/logout/api", "", map[string]any{"session_token": tokens[0]}, 204)
		tokens = tokens[1:]
	}
}

func (h *costHouse) adminCreate() func() {
	return func() {
		h.do(h.app.Admin, "POST", "/admin/identities", "", map[string]any{"schema_id": "default", "traits": map[string]any{"email": h.fresh()}}, 201)
	}
}

func (h *costHouse) adminImport() func() {
	return func() {
		list := make([]any, 250)
		for i := range list {
			list[i] = map[string]any{"create": map[string]any{"schema_id": "default", "traits": map[string]any{"email": h.fresh()}}}
		}
		h.do(h.app.Admin, "PATCH", "/admin/identities", "", map[string]any{"identities": list}, 200)
	}
}

func (h *costHouse) adminList() func() {
	h.adminImport()()
	return h.admin("/admin/identities")
}
