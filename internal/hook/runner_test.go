package hook_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/hook"
	"cardea/internal/identity"
	"cardea/internal/jsonnet"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// wire stands for the contract's JSON.
type wire struct{}

func (wire) Flow(*flow.Setup, *flow.Page) []byte                     { return []byte(`{"id":"f"}`) }
func (wire) Identity(*flow.Setup, *identity.Identity) []byte         { return []byte(`{"id":"i"}`) }
func (wire) Session(*flow.Setup, *session.Session, time.Time) []byte { return []byte(`{"id":"s"}`) }

// evaluator stands for Jsonnet: a program that is "error: X" raises X, "quote: X" fails and quotes X, "known" gives
// ctx itself, anything else is its own result.
type evaluator struct{}

func (evaluator) Evaluate(_ context.Context, p jsonnet.Program, v jsonnet.Vars) (json.RawMessage, error) {
	if raised, ok := strings.CutPrefix(p.Snippet, "error: "); ok {
		return nil, &jsonnet.Error{Kind: jsonnet.Runtime, Raised: true, Message: raised}
	}
	if quoted, ok := strings.CutPrefix(p.Snippet, "quote: "); ok {
		return nil, &jsonnet.Error{Kind: jsonnet.Runtime, Message: quoted}
	}
	if p.Snippet == "known" {
		return v.TLA["ctx"], nil
	}
	return json.RawMessage(p.Snippet), nil
}

// call is a request that arrived.
type call struct {
	method, path, body string
	header             http.Header
}

// target is a system that is called. answer is nil for an empty 200.
type target struct {
	*testing.T
	server *httptest.Server
	answer http.HandlerFunc

	mu    sync.Mutex
	calls []call
}

func newTarget(t *testing.T, answer http.HandlerFunc) *target {
	x := &target{T: t, answer: answer}
	x.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		x.mu.Lock()
		x.calls = append(x.calls, call{r.Method, r.URL.Path, string(body), r.Header})
		answer := x.answer
		x.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(x.server.Close)
	return x
}

// set makes the answer another from now on.
func (x *target) set(answer http.HandlerFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = answer
}

func (x *target) seen() []call {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.calls)
}

// runner calls with a clock on which no time passes.
func (x *target) runner(o fetch.Options) *hook.Runner {
	return hook.New(hook.Options{
		Load: func(_ context.Context, address string) ([]byte, error) {
			text, ok := strings.CutPrefix(address, "text:")
			if !ok {
				return nil, errors.New("there is nothing")
			}
			return []byte(text), nil
		},
		Jsonnet: evaluator{}, Wire: wire{}, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), Rand: rand.Reader,
		Client: func(*config.Snapshot) (hook.Doer, error) {
			o.Policy = fetch.Trusted
			return fetch.New(o)
		},
	})
}

func (x *target) settings(more string) json.RawMessage {
	if more != "" {
		more = ", " + more
	}
	return json.RawMessage(fmt.Sprintf(`{"url": %q, "method": "POST", "body": "text:{}"%s}`, x.server.URL+"/hook?key=canary", more))
}

func set() *flow.Setup { return &flow.Setup{Snapshot: &config.Snapshot{}} }

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestAnswersAreJudged(t *testing.T) {
	const (
		parse     = `"response": {"parse": true}`
		interrupt = `"can_interrupt": true`
		no        = `{"messages": [{"instance_ptr": "", "messages": [{"id": 1, "text": "no", "type": "error"}]}]}`
		other     = `{"identity": {"state": "inactive"}}`
	)
	for _, c := range []struct {
		name, settings  string
		status          int
		body            string
		want            int // status of the error; 0 for none
		refused, change bool
		calls           int
	}{
		{"plain 200", "", 200, "what ever", 0, false, false, 1},
		{"plain 204", "", 204, "", 0, false, false, 1},
		{"plain 304", "", 304, "", 0, false, false, 1},
		{"plain 400", "", 400, no, 502, false, false, 1},
		{"plain 501", "", 501, "", 502, false, false, 1},
		{"plain 500", "", 500, "", 500, false, false, 3},
		{"plain 429", "", 429, "", 500, false, false, 3},
		{"interrupt 200", interrupt, 200, other, 0, false, false, 1},
		{"interrupt 400", interrupt, 400, no, 0, true, false, 1},
		{"interrupt 501", interrupt, 501, no, 0, true, false, 1},
		{"interrupt 403 without messages", interrupt, 403, "no", 500, false, false, 1},
		{"interrupt 500 with messages", interrupt, 500, no, 500, false, false, 3},
		{"parse 200", parse, 200, other, 0, false, true, 1},
		{"parse 200 without an identity", parse, 200, "{}", 0, false, false, 1},
		{"parse 200 nonsense", parse, 200, "[1]", 500, false, false, 1},
		{"parse 201", parse, 201, other, 0, false, false, 1},
		{"parse 204", parse, 204, "", 0, false, false, 1},
		{"parse 422", parse, 422, no, 0, true, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTarget(t, answering(c.status, c.body))
			got, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(c.settings), flow.HookCall{})
			if n := len(x.seen()); n != c.calls {
				t.Errorf("%d attempts, want %d", n, c.calls)
			}
			if c.want != 0 {
				wantError(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (got.Refused != nil) != c.refused || (got.Change != nil) != c.change {
				t.Errorf("gave %+v", got)
			}
		})
	}
}

