package flow_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/store"
	"cardea/internal/ui"
)

// house is an engine over a real database with a clock that stands still. Its one
// method, "stub", answers what a test wants it to answer, in every kind.
type house struct {
	*testing.T
	clock  *clock.Fake
	rows   *store.Tenant
	setup  *flow.Setup
	engine *flow.Engine

	// submit is what the stub does with a submission; nil rejects it.
	submit func(context.Context, *flow.Exec, stubInput) (flow.Result, error)
	// hook answers web hooks; nil lets everything go on.
	hook func(path string, about flow.HookCall) (*flow.HookAnswer, error)
	// told hears what hooks are told that nobody waits for; nil for nobody.
	told func(path string, about flow.HookCall)
}

type stubInput struct {
	Word string `json:"word"`
	Code string `json:"code"`
}

var kindsOfFlow = []flow.Kind{flow.Login, flow.Registration, flow.Settings, flow.Recovery, flow.Verification}

// stubField is a node of the stub's.
func stubField(name string) ui.Nodes {
	return ui.Nodes{{Group: ui.Default, Attributes: ui.Input{Name: name, Type: ui.InputText}}}
}

// newHouse builds an engine; a spec changes the stub of every kind.
func newHouse(t *testing.T, yaml string, specs ...func(*flow.Spec)) *house {
	t.Helper()
	h := &house{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	if yaml == "" {
		h.setup = compile(t)
	} else {
		h.setup = compile(t, yaml)
	}
	db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.rows = db.Tenant(store.DefaultTenant)
	catalogue, err := ui.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	var steps []*flow.Step
	for _, k := range kindsOfFlow {
		spec := flow.Spec{Kind: k, Method: "stub", Group: ui.Default, Echo: []string{"word"}, Enabled: func(*flow.Setup) bool { return true }}
		for _, change := range specs {
			change(&spec)
		}
		steps = append(steps, flow.Of(flow.Typed[stubInput]{
			Spec:   spec,
			Render: func(context.Context, flow.View) (ui.Nodes, error) { return stubField("word"), nil },
			Submit: func(ctx context.Context, x *flow.Exec, in stubInput) (flow.Result, error) {
				if h.submit == nil {
					return flow.Deny(ui.New(ui.ValidationGeneric, "reason", "no")), nil
				}
				return h.submit(ctx, x, in)
			},
		}))
	}
	for _, k := range []flow.Kind{flow.Recovery, flow.Verification} {
		steps = append(steps, sender(k))
	}
	h.engine = flow.New(flow.Options{Store: h.rows, Clock: h.clock, Rand: rand.Reader, Catalogue: catalogue, Steps: steps, Hooks: target{h}})
	return h
}

// sender is the step that a kind is configured to send with. It sends nothing.
func sender(k flow.Kind) *flow.Step {
	return flow.Of(flow.Typed[stubInput]{
		Spec:   flow.Spec{Kind: k, Method: "code", Group: ui.Code, Enabled: func(*flow.Setup) bool { return true }},
		Render: func(context.Context, flow.View) (ui.Nodes, error) { return nil, nil },
		Submit: func(context.Context, *flow.Exec, stubInput) (flow.Result, error) { return flow.Rejected{}, nil },
		Send: func(context.Context, *flow.Exec, identity.Address, *identity.Identity) (flow.Await, error) {
			return flow.Await{State: flow.SentEmail}, nil
		},
	})
}

// person stores an identity.
func (h *house) person(email string) *identity.Identity {
	h.Helper()
	i := identity.New(uuid.New(), "default", h.clock.Now())
	i.Traits = json.RawMessage(`{"email":"` + email + `"}`)
	if err := h.rows.CreateIdentity(h.Context(), i); err != nil {
		h.Fatal(err)
	}
	return i
}

// session stores a session of a level.
func (h *house) session(i *identity.Identity, level session.AAL) *session.Session {
	h.Helper()
	s := session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1, CompletedAt: h.clock.Now()}, session.Device{}, h.clock.Now(), 24*time.Hour)
	if level == session.AAL2 {
		s.Renew(session.Method{Method: "totp", AAL: session.AAL2, CompletedAt: h.clock.Now()}, h.clock.Now(), 24*time.Hour)
	}
	if err := h.rows.Write(h.Context(), func(tx flow.Tx) error { return tx.CreateSession(s, nil) }); err != nil {
		h.Fatal(err)
	}
	return s
}

// loaded is a session as a request brings it: its identity has no credentials.
func (h *house) loaded(s *session.Session) *session.Session {
	h.Helper()
	found, err := h.rows.Session(h.Context(), s.ID)
	if err != nil {
		h.Fatal(err)
	}
	return found
}

// The three classes of clients.
const (
	page   = "page"   // H: navigates
	script = "script" // J: fetches JSON with cookies
	native = "native" // N
)

var clients = []string{page, script, native}

// guest is a client with what it remembers.
type guest struct {
	*house
	kind    string
	cookie  []byte // anti-CSRF cookie; nil for none
	session *session.Session
	origin  string
	cookies []string
	// tokenless guests do not send the anti-CSRF token.
	tokenless bool
	// silent ones do not say that they take JSON.
	silent bool
}

func (h *house) guest(kind string) *guest {
	g := &guest{house: h, kind: kind}
	if kind != native {
		g.cookie = make([]byte, 32)
		_, _ = rand.Read(g.cookie) // never fails
	}
	return g
}

