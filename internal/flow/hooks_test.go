package flow_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// target is where the hooks of a house end: a hook is told by the path it calls.
type target struct{ *house }

func (x target) Call(_ context.Context, _ *flow.Setup, settings json.RawMessage, about flow.HookCall) (*flow.HookAnswer, error) {
	if x.hook == nil {
		return &flow.HookAnswer{}, nil
	}
	path, err := pathOf(settings)
	if err != nil {
		return nil, err
	}
	return x.hook(path, about)
}

// pathOf is the path of the address of a hook.
func pathOf(settings json.RawMessage) (string, error) {
	var s struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(settings, &s); err != nil {
		return "", err
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", err
	}
	return u.Path, nil
}

// Errand makes an errand of what is told to a hook: who it is about.
func (x target) Errand(_ *flow.Setup, settings json.RawMessage, about flow.HookCall) (flow.Errand, error) {
	path, err := pathOf(settings)
	if err != nil {
		return flow.Errand{}, err
	}
	if x.told != nil {
		x.told(path, about)
	}
	e := flow.Errand{ID: uuid.New(), Event: uuid.New(), Kind: flow.ErrandHook, Type: "after", Target: path, Sealed: []byte("x"), CreatedAt: about.Now}
	if about.Before {
		e.Type = "before"
	}
	if about.Identity != nil {
		e.Subject = about.Identity.ID
	}
	return e, nil
}

func hookTo(path, more string) string {
	return "{hook: web_hook, config: {url: 'https://hooks.cardea.test" + path + "', method: POST" + more + "}}"
}

// refuses is the answer of a hook that does not want a journey to go on.
func refuses() *flow.HookAnswer {
	no := flow.Deny(ui.Foreign(77, "no", ui.Error, nil))
	return &flow.HookAnswer{Refused: &no}
}

func broken() error { return problem.New(502, "").Named(problem.Upstream) }

// newcomer is what a stub registers.
func newcomer(h *house) flow.NewIdentity {
	i := identity.New(uuid.New(), "default", h.clock.Now())
	i.Traits = json.RawMessage(`{"email":"new@cardea.test"}`)
	i.Credentials = map[identity.CredentialType]identity.Credential{identity.Password: {ID: uuid.New(), Type: identity.Password, Identifiers: []string{"new@cardea.test"}, Config: json.RawMessage(`{"hashed_password":"x"}`)}}
	return flow.NewIdentity{Identity: i, Method: session.Method{Method: "password", AAL: session.AAL1}}
}

func TestHooksOfAStartComeBeforeAnythingIsStored(t *testing.T) {
	for _, kind := range []flow.Kind{flow.Login, flow.Registration, flow.Recovery, flow.Verification} {
		for _, client := range clients {
			t.Run(string(kind)+" "+client, func(t *testing.T) {
				h := newHouse(t, "selfservice: {methods: {code: {enabled: true}}, flows: {"+string(kind)+": {"+enabled(kind)+"before: {hooks: ["+hookTo("/start", "")+"]}}}}")
				var seen []uuid.UUID
				h.hook = func(_ string, about flow.HookCall) (*flow.HookAnswer, error) {
					seen = append(seen, about.Page.Flow.ID)
					if about.Page.Transient || about.Identity != nil || about.Session != nil {
						t.Errorf("told %+v", about)
					}
					return refuses(), nil
				}
				g := h.guest(client)
				plain := client != page || kind == flow.Recovery || kind == flow.Verification
				a := g.start(kind, "")
				if got := said(a); plain && got != "403 self_service_flow_refused" || !plain && got != "303 https://www.cardea.test/error?id=…" {
					t.Errorf("refused: %s", got)
				}
				if why := a.Problem; why.Status != 403 || why.Reason != "no" || len(why.Details["messages"].([]map[string]any)) != 1 {
					t.Errorf("refused with %+v", why)
				}
				if len(seen) != 1 {
					t.Fatalf("%d calls", len(seen))
				}
				if _, err := h.rows.Flow(t.Context(), seen[0]); err == nil {
					t.Error("the flow was stored")
				}
				h.hook = nil
				g.begin(kind, "")
			})
		}
	}
}

func enabled(k flow.Kind) string {
	if k == flow.Recovery || k == flow.Verification {
		return "enabled: true, "
	}
	return ""
}

// signsIn makes the stub prove somebody.
func (h *house) signsIn(i *identity.Identity) {
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		return flow.Proved{Identity: i, Method: session.Method{Method: "password", AAL: session.AAL1}, State: flow.PassedChallenge}, nil
	}
}

