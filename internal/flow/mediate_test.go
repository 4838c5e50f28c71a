package flow_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// mediating is a house with a provider that browsers can ask. Its tokens are the
// addresses of people.
func mediating(t *testing.T) *house {
	h := newHouse(t, "")
	people := map[string]*identity.Identity{"ann@cardea.test": h.person("ann@cardea.test")}
	step := flow.Of(flow.Typed[stubInput]{
		Spec:   flow.Spec{Kind: flow.Login, Method: "stub", Enabled: func(*flow.Setup) bool { return true }},
		Submit: func(context.Context, *flow.Exec, stubInput) (flow.Result, error) { return flow.Rejected{}, nil },
		Mediated: &flow.Mediated{
			Offers: func(*flow.Setup, flow.Realm) []flow.Mediator { return []flow.Mediator{{Provider: "acme"}} },
			Nonce:  func(string) string { return "" },
			Judge: func(_ context.Context, _ *flow.Exec, b flow.Brought) (flow.Result, error) {
				if b.Provider != "acme" || people[b.Token] == nil {
					return nil, problem.Forbidden("nobody")
				}
				return flow.Proved{Identity: people[b.Token], Method: session.Method{Method: "stub", AAL: session.AAL1}, Fresh: true}, nil
			},
		},
	})
	catalogue, err := ui.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	h.engine = flow.New(flow.Options{Store: h.rows, Clock: h.clock, Rand: rand.Reader, Catalogue: catalogue, Steps: []*flow.Step{step}, Hooks: target{h}})
	return h
}

// nonce asks for the parameters.
func (g *guest) nonce() string {
	g.Helper()
	m, ok := g.engine.Mediation(g.Context(), g.visit("", nil)).Body.(*flow.Mediation)
	if !ok || len(m.Mediators) != 1 {
		g.Fatalf("no nonce: %v", m)
	}
	return m.Mediators[0].Nonce
}

func (g *guest) bring(nonce, token string) *flow.Answer {
	g.Helper()
	return g.engine.Mediate(g.Context(), g.visit("", map[string]any{"nonce": nonce, "token": token}))
}

func TestANonceOfAMediatedSignInEnds(t *testing.T) {
	h := mediating(t)
	g := h.guest(script)
	early, late := g.nonce(), g.nonce()
	h.clock.Advance(30 * time.Minute)
	if a := g.bring(early, "ann@cardea.test"); a.Status != 200 {
		t.Errorf("at the very moment of its end: %s", said(a))
	}
	h.clock.Advance(time.Second)
	if a := g.bring(late, "ann@cardea.test"); said(a) != "410 "+string(problem.FlowExpired) {
		t.Errorf("after its end: %s", said(a))
	}
}

func TestANonceOfAMediatedSignInIsSpentOnce(t *testing.T) {
	h := mediating(t)
	g := h.guest(script)
	nonce := g.nonce()
	done := make(chan int, 8)
	for range cap(done) {
		v := g.visit("", map[string]any{"nonce": nonce, "token": "ann@cardea.test"})
		go func() { done <- h.engine.Mediate(h.Context(), v).Status }()
	}
	good := 0
	for range cap(done) {
		if <-done == 200 {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d of %d parallel tokens with one nonce signed somebody in", good, cap(done))
	}
}

func TestAHookThatRefusesAStartRefusesAMediatedOne(t *testing.T) {
	h := mediating(t)
	h.setup = compile(t, "selfservice: {flows: {login: {before: {hooks: [{hook: web_hook, config: {url: 'https://hook.test/before', method: POST, body: 'base64://e30=', response: {parse: true}}}]}}}}")
	h.hook = func(string, flow.HookCall) (*flow.HookAnswer, error) { return nil, problem.New(502, "no") }
	g := h.guest(script)
	if a := g.bring(g.nonce(), "ann@cardea.test"); a.Status == 200 {
		t.Errorf("answered %s", said(a))
	}
}
