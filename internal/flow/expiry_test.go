package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// visitor starts flows of a kind the way the kind wants it: signed in for settings.
func visitor(h *house, client string, k flow.Kind) *guest {
	g := h.guest(client)
	if k == flow.Settings {
		g.as(h.session(h.person(client+"@cardea.test"), session.AAL1))
	}
	return g
}

func TestAnExpiredFlowSaysWhereAFreshOneIs(t *testing.T) {
	// Section 6 of the HTTP reference: which of the answers carry an id.
	named := map[flow.Kind]map[flow.Type]bool{
		flow.Login:        {flow.Browser: true, flow.API: true},
		flow.Registration: {flow.Browser: true, flow.API: true},
		flow.Recovery:     {flow.API: true},
	}
	h := newHouse(t, "")
	for _, k := range kindsOfFlow {
		for _, client := range clients {
			t.Run(string(k)+"/"+client, func(t *testing.T) {
				g := visitor(h, client, k)
				f := g.begin(k, "return_to=https://app.cardea.test/inside/x")
				h.clock.Advance(f.ExpiresAt.Sub(h.clock.Now()))
				if a := g.fetch(k, f.ID); a.Status != 200 {
					t.Fatalf("at the very moment of its end: %q, want 200", said(a))
				}
				h.clock.Advance(time.Microsecond)
				a := g.fetch(k, f.ID)
				id := problem.ID("")
				if named[k][g.flowType()] {
					id = problem.FlowExpired
				}
				if a.Status != 410 || g.explained(a) != id {
					t.Fatalf("after its end: %q, want 410 with id %q", said(a), id)
				}
				init := "https://id.cardea.test/self-service/" + string(k)
				want := map[string]any{"redirect_to": init + "/browser?return_to=https%3A%2F%2Fapp.cardea.test%2Finside%2Fx", "return_to": "https://app.cardea.test/inside/x"}
				if client == native {
					want = map[string]any{"api": init + "/api"}
				}
				if diff := cmp.Diff(want, a.Problem.Details); diff != "" {
					t.Errorf("details (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestAnExpiredFlowIsReplacedWhenItIsSubmitted(t *testing.T) {
	expired := map[flow.Kind]ui.MessageID{
		flow.Login: ui.LoginFlowExpired, flow.Registration: ui.RegistrationFlowExpired, flow.Settings: ui.SettingsFlowExpired,
		flow.Recovery: ui.RecoveryFlowExpired, flow.Verification: ui.VerificationFlowExpired,
	}
	h := newHouse(t, "")
	for _, k := range kindsOfFlow {
		for _, client := range clients {
			t.Run(string(k)+"/"+client, func(t *testing.T) {
				g := visitor(h, client, k)
				old := g.begin(k, "return_to=https://app.cardea.test/inside/x")
				h.clock.Advance(10*time.Minute + time.Second)
				asked := false
				h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
					asked = true
					return flow.Rejected{}, nil
				}
				a := g.post(k, old, map[string]any{"method": "stub", "word": "x"})
				if asked {
					t.Error("the submission was judged")
				}
				switch want := said(a); {
				case client == page:
					if want != "303 https://www.cardea.test/"+string(k)+"?flow=…" {
						t.Fatalf("a page is answered %q", want)
					}
				case k == flow.Recovery || k == flow.Verification:
					if want != "303 https://id.cardea.test/self-service/"+string(k)+"/flows?id=…" {
						t.Fatalf("a client is answered %q", want)
					}
				default:
					if want != "410 self_service_flow_expired" {
						t.Fatalf("a client is answered %q", want)
					}
					wantTop := map[string]any{"expired_at": old.ExpiresAt, "since": time.Second.Nanoseconds(), "use_flow_id": g.flowOf(a).ID}
					if diff := cmp.Diff(wantTop, a.Problem.Top); diff != "" {
						t.Errorf("beside the error (-want +got):\n%s", diff)
					}
				}
				fresh := g.flowOf(a)
				if fresh.ID == old.ID || fresh.Type != old.Type || fresh.Kind != k || fresh.State != old.State {
					t.Errorf("the replacement is a %s %s in state %s", fresh.Type, fresh.Kind, fresh.State)
				}
				if fresh.RequestURL != old.RequestURL || fresh.ReturnTo != old.ReturnTo {
					t.Errorf("the replacement was asked for as %q to %q", fresh.RequestURL, fresh.ReturnTo)
				}
				if want := h.clock.Now().Add(10 * time.Minute); !fresh.ExpiresAt.Equal(want) {
					t.Errorf("the replacement ends at %s, want %s", fresh.ExpiresAt, want)
				}
				if diff := cmp.Diff([]ui.MessageID{expired[k]}, messages(fresh)); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				if a := g.fetch(k, fresh.ID); a.Status != 200 {
					t.Errorf("the client cannot read the replacement: %q", said(a))
				}
				h.submit = nil
				if a := g.post(k, fresh, map[string]any{"method": "stub", "word": "x"}); a.Status == 410 || g.flowOf(a).ID != fresh.ID {
					t.Errorf("the client cannot go on with the replacement: %q", said(a))
				}
			})
		}
	}
}

func TestTheReplacementOfALoginAsksForTheSameThing(t *testing.T) {
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	for _, client := range clients {
		g := h.guest(client).as(h.session(ann, session.AAL1))
		old := g.begin(flow.Login, "aal=aal2&refresh=true")
		h.clock.Advance(11 * time.Minute)
		fresh := g.flowOf(g.post(flow.Login, old, nil))
		if fresh == nil || fresh.ID == old.ID {
			t.Fatalf("%s: the flow was not replaced", client)
		}
		if !fresh.Refresh || fresh.RequestedAAL != session.AAL2 {
			t.Errorf("%s: the replacement asks for refresh %t and %s", client, fresh.Refresh, fresh.RequestedAAL)
		}
	}
}

func TestTheReplacementOfALoginGoesOnWithTheConfirmation(t *testing.T) {
	h := newHouse(t, "")
	for _, client := range clients {
		held := h.session(h.person(client+"@cardea.test"), session.AAL1)
		held.Methods[0].Holds = true
		g := h.guest(client).as(held)
		old := g.begin(flow.Login, "aal=aal2")
		old.Facts = flow.Confirming(held.IdentityID)
		if err := h.rows.Write(h.Context(), func(tx flow.Tx) error { return tx.UpdateFlow(old) }); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(11 * time.Minute)
		fresh := g.flowOf(g.post(flow.Login, old, nil))
		if fresh == nil || fresh.ID == old.ID || !g.flowOf(g.fetch(flow.Login, fresh.ID)).Confirms() {
			t.Errorf("%s: the replacement does not confirm the sign-in", client)
		}
	}
}

func TestSomebodyElsesExpiredSettingsStayClosed(t *testing.T) {
	h := newHouse(t, "")
	for _, client := range clients {
		ann := visitor(h, client, flow.Settings)
		old := ann.begin(flow.Settings, "")
		h.clock.Advance(11 * time.Minute)
		bob := h.guest(client).as(h.session(h.person("bob-"+client+"@cardea.test"), session.AAL1))
		if fresh := bob.flowOf(bob.post(flow.Settings, old, nil)); fresh != nil {
			if a := bob.fetch(flow.Settings, fresh.ID); a.Status == 200 {
				shown, _ := a.Body.(*flow.Page)
				if shown.Identity == nil || shown.Identity.ID != bob.session.IdentityID {
					t.Errorf("%s: one person reads the settings of another", client)
				}
			}
		}
	}
}
