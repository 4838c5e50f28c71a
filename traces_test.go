package cardea_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/cardeatest"
)

// span is what a collector is told of a step.
type span struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	Parent     string `json:"parentSpanId"`
	Name       string `json:"name"`
	Kind       int    `json:"kind"`
	Attributes []struct {
		Key   string            `json:"key"`
		Value map[string]string `json:"value"`
	} `json:"attributes"`
	Status struct {
		Code int `json:"code"`
	} `json:"status"`
}

// attribute is a word or number of a span, "" for none.
func (s span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value["stringValue"] + a.Value["intValue"]
		}
	}
	return ""
}

// collector takes traces as OTLP over HTTP.
type collector struct {
	*httptest.Server
	came chan struct{} // that there are more spans

	mu     sync.Mutex
	spans  []span
	raw    strings.Builder
	header http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{came: make(chan struct{}, 1)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []span `json:"spans"`
				} `json:"scopeSpans"`
			} `json:"resourceSpans"`
		}
		if err != nil || r.Method != "POST" || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &sent) != nil {
			t.Errorf("the collector is sent %s %s %s: %.300s (%v)", r.Method, r.URL, r.Header.Get("Content-Type"), body, err)
			w.WriteHeader(400)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.header = r.Header.Clone()
		c.raw.Write(body)
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		c.more()
	}))
	t.Cleanup(c.Close)
	return c
}

// config is the part of a server's configuration that sends traces here.
func (c *collector) config() string {
	return fmt.Sprintf("tracing: {provider: otel, service_name: cardea-test, providers: {otlp: {server_url: %q, insecure: true, authorization_header: Bearer of-the-collector}}}\n",
		strings.TrimPrefix(c.URL, "http://"))
}

// whole waits for all spans of a trace: until its first step, which ends last, is here.
func (c *collector) whole(t *testing.T, traceID, root string) []span {
	t.Helper()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for {
		select {
		case <-c.came:
		case <-patience.C:
			t.Fatalf("the trace %s has not arrived", traceID)
		}
		c.mu.Lock()
		var all []span
		ended := false
		for _, s := range c.spans {
			if s.TraceID == traceID {
				all = append(all, s)
				ended = ended || s.Name == root
			}
		}
		c.mu.Unlock()
		if ended {
			c.more()
			return all
		}
	}
}

// more says that there are spans to look at.
func (c *collector) more() {
	select {
	case c.came <- struct{}{}:
	default: // it was said already
	}
}

// TestATraceShowsEveryStepOfASignUp calls a hook that takes no body, because bodies are
// made by a program that is not here.
func TestATraceShowsEveryStepOfASignUp(t *testing.T) {
	c := newCollector(t)
	var heard string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard = r.Header.Get("Traceparent")
	}))
	t.Cleanup(hook.Close)
	log := &logbook{}
	s := cardeatest.New(t, cardeatest.Options{Log: slog.New(slog.NewJSONHandler(log, nil)), Background: true, Config: c.config() + fmt.Sprintf(`
selfservice: {flows: {registration: {after: {password: {hooks: [
  {hook: web_hook, config: {url: %q, method: TRACE}}, {hook: session}]}}}}}`, hook.URL)})
	person := s.Client(cardeatest.Native)
	up := person.Start("registration", "")
	const traceID, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	person.Header = http.Header{"Traceparent": {"00-" + traceID + "-" + caller + "-01"}}
	if a := up.Submit(map[string]any{"method": "password", "traits.email": "traced@cardea.test", "password": cardeatest.Password}); a.Status != 200 {
		t.Fatalf("the sign-up is answered %d %s; %s", a.Status, a.Body, log)
	}
	spans := c.whole(t, traceID, "POST /self-service/registration")
	byName := map[string]span{}
	for _, one := range spans {
		byName[one.Name] = one
	}
	// inside is each step, by the step that it is inside of.
	for name, inside := range map[string]string{
		"submit registration": "POST /self-service/registration", "step password": "submit registration", "web hook": "submit registration",
		"HTTP _OTHER": "web hook", "database transaction": "submit registration", "database statement": "database transaction",
	} {
		found := slices.ContainsFunc(spans, func(one span) bool { return one.Name == name && one.Parent == byName[inside].SpanID })
		if !found || byName[inside].SpanID == "" {
			t.Errorf("there is no %q inside %q", name, inside)
		}
	}
	if byName["password hash"].SpanID == "" {
		t.Error("the hash is no step")
	}
	root := byName["POST /self-service/registration"]
	if root.Parent != caller || root.Kind != 2 || root.attribute("http.route") != "/self-service/registration" || root.attribute("http.response.status_code") != "200" {
		t.Errorf("the request is %+v", root)
	}
	if flow := byName["submit registration"]; flow.attribute("cardea.outcome") != "succeeded" || flow.attribute("cardea.method") != "password" {
		t.Errorf("the submission is %+v", flow)
	}
	if want := "00-" + traceID + "-" + byName["HTTP _OTHER"].SpanID + "-01"; heard != want {
		t.Errorf("the hook hears of the trace %s, want %s", heard, want)
	}
	if c.header.Get("Authorization") != "Bearer of-the-collector" || !strings.Contains(c.raw.String(), `{"key":"service.name","value":{"stringValue":"cardea-test"}}`) {
		t.Errorf("the collector does not learn who sends: %v", c.header)
	}
}