func wantError(t *testing.T, err error, status int) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Status != status {
		t.Fatalf("failed with %v, want status %d", err, status)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(p.Reason, "127.0.0.1") {
		t.Errorf("the error tells too much: %v", err)
	}
}

func TestWhatAHookIsTold(t *testing.T) {
	x := newTarget(t, nil)
	settings := json.RawMessage(fmt.Sprintf(`{"url": %q, "method": "PUT", "body": "text:known"}`, x.server.URL))
	r := x.runner(fetch.Options{})
	about := flow.HookCall{
		Method: "GET", URL: "http://id/x", Headers: map[string][]string{"Accept": {"a", "b"}}, Cookies: map[string]string{"c": "v"},
		Identity: &identity.Identity{}, Session: &session.Session{},
	}
	for _, c := range []struct {
		about flow.HookCall
		want  string
	}{
		{about, `{"flow":{"id":"f"},"identity":{"id":"i"},"session":{"id":"s"},"request_headers":{"Accept":["a","b"]},"request_method":"GET","request_url":"http://id/x","request_cookies":{"c":"v"}}`},
		{flow.HookCall{}, `{"flow":{"id":"f"},"request_headers":{},"request_method":"","request_url":"","request_cookies":{}}`},
	} {
		if _, err := r.Call(t.Context(), set(), settings, c.about); err != nil {
			t.Fatal(err)
		}
		calls := x.seen()
		if got := calls[len(calls)-1]; got.body != c.want || got.method != "PUT" {
			t.Errorf("%s %s, want PUT %s", got.method, got.body, c.want)
		}
	}
}

func TestARequestCarriesHeadersCredentialsAndItsIDs(t *testing.T) {
	for _, c := range []struct{ name, settings, header, want string }{
		{"JSON unless told otherwise", "", "Content-Type", "application/json"},
		{"own headers", `"headers": {"x-own": "1"}`, "X-Own", "1"},
		{"user and password", `"auth": {"type": "basic_auth", "config": {"user": "u", "password": "p"}}`, "Authorization", "Basic dTpw"},
		{"a key in a header", `"auth": {"type": "api_key", "config": {"name": "x-key", "value": "k", "in": "header"}}`, "X-Key", "k"},
		{"a key in a cookie", `"auth": {"type": "api_key", "config": {"name": "key", "value": "k", "in": "cookie"}}`, "Cookie", "key=k"},
		{"no ids", `"emit_analytics_event": false`, "Ory-Webhook-Trigger-Id", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTarget(t, nil)
			if _, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(c.settings), flow.HookCall{}); err != nil {
				t.Fatal(err)
			}
			if got := x.seen()[0].header.Get(c.header); got != c.want {
				t.Errorf("%s: %q, want %q", c.header, got, c.want)
			}
		})
	}
}