func (g *guest) as(s *session.Session) *guest { g.session = s; return g }

func (g *guest) flowType() flow.Type {
	if g.kind == native {
		return flow.API
	}
	return flow.Browser
}

// visit is a request of the guest. fields nil is a GET.
func (g *guest) visit(query string, fields map[string]any) *flow.Visit {
	g.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		g.Fatal(err)
	}
	csrf := flow.NewCSRF(g.cookie)
	csrf.HasCookies, csrf.HasOurs = g.cookie != nil, g.cookie != nil
	talksJSON := g.kind != page && !g.silent
	v := &flow.Visit{
		Setup: g.setup, JSON: talksJSON, AcceptsJSON: talksJSON, Page: !talksJSON,
		URL: "https://id.cardea.test/init?" + query, Query: q, CSRF: csrf, Session: g.session,
		Origin: g.origin, Cookies: g.cookies,
	}
	v.Read = func() (*payload.Body, error) {
		body := map[string]any{}
		if g.kind != native && !g.tokenless {
			body["csrf_token"] = csrf.Masked(rand.Reader)
		}
		for k, value := range fields {
			body[k] = value
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		return payload.Read(payload.Source{ContentType: "application/json", Method: "POST", Body: strings.NewReader(string(raw)), ContentLength: int64(len(raw))})
	}
	return v
}

func (g *guest) start(k flow.Kind, query string) *flow.Answer {
	g.Helper()
	v := g.visit(query, nil)
	a := g.engine.Start(g.Context(), k, g.flowType(), v)
	g.keep(v)
	return a
}

// begin starts a flow and insists on getting one.
func (g *guest) begin(k flow.Kind, query string) *flow.Flow {
	g.Helper()
	f := g.flowOf(g.start(k, query))
	if f == nil {
		g.Fatalf("%s could not start a %s", g.kind, k)
	}
	return f
}

func (g *guest) fetch(k flow.Kind, id uuid.UUID) *flow.Answer {
	g.Helper()
	return g.engine.Fetch(g.Context(), k, g.visit("id="+id.String(), nil))
}

func (g *guest) post(k flow.Kind, f *flow.Flow, fields map[string]any) *flow.Answer {
	g.Helper()
	return g.postTo(k, "flow="+f.ID.String(), fields)
}

func (g *guest) postTo(k flow.Kind, query string, fields map[string]any) *flow.Answer {
	g.Helper()
	v := g.visit(query, fields)
	a := g.engine.Submit(g.Context(), k, v)
	g.keep(v)
	return a
}

// keep takes the cookie that an answer would set.
func (g *guest) keep(v *flow.Visit) {
	if v.CSRF.Changed() {
		g.cookie = v.CSRF.Real()
	}
}

// flowOf is the flow that an answer shows or leads to, nil for none.
func (g *guest) flowOf(a *flow.Answer) *flow.Flow {
	g.Helper()
	if shown, ok := a.Body.(*flow.Page); ok {
		return shown.Flow
	}
	u, err := url.Parse(a.Location)
	if err != nil {
		g.Fatal(err)
	}
	text := u.Query().Get("flow")
	if strings.HasSuffix(u.Path, "/flows") {
		text = u.Query().Get("id")
	}
	if text == "" && a.Problem != nil && a.Problem.Top["use_flow_id"] != nil {
		text = a.Problem.Top["use_flow_id"].(uuid.UUID).String()
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	f, err := g.rows.Flow(g.Context(), id)
	if err != nil {
		g.Fatalf("the flow %s that the answer leads to: %v", id, err)
	}
	return f
}

// stored reads a flow from the database.
func (h *house) stored(id uuid.UUID) *flow.Flow {
	h.Helper()
	f, err := h.rows.Flow(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	return f
}

// messages are the ids of a form's messages.
func messages(f *flow.Flow) []ui.MessageID {
	var all []ui.MessageID
	if f != nil {
		for _, m := range f.Messages {
			all = append(all, m.ID)
		}
	}
	return all
}

// said is an answer in short: "200", "303 https://…", "403 security_csrf_violation".
// Ids of flows and errors in addresses are left out.
func said(a *flow.Answer) string {
	text := itoa(a.Status)
	switch {
	case a.Location != "":
		u, _ := url.Parse(a.Location)
		q := u.Query()
		for _, key := range []string{"flow", "id"} {
			if q.Has(key) {
				q.Set(key, "…")
			}
		}
		u.RawQuery = ""
		text += " " + u.String()
		if len(q) > 0 {
			raw, _ := url.QueryUnescape(q.Encode())
			text += "?" + raw
		}
	case a.Problem != nil && a.Problem.ID != "":
		text += " " + string(a.Problem.ID)
	case a.Problem != nil:
		text += " error"
	}
	return text
}

func itoa(n int) string {
	raw, _ := json.Marshal(n) // a number always encodes
	return string(raw)
}

// explained is the id of an answer's error, also of one that the error page tells.
func (*guest) explained(a *flow.Answer) problem.ID {
	if a.Problem == nil {
		return "none"
	}
	return a.Problem.ID
}

// secondFactor are credentials that reach the second level.
func secondFactor() map[identity.CredentialType]identity.Credential {
	return map[identity.CredentialType]identity.Credential{
		identity.LookupSecret: {Type: identity.LookupSecret, Config: json.RawMessage(`{"recovery_codes":[{"code":"x"}]}`)},
	}
}