func TestALoginsHooksRunInOrderBeforeItsSessionIsStored(t *testing.T) {
	for _, client := range clients {
		t.Run(client, func(t *testing.T) {
			h := newHouse(t, "selfservice: {flows: {login: {after: {hooks: ["+hookTo("/first", "")+", "+hookTo("/gate", ", can_interrupt: true")+", "+hookTo("/last", ", response: {parse: true}")+"]}}}}")
			i := h.person("ann@cardea.test")
			h.signsIn(i)
			var paths []string
			var answer *flow.HookAnswer
			var fails error
			h.hook = func(path string, about flow.HookCall) (*flow.HookAnswer, error) {
				paths = append(paths, path)
				if about.Session == nil || about.Session.ID != uuid.Nil || about.Identity.ID != i.ID || about.Page.Flow.State != flow.PassedChallenge || string(about.Page.Flow.Transient) != "{}" {
					t.Errorf("%s was told %+v", path, about)
				}
				if path == "/gate" {
					return answer, fails
				}
				return &flow.HookAnswer{}, nil
			}
			g := h.guest(client)
			f := g.begin(flow.Login, "")

			answer = refuses()
			a := g.post(flow.Login, f, map[string]any{"method": "stub"})
			if a.Cookie != nil || !slices.Equal(messages(h.stored(f.ID)), []ui.MessageID{77}) || h.stored(f.ID).State != flow.ChooseMethod {
				t.Errorf("refused: %s, cookie %v, form %v", said(a), a.Cookie, messages(h.stored(f.ID)))
			}
			fails = broken()
			if a := g.post(flow.Login, f, map[string]any{"method": "stub"}); a.Cookie != nil || g.explained(a) != problem.Upstream {
				t.Errorf("failed: %s", said(a))
			}
			fails = problem.Internal(nil)
			want := map[string]string{page: "303 https://www.cardea.test/error?id=…", script: "500 error", native: "400 error"}[client]
			if a := g.post(flow.Login, f, map[string]any{"method": "stub"}); said(a) != want || client == native && a.Problem.Code != 500 {
				t.Errorf("failed: %s, want %s", said(a), want)
			}
			answer, fails = &flow.HookAnswer{Change: &flow.IdentityChange{State: identity.Inactive}}, nil
			if a := g.post(flow.Login, f, map[string]any{"method": "stub"}); a.Status >= 400 {
				t.Errorf("went on: %s", said(a))
			}
			want2 := []string{"/first", "/gate", "/first", "/gate", "/first", "/gate", "/first", "/gate", "/last"}
			if !slices.Equal(paths, want2) {
				t.Errorf("called %v", paths)
			}
			if stored, err := h.rows.Identity(t.Context(), i.ID); err != nil || stored.State != identity.Active {
				t.Errorf("a login changed the account: %v %v", stored, err)
			}
		})
	}
}

func TestARecoveryThatAHookRefusesLeavesNoSessionAndCanGoOn(t *testing.T) {
	for _, client := range clients {
		t.Run(client, func(t *testing.T) {
			h := newHouse(t, "selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, after: {hooks: ["+hookTo("/gate", ", can_interrupt: true")+"]}}}}")
			i := h.person("ann@cardea.test")
			h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
				return flow.Recovered{Identity: i.ID, Method: session.Method{Method: "code_recovery", AAL: session.AAL1}}, nil
			}
			h.hook = func(_ string, about flow.HookCall) (*flow.HookAnswer, error) {
				if about.Identity.ID != i.ID || about.Session != nil || about.Page.Flow.State != flow.PassedChallenge {
					t.Errorf("told %+v", about)
				}
				return refuses(), nil
			}
			g := h.guest(client)
			f := g.begin(flow.Recovery, "")
			a := g.post(flow.Recovery, f, map[string]any{"method": "stub"})
			if stored := h.stored(f.ID); a.Cookie != nil || stored.State != flow.ChooseMethod || !slices.Equal(messages(stored), []ui.MessageID{77}) {
				t.Errorf("refused: %s; the flow is in %s and says %v", said(a), stored.State, messages(stored))
			}
			h.hook = nil
			if a := g.post(flow.Recovery, f, map[string]any{"method": "stub"}); client != native && a.Cookie == nil {
				t.Errorf("went on: %s", said(a))
			}
		})
	}
}

func TestAVerificationIsToldOfOnceTheAddressIsProved(t *testing.T) {
	for _, client := range clients {
		t.Run(client, func(t *testing.T) {
			h := newHouse(t, "selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, after: {hooks: ["+hookTo("/told", "")+"]}}}}")
			i := identity.New(uuid.New(), "default", h.clock.Now())
			i.Traits = json.RawMessage(`{"email":"ann@cardea.test"}`)
			i.VerifiableAddresses = []identity.VerifiableAddress{{ID: uuid.New(), Value: "ann@cardea.test", Via: identity.Email, Status: identity.AddressPending, CreatedAt: h.clock.Now(), UpdatedAt: h.clock.Now()}}
			if err := h.rows.CreateIdentity(t.Context(), i); err != nil {
				t.Fatal(err)
			}
			h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
				return flow.AddressProved{Address: identity.Address{Value: "ann@cardea.test", Via: identity.Email}}, nil
			}
			called := 0
			h.hook = func(_ string, about flow.HookCall) (*flow.HookAnswer, error) {
				called++
				if !about.Identity.VerifiableAddresses[0].Verified {
					t.Error("the hook hears of an address that is not proved")
				}
				return nil, broken()
			}
			g := h.guest(client)
			a := g.post(flow.Verification, g.begin(flow.Verification, ""), map[string]any{"method": "stub"})
			if called != 1 || g.explained(a) != problem.Upstream {
				t.Errorf("%d calls, answered %s", called, said(a))
			}
		})
	}
}
