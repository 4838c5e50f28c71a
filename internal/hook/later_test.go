package hook_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/hook"
	"cardea/internal/identity"
	"cardea/internal/secret"
)

// sealing is a configuration with secrets and hooks after a login.
func sealing(t *testing.T, hooks ...config.Hook) *flow.Setup {
	t.Helper()
	keys, err := secret.NewKeyring("a secret that is long enough")
	if err != nil {
		t.Fatal(err)
	}
	s := &config.Snapshot{}
	s.SelfService.Flows.Login.After.Hooks = hooks
	return &flow.Setup{Snapshot: s, Keys: keys}
}

// about is a journey of somebody.
func about(before bool) flow.HookCall {
	c := flow.HookCall{Page: &flow.Page{Flow: &flow.Flow{ID: uuid.New(), Kind: flow.Login}}, Before: before, Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	if !before {
		c.Identity = &identity.Identity{ID: uuid.New()}
	}
	return c
}

// makeErrand makes an errand and what it says.
func (x *target) makeErrand(r *hook.Runner, set *flow.Setup, more string, call flow.HookCall) (flow.Errand, []byte) {
	x.Helper()
	e, err := r.Errand(set, x.settings(more), call)
	if err != nil {
		x.Fatal(err)
	}
	said, err := errand.Open(set.Keys, e.ID, e.Sealed)
	if err != nil {
		x.Fatal(err)
	}
	return e, said
}

func TestACallThatNobodyWaitsForBecomesAnErrand(t *testing.T) {
	x := newTarget(t, nil)
	r, set := x.runner(fetch.Options{}), sealing(t)
	call := about(false)
	e, said := x.makeErrand(r, set, `"response": {"ignore": true}`, call)
	if e.Kind != flow.ErrandHook || e.Type != "login.after" || e.Subject != call.Identity.ID || e.Target != "web_hooks/"+x.server.URL {
		t.Errorf("made %+v", e)
	}
	if bytes.Contains(e.Sealed, []byte("canary")) || !bytes.Contains(said, []byte("canary")) {
		t.Error("what it says is not sealed")
	}
	if len(x.seen()) != 0 {
		t.Error("it was called at once")
	}
	start := about(true)
	if e, _ := x.makeErrand(r, set, `"id": "crm"`, start); e.Type != "login.before" || e.Subject != start.Page.Flow.ID || e.Target != "web_hooks/crm" {
		t.Errorf("at the start: made %+v", e)
	}
}

func TestEveryAttemptOfAnErrandSaysTheSameUnderTheSameID(t *testing.T) {
	x := newTarget(t, answering(503, ""))
	r, set := x.runner(fetch.Options{}), sealing(t)
	set.Cardea.WebHooks.Secrets = []config.WebhookSecret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	e, said := x.makeErrand(r, set, `"body": "text:known"`, about(false))
	for range 2 {
		if err := r.Run(t.Context(), set, e, said); err == nil || errand.Final(err) {
			t.Errorf("gave %v", err)
		}
	}
	all := x.seen()
	if len(all) != 2 {
		t.Fatalf("an attempt asks once, not %d times in two", len(all))
	}
	for _, h := range []string{"Webhook-Id", "Webhook-Signature", "Ory-Webhook-Trigger-Id"} {
		if all[0].header.Get(h) == "" || all[0].header.Get(h) != all[1].header.Get(h) {
			t.Errorf("%s is %q, then %q", h, all[0].header.Get(h), all[1].header.Get(h))
		}
	}
	if all[0].header.Get("Webhook-Id") != e.Event.String() || all[0].body != all[1].body || all[0].header.Get("Ory-Webhook-Request-Id") == all[1].header.Get("Ory-Webhook-Request-Id") {
		t.Errorf("said %q with %v, then %q with %v", all[0].body, all[0].header, all[1].body, all[1].header)
	}
	x.answer = nil
	if err := r.Run(t.Context(), set, e, said); err != nil {
		t.Error(err)
	}
}

func TestAnErrandIsRunAsItsHookIsConfiguredByNow(t *testing.T) {
	x := newTarget(t, nil)
	r := x.runner(fetch.Options{})
	e, said := x.makeErrand(r, sealing(t), `"id": "crm", "headers": {"X-Key": "old"}`, about(false))
	other := config.Hook{Name: "web_hook", Config: x.settings(`"id": "other"`)}
	for name, c := range map[string]struct {
		set  *flow.Setup
		want string
	}{
		"its credentials are new": {sealing(t, other, config.Hook{Name: "web_hook", Config: x.settings(`"id": "crm", "headers": {"X-Key": "new"}`)}), "new"},
		"it is gone":              {sealing(t, other), "old"},
	} {
		if err := r.Run(t.Context(), c.set, e, said); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all := x.seen()
		if got := all[len(all)-1].header.Get("X-Key"); got != c.want {
			t.Errorf("%s: called with the key %q", name, got)
		}
	}
}

func TestWhatNoFurtherAttemptWillChangeEndsAnErrand(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		options  fetch.Options
		answer   http.HandlerFunc
		final    bool
	}{
		"a program that fails":       {settings: `"id": "crm", "body": "text:error: no"`, final: true},
		"a forbidden address":        {settings: `"id": "crm"`, options: fetch.Options{DisallowPrivate: true}, final: true},
		"a program that is not here": {settings: `"id": "crm", "body": "gone"`},
		"a refusal":                  {settings: `"id": "crm"`, answer: answering(403, "no")},
		"a huge answer":              {settings: `"id": "crm"`, options: fetch.Options{MaxBody: 1000}, answer: answering(200, strings.Repeat(" ", 2000))},
		"no answer":                  {settings: `"id": "crm"`, options: fetch.Options{Timeout: 20 * time.Millisecond}, answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTarget(t, c.answer)
			r, set := x.runner(c.options), sealing(t)
			e, said := x.makeErrand(r, set, c.settings, about(false))
			err := r.Run(t.Context(), set, e, said)
			if err == nil || errand.Final(err) != c.final {
				t.Fatalf("gave %v, final: %v", err, errand.Final(err))
			}
			if !strings.Contains(err.Error(), `"crm"`) || strings.Contains(err.Error(), "canary") {
				t.Errorf("the error is %q: it does not name the hook, or too much", err)
			}
		})
	}
}

func TestAnErrandWhoseProgramCancelsIsDone(t *testing.T) {
	x := newTarget(t, nil)
	r, set := x.runner(fetch.Options{}), sealing(t)
	e, said := x.makeErrand(r, set, `"body": "text:error: cancel"`, about(false))
	if err := r.Run(t.Context(), set, e, said); err != nil || len(x.seen()) != 0 {
		t.Errorf("gave %v after %d calls", err, len(x.seen()))
	}
}

func TestWhatAnErrandSaysIsReadOrGivenUp(t *testing.T) {
	x := newTarget(t, nil)
	if err := x.runner(fetch.Options{}).Run(t.Context(), sealing(t), flow.Errand{}, []byte("{")); !errand.Final(err) {
		t.Errorf("gave %v", err)
	}
	if e := (&errand.FinalError{Cause: errNope}); !errors.Is(e, errNope) {
		t.Error("the cause is lost")
	}
}

var errNope = errors.New("nope")