func TestAttemptsHaveIDsOfTheirOwnAndOneInCommon(t *testing.T) {
	x := newTarget(t, answering(503, ""))
	_, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(""), flow.HookCall{})
	wantError(t, err, 500)
	attempts, triggers := map[string]bool{}, map[string]bool{}
	for _, c := range x.seen() {
		attempts[c.header.Get("Ory-Webhook-Request-ID")], triggers[c.header.Get("Ory-Webhook-Trigger-ID")] = true, true
		if c.body != "{}" {
			t.Errorf("an attempt carried %q", c.body)
		}
	}
	if len(attempts) != 3 || len(triggers) != 1 || attempts[""] || triggers[""] {
		t.Errorf("requests %v of %v", attempts, triggers)
	}
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, settings, body string
		want                 int // status of the error; 0 for none
	}{
		{"a form", `"body": "text:{\"a\":\"b c&d\",\"e\":\"f\"}", "headers": {"Content-Type": "application/x-www-form-urlencoded"}`, "a=b+c%26d&e=f", 0},
		{"a form of no strings", `"body": "text:{\"a\":1}", "headers": {"Content-Type": "application/x-www-form-urlencoded"}`, "", 500},
		{"JSON with a charset", `"headers": {"content-type": "application/json; charset=utf-8"}`, "{}", 0},
		{"another type", `"headers": {"Content-Type": "text/plain"}`, "", 500},
		{"a program that raises", `"body": "text:error: canary"`, "", 500},
		{"no program", `"body": ""`, "", 500},
		{"a program that is nowhere", `"body": "file:///nowhere"`, "", 500},
		{"none for TRACE", `"method": "TRACE", "body": ""`, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTarget(t, nil)
			_, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(c.settings), flow.HookCall{})
			if c.want != 0 {
				wantError(t, err, c.want)
				if n := len(x.seen()); n != 0 {
					t.Errorf("%d calls were made", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := x.seen()[0].body; got != c.body {
				t.Errorf("sent %q, want %q", got, c.body)
			}
		})
	}
}

func TestAProgramThatCancelsSendsNothingAndIsNoFailure(t *testing.T) {
	x := newTarget(t, nil)
	got, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(`"body": "text:error: cancel"`), flow.HookCall{})
	if err != nil || got.Refused != nil || got.Change != nil || len(x.seen()) != 0 {
		t.Errorf("gave %+v, %v and called %d times", got, err, len(x.seen()))
	}
}

func TestAnAnswerThatDoesNotComeEndsInATimeout(t *testing.T) {
	over := make(chan struct{})
	x := newTarget(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	_, err := x.runner(fetch.Options{Timeout: 20 * time.Millisecond}).Call(t.Context(), set(), x.settings(""), flow.HookCall{})
	wantError(t, err, 504)
	if n := len(x.seen()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAClientThatLeavesEndsTheCall(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan struct{})
	x := newTarget(t, func(http.ResponseWriter, *http.Request) { leave(); <-over })
	defer close(over)
	_, err := x.runner(fetch.Options{}).Call(ctx, set(), x.settings(""), flow.HookCall{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("failed with %v", err)
	}
}

func TestNobodyThereIsAFailureAfterAllAttempts(t *testing.T) {
	x := newTarget(t, nil)
	x.server.Close()
	_, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(`"can_interrupt": true`), flow.HookCall{})
	wantError(t, err, 500)
}

func TestAnAnswerThatIsTooLargeIsAFailure(t *testing.T) {
	x := newTarget(t, answering(200, strings.Repeat(" ", 2000)))
	_, err := x.runner(fetch.Options{MaxBody: 1000}).Call(t.Context(), set(), x.settings(`"response": {"parse": true}`), flow.HookCall{})
	wantError(t, err, 500)
	if n := len(x.seen()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestARedirectToAPrivateAddressIsNotFollowed(t *testing.T) {
	private := newTarget(t, nil)
	x := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, private.server.URL, http.StatusFound)
	})
	_, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(""), flow.HookCall{})
	wantError(t, err, 500)
	if n := len(private.seen()); n != 0 {
		t.Errorf("%d requests reached it", n)
	}
}

func TestPrivateAddressesCanBeForbidden(t *testing.T) {
	x := newTarget(t, nil)
	_, err := x.runner(fetch.Options{DisallowPrivate: true}).Call(t.Context(), set(), x.settings(""), flow.HookCall{})
	wantError(t, err, 500)
	if n := len(x.seen()); n != 0 {
		t.Errorf("%d requests reached it", n)
	}
}

func TestARedirectThatDropsTheBodyIsNoSuccess(t *testing.T) {
	x := newTarget(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	})
	_, err := x.runner(fetch.Options{}).Call(t.Context(), set(), x.settings(""), flow.HookCall{})
	wantError(t, err, 502)
}
