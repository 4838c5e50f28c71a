package flow_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/flow"
	"cardea/internal/ui"
)

// barred is a house in which a proof is due for nothing but what a test asks for, and in
// which submissions are counted that were looked at.
func barred(t *testing.T, more string) (*house, *int) {
	t.Helper()
	h := newHouse(t, "cardea: {captcha: {when: never, proof_of_work: {difficulty: 60, hardest: 1000}"+more+"}}\n")
	looked := 0
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		looked++
		return flow.Deny(ui.New(ui.ValidationCredentials)), nil
	}
	return h, &looked
}

// summon makes a flow ask for a proof.
func (g *guest) summon(k flow.Kind, f *flow.Flow, level int) {
	g.Helper()
	v := g.visit("flow="+f.ID.String(), map[string]any{})
	if a := g.engine.CallForProof(g.Context(), k, v, level); a.Status >= 500 || !slices.Contains(messages(g.stored(f.ID)), ui.CaptchaDue) {
		g.Fatalf("%s by %s: %s", k, g.kind, said(a))
	}
	g.keep(v)
}

// answer solves what the form asks for.
func (g *guest) answer(k flow.Kind, f *flow.Flow) string {
	g.Helper()
	page, ok := g.fetch(k, f.ID).Body.(*flow.Page)
	if !ok {
		g.Fatalf("%s by %s cannot be read", k, g.kind)
	}
	n := page.UI.Nodes.Find("captcha_altcha_options")
	if n == nil {
		g.Fatalf("%s by %s asks for no work", k, g.kind)
	}
	var options struct{ Challenge cardeatest.Work }
	text, _ := n.Value().(string)
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		g.Fatal(err)
	}
	return options.Challenge.Solve()
}

func proof(answer string) map[string]any {
	return with(stub, "transient_payload", map[string]any{"captcha_altcha_response": answer})
}

func TestWhoeverHasAReasonGetsAProofFromAnyFlow(t *testing.T) {
	h, looked := barred(t, "")
	for _, k := range kindsOfFlow {
		for _, client := range clients {
			g := visitor(h, client, k)
			f := g.begin(k, "")
			g.summon(k, f, 2)
			*looked = 0
			if g.post(k, f, stub); *looked != 0 || flow.IsHuman(g.stored(f.ID)) {
				t.Errorf("%s by %s: looked at without a proof", k, client)
			}
			if g.post(k, f, proof(g.answer(k, f))); *looked != 1 || !flow.IsHuman(g.stored(f.ID)) {
				t.Errorf("%s by %s: with a proof %d were looked at", k, client, *looked)
			}
			if g.post(k, f, stub); *looked != 2 {
				t.Errorf("%s by %s: the next submission needs a proof, too", k, client)
			}
		}
	}
}

func TestHooksDoNotSeeAnswers(t *testing.T) {
	h, _ := barred(t, "")
	var seen []string
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
		seen = append(seen, string(x.Flow.Transient))
		return flow.Deny(ui.New(ui.ValidationCredentials)), nil
	}
	g := visitor(h, script, flow.Login)
	f := g.begin(flow.Login, "")
	g.summon(flow.Login, f, 1)
	g.post(flow.Login, f, with(stub, "transient_payload", map[string]any{"captcha_altcha_response": g.answer(flow.Login, f), "captcha_turnstile_response": "for a hook", "a": 1}))
	g.summon(flow.Login, f, 1)
	g.post(flow.Login, f, proof(g.answer(flow.Login, f)))
	if want := []string{`{"a":1,"captcha_turnstile_response":"for a hook"}`, ""}; !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
}

func TestAChallengeExpires(t *testing.T) {
	h, looked := barred(t, "")
	g := visitor(h, native, flow.Login)
	f := g.begin(flow.Login, "")
	g.summon(flow.Login, f, 1)
	answer := g.answer(flow.Login, f)
	h.clock.Advance(10 * time.Minute)
	if g.post(flow.Login, f, proof(answer)); *looked != 0 || !slices.Contains(messages(g.stored(f.ID)), ui.ValidationCaptcha) {
		t.Errorf("an old answer: %d were looked at, %v", *looked, messages(g.stored(f.ID)))
	}
	if g.post(flow.Login, f, proof(g.answer(flow.Login, f))); *looked != 1 {
		t.Error("a new one is refused")
	}
}

func TestAProofForLessIsNoProofForMore(t *testing.T) {
	h, looked := barred(t, "")
	g := visitor(h, native, flow.Login)
	f := g.begin(flow.Login, "")
	g.summon(flow.Login, f, 1)
	easy := g.answer(flow.Login, f)
	g.summon(flow.Login, f, 3)
	if g.post(flow.Login, f, proof(easy)); *looked != 0 {
		t.Error("easy work counts for hard work")
	}
	if g.post(flow.Login, f, proof(g.answer(flow.Login, f))); *looked != 1 {
		t.Error("hard work is refused")
	}
	g.summon(flow.Login, f, 99) // more than there is
	if g.post(flow.Login, f, proof(g.answer(flow.Login, f))); *looked != 2 {
		t.Error("the hardest work is refused")
	}
}

func TestWhoCannotWorkWaitsOnceForEachSubmission(t *testing.T) {
	h, looked := barred(t, ", flows: {login: always}")
	h.setup = compile(t, "cardea: {captcha: {when: always, proof_of_work: {without_javascript: wait}}}\n")
	g := visitor(h, page, flow.Login)
	f := g.begin(flow.Login, "")
	for n := range 3 {
		g.post(flow.Login, f, stub)
		h.clock.Advance(29 * time.Second)
		if g.post(flow.Login, f, stub); *looked != n {
			t.Fatalf("submission %d came too early and was looked at", n+1)
		}
		h.clock.Advance(time.Second)
		if g.post(flow.Login, f, stub); *looked != n+1 {
			t.Fatalf("submission %d was not looked at after half a minute", n+1)
		}
	}
	h.setup = compile(t, "cardea: {captcha: {when: always}}\n")
	h.clock.Advance(time.Hour / 2)
	if g.post(flow.Login, f, stub); *looked != 3 {
		t.Error("waiting helps where the operator does not want it")
	}
}
