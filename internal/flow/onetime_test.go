package flow_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

func TestOnlyOneOfManySubmissionsUsesACodeUp(t *testing.T) {
	const digits, purpose = "123456", "stub"
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	g := h.guest(script)
	f := g.begin(flow.Login, "")
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
		return flow.Await{Effects: flow.Effects{Codes: &flow.Codes{
			Purpose: purpose, MaxAttempts: 100, ExpiresAt: x.Now.Add(time.Hour),
			List: []flow.Code{{Digits: digits, For: flow.CodeFor{Identity: ann.ID}}},
		}}}, nil
	}
	if a := g.post(flow.Login, f, stub); a.Status != 400 || a.Problem != nil {
		t.Fatalf("the code was not stored: %q", said(a))
	}
	const rivals = 16
	var mu sync.Mutex
	outcomes := map[flow.Outcome]int{}
	h.submit = func(ctx context.Context, x *flow.Exec, in stubInput) (flow.Result, error) {
		_, outcome, err := x.Consume(ctx, purpose, in.Code)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		outcomes[outcome]++
		mu.Unlock()
		if outcome != flow.Right {
			return flow.Deny(ui.New(ui.ValidationGeneric, "reason", "wrong")), nil
		}
		return accept(ann)(ctx, x, in)
	}
	var all sync.WaitGroup
	signedIn := make(chan bool, rivals)
	for range rivals {
		all.Go(func() {
			a := g.engine.Submit(t.Context(), flow.Login, g.visit("flow="+f.ID.String(), with(stub, "code", digits)))
			signedIn <- a.Cookie != nil
		})
	}
	all.Wait()
	close(signedIn)
	won := 0
	for in := range signedIn {
		if in {
			won++
		}
	}
	if won != 1 || outcomes[flow.Right] != 1 {
		t.Errorf("%d of %d submissions signed in with one code: %v", won, rivals, outcomes)
	}
}

func TestACodeCountsForItsFlowAndPurposeOnly(t *testing.T) {
	const digits = "123456"
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	g := h.guest(script)
	mine, other := g.begin(flow.Login, ""), g.begin(flow.Login, "")
	put := func(x *flow.Exec) flow.Result {
		return flow.Await{Effects: flow.Effects{Codes: &flow.Codes{
			Purpose: "stub", MaxAttempts: 3, ExpiresAt: x.Now.Add(time.Minute), List: []flow.Code{{Digits: digits, For: flow.CodeFor{Identity: ann.ID}}},
		}}}
	}
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) { return put(x), nil }
	g.post(flow.Login, mine, stub)
	var got flow.Outcome
	try := func(f *flow.Flow, purpose, code string) flow.Outcome {
		h.submit = func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
			var err error
			_, got, err = x.Consume(ctx, purpose, code)
			return flow.Rejected{}, err
		}
		g.post(flow.Login, f, stub)
		return got
	}
	for name, outcome := range map[string]flow.Outcome{
		"another flow":    try(other, "stub", digits),
		"another purpose": try(mine, "other", digits),
		"another code":    try(mine, "stub", "123457"),
	} {
		if outcome == flow.Right {
			t.Errorf("the code counts for %s", name)
		}
	}
	h.clock.Advance(time.Minute + time.Second)
	if try(mine, "stub", digits) == flow.Right {
		t.Error("the code counts after its end")
	}
	h.clock.Advance(-time.Minute)
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) { return put(x), nil }
	g.post(flow.Login, mine, stub)
	for range 3 {
		try(mine, "stub", "000000")
	}
	if last := try(mine, "stub", digits); last == flow.Right {
		t.Error("the code counts after too many attempts")
	}
}