func TestNoSecretAndNobodyIsInATrace(t *testing.T) {
	const wrong = "wrong-Wombats-of-the-canary-88"
	c := newCollector(t)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	s := cardeatest.New(t, cardeatest.Options{Background: true, Config: c.config() + fmt.Sprintf(`
selfservice: {flows: {verification: {enabled: true}, recovery: {enabled: true}, registration: {after: {password: {hooks: [
  {hook: web_hook, config: {url: %q, method: TRACE}}, {hook: session}]}}}}}`, hook.URL+"/key-in-a-path?token=token-of-a-hook")})
	found := secrets{}
	found.add("path of a hook", "key-in-a-path")
	found.add("token of a hook", "token-of-a-hook")
	found.add("password", cardeatest.Password)
	found.add("wrong password", wrong)
	found.add("wrong code", "135797")
	for _, kind := range cardeatest.Kinds {
		email := "canary-" + string(kind) + "@cardea.test"
		found.add("address "+string(kind), email)
		found.add("local part "+string(kind), "canary-"+string(kind))
		person := s.Client(kind)
		up := person.Start("registration", "return_session_token_exchange_code=true")
		found.of(up.Answer)
		in := found.of(up.Submit(map[string]any{"method": "password", "traits.email": email, "password": cardeatest.Password}))
		if kind == cardeatest.Native {
			person.Token = in.Text("session_token")
		}
		found.of(person.WhoAmI())
		again := person.Start("login", "refresh=true")
		found.of(again.Answer)
		found.of(again.Form(again.Submit(map[string]any{"method": "password", "identifier": email, "password": wrong})))
		found.of(again.Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password}))
		stranger := s.Client(kind).Start("recovery", "")
		found.of(stranger.Answer)
		found.of(stranger.Submit(map[string]any{"method": "code", "email": email}))
		found.of(stranger.Submit(map[string]any{"method": "code", "code": "135797"}))
	}
	mails := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/courier/messages?page_size=100")
	for _, code := range regexp.MustCompile(`\b[0-9]{6}\b`).FindAllString(string(mails.Body), -1) {
		found.add("code", code)
	}
	last := s.Client(cardeatest.Native)
	last.Header = http.Header{"Traceparent": {"00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b7ad6b7169203331-01"}}
	last.Get("/schemas")
	c.whole(t, strings.Repeat("a", 32), "GET /schemas") // what came before has arrived
	if len(found) < 20 || len(c.spans) < 100 {
		t.Fatalf("%d secrets and %d spans: this test proves nothing", len(found), len(c.spans))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for what, value := range found {
		for _, spelling := range []string{value, url.QueryEscape(value)} {
			if whole, err := regexp.MatchString(`(^|[^0-9A-Za-z])`+regexp.QuoteMeta(spelling)+`($|[^0-9A-Za-z])`, c.raw.String()); err != nil || whole {
				t.Errorf("a trace holds a %s (%v)", what, err)
			}
		}
	}
}

func TestNothingIsTracedUnlessSomebodyAsksForIt(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	var got string
	answer := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/metrics/prometheus")
	if got = string(answer.Body); answer.Status != 200 || strings.Contains(got, "cardea_trace_spans_total") {
		t.Errorf("without a collector there are metrics of traces (%d)", answer.Status)
	}
}
