package hook_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/hook"
	"cardea/internal/jsonnet"
)

// Programs that an operator should not have written.
const (
	endless = `function(ctx) local many = std.range(1, 1000); local spin(f) = std.foldl(function(a, b) f(b), many, 0);
		spin(function(a) spin(function(b) spin(function(c) spin(function(d) d))))`
	hungry     = `function(ctx) std.length(std.makeArray(2000000000, function(i) i))`
	bottomless = `function(ctx) local f(n) = 1 + f(n + 1); f(0)`
	wordy      = `function(ctx) std.repeat('x', 2000)`
	sound      = `function(ctx) {}`
)

// evaluating is a runner whose programs run in child processes, as they do in
// production, with a short time and little to say.
func (x *target) evaluating(o jsonnet.Options) *hook.Runner {
	x.Helper()
	pool, err := jsonnet.New(o)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = pool.Close() })
	return hook.New(hook.Options{
		Load:    func(_ context.Context, address string) ([]byte, error) { return []byte(address), nil },
		Jsonnet: pool, Wire: wire{}, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), Rand: rand.Reader,
		Client: func(*config.Snapshot) (hook.Doer, error) { return fetch.New(fetch.Options{Policy: fetch.Trusted}) },
	})
}

func (x *target) running(id, program, more string) json.RawMessage {
	body, _ := json.Marshal(program)
	return json.RawMessage(fmt.Sprintf(`{"id": %q, "url": %q, "method": "POST", "body": %s%s}`, id, x.server.URL, body, more))
}

func TestAProgramThatMisbehavesFailsItsHookAloneAndInTime(t *testing.T) {
	for name, c := range map[string]struct {
		program string
		options jsonnet.Options
		kind    jsonnet.Kind
	}{
		"it loops":             {endless, jsonnet.Options{Workers: 1, Timeout: 5 * time.Second, StartTimeout: time.Minute}, jsonnet.Timeout},
		"it eats memory":       {hungry, jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute}, jsonnet.Memory},
		"it calls itself":      {bottomless, jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute}, jsonnet.Runtime},
		"it prints too much":   {wordy, jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute, MaxOutput: 1000}, jsonnet.TooLarge},
		"it is no program":     {"{", jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute}, jsonnet.Syntax},
		"it wants other files": {"import '/etc/passwd'", jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute}, jsonnet.Syntax},
	} {
		for _, more := range []string{"", `, "response": {"parse": true}`, `, "response": {"ignore": true}`} {
			t.Run(name+more, func(t *testing.T) {
				t.Parallel()
				x := newTarget(t, answering(200, "{}"))
				r, set := x.evaluating(c.options), sealing(t)
				failed := x.callOrRun(r, set, x.running("greedy", c.program, more))
				var why *jsonnet.Error
				if !errors.As(failed, &why) || why.Kind != c.kind || !strings.Contains(failed.Error(), `"greedy"`) {
					t.Errorf("failed with %v, want %s of the hook that is named", failed, c.kind)
				}
				if n := len(x.seen()); n != 0 {
					t.Errorf("%d calls were made", n)
				}
				if strings.Contains(more, "ignore") && !errand.Final(failed) {
					t.Error("it will be tried again, and fail again")
				}
				if err := x.callOrRun(r, set, x.running("modest", sound, more)); err != nil || len(x.seen()) != 1 {
					t.Errorf("the next one: %v, %d calls", err, len(x.seen()))
				}
			})
		}
	}
}

// callOrRun waits for a hook, or runs it as the errand that it is.
func (x *target) callOrRun(r *hook.Runner, set *flow.Setup, settings json.RawMessage) error {
	x.Helper()
	if !strings.Contains(string(settings), `"ignore"`) {
		_, err := r.Call(x.Context(), set, settings, about(false))
		return err
	}
	e, err := r.Errand(set, settings, about(false))
	if err != nil {
		x.Fatal(err)
	}
	said, err := errand.Open(set.Keys, e.ID, e.Sealed)
	if err != nil {
		x.Fatal(err)
	}
	return r.Run(x.Context(), set, e, said)
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestAProgramThatLoopsHoldsUpNobodyElse(t *testing.T) {
	x := newTarget(t, nil)
	entry := func(id, program string) string {
		return fmt.Sprintf(`{hook: web_hook, config: {id: %s, url: %q, method: POST, body: "base64://%s"}}`, id, x.server.URL+"/"+id, base64.StdEncoding.EncodeToString([]byte(program)))
	}
	log := &buffer{}
	s := cardeatest.New(t, cardeatest.Options{Log: slog.New(slog.NewTextHandler(log, nil)), Config: "selfservice: {flows: {login: {after: {hooks: [" +
		entry("greedy", endless) + "]}}, registration: {after: {password: {hooks: [" + entry("modest", sound) + ", {hook: session}]}}}}}"})
	s.CreateIdentity(ann, cardeatest.Password)
	signIn := func(c *cardeatest.Client) *cardeatest.Answer {
		return c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
	}
	if a := signIn(s.Client(cardeatest.SPA)); a.Status != 500 || strings.Contains(string(a.Body), "greedy") {
		t.Errorf("the one whose hook loops: %d %s", a.Status, a.Body)
	}
	if said := log.String(); !strings.Contains(said, "greedy") || !strings.Contains(said, "ran out of time") {
		t.Errorf("the log does not say why: %s", said)
	}
	const many = 4
	var crowd sync.WaitGroup
	begun := make(chan struct{}, many)
	for range many {
		c := s.Client(cardeatest.Native)
		f := c.Start("login", "")
		crowd.Go(func() {
			begun <- struct{}{}
			f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
		})
	}
	for range many {
		<-begun
	}
	other := s.Client(cardeatest.Native)
	other.SignUp("bob@cardea.test", cardeatest.Password)
	if a := other.WhoAmI(); a.Status != 200 || len(x.seen()) != 1 {
		t.Errorf("somebody else: %d %s, %d calls", a.Status, a.Body, len(x.seen()))
	}
	crowd.Wait()
}
