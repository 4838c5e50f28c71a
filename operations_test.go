package cardea_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/telemetry"
)

// scrape reads the metrics of a server.
func scrape(t *testing.T, s *cardeatest.Server) string {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/metrics/prometheus")
	if a.Status != 200 {
		t.Fatalf("the metrics are answered %d", a.Status)
	}
	return string(a.Body)
}

// busy is a server that has done a little of everything that is counted.
func busy(t *testing.T, o cardeatest.Options) *cardeatest.Server {
	t.Helper()
	o.Background = true
	o.Config += "\nselfservice: {flows: {recovery: {enabled: true}}}\ncourier: {smtp: {connection_uri: 'smtp://127.0.0.1:1/'}}"
	s := cardeatest.New(t, o)
	person := s.Client(cardeatest.Native)
	up := person.Start("registration", "")
	in := up.Submit(map[string]any{"method": "password", "traits.email": "counted@cardea.test", "password": cardeatest.Password})
	person.Token = in.Text("session_token")
	person.WhoAmI()
	again := s.Client(cardeatest.Native).Start("login", "")
	again.Submit(map[string]any{"method": "password", "identifier": "counted@cardea.test", "password": "wrong-" + cardeatest.Password})
	s.Client(cardeatest.Native).Start("recovery", "").Submit(map[string]any{"method": "code", "email": "counted@cardea.test"})
	person.Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": person.Token})
	return s
}

func TestWhatGoesOnIsCounted(t *testing.T) {
	text := scrape(t, busy(t, cardeatest.Options{}))
	for _, want := range []string{
		`http_requests_total{code="200",endpoint="/self-service/registration",method="post"} 1`,
		`http_requests_statuses_total{status_bucket="4xx"} 1`,
		`cardea_flows_total{flow="login",outcome="started"} 1`,
		`cardea_submissions_total{flow="registration",method="password",outcome="succeeded"} 1`,
		`cardea_submissions_total{flow="login",method="password",outcome="rejected"} 1`,
		`cardea_submissions_total{flow="recovery",method="code",outcome="continued"} 1`,
		`cardea_hashes_total{outcome="done"} 2`, `cardea_hashes_total{outcome="refused"} 0`, `cardea_hash_wait_seconds_count 2`, `cardea_hash_work_seconds_count 2`,
		`cardea_hash_queue 0`, `cardea_hash_threads_busy 0`,
		`cardea_sessions_issued_total 1`, `cardea_sessions_ended_total{reason="revoked"} 1`, `cardea_sessions_ended_total{reason="displaced"} 0`,
		`cardea_database_connections{pool="reads",state="in_use"}`, `cardea_database_connections{pool="writes",state="idle"}`, `cardea_database_waits_total{pool="reads"}`,
		`courier_messages_queued_total{channel="email",template="recovery_code_valid"} 1`, `courier_messages{state="waiting"} 1`, `cardea_deliveries{state="dead"} 0`,
		`cardea_config_reloads_total{result="refused"} 0`, `cardea_build_info{`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	looked := regexp.MustCompile(`cardea_session_lookups_total\{source="[a-z]+"\} [1-9]`)
	if !looked.MatchString(text) {
		t.Error("nobody counts who-am-I by where the answer comes from")
	}
}

func TestWhatClientsAskForNeverBecomesALabel(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	c := s.Client(cardeatest.Native)
	c.Get("/schemas")
	c.Get("/canary-page")
	c.Get(s.AdminURL + "/canary-page")
	before := strings.Count(scrape(t, s), "\n")
	for _, path := range []string{"/canary-1", "/canary-2?x=canary", "/sessions/canary-3", "/schemas/canary-4", "/self-service/canary-5/browser", "/identities/canary-6/canary"} {
		for _, method := range []string{"GET", "CANARY-7", "DELETE"} {
			c.Do(method, path, nil)
			c.Do(method, s.AdminURL+path, nil)
		}
	}
	c.Do("POST", "/self-service/login?flow=canary-8", map[string]string{"method": "canary-9"})
	c.Header = http.Header{"X-Request-Id": {"canary-10"}, "User-Agent": {"canary-11"}}
	c.Get("/sessions/whoami")
	text := scrape(t, s)
	if i := strings.Index(strings.ToLower(text), "canary"); i >= 0 {
		t.Errorf("a client has named a series: %.200s", text[max(0, i-100):])
	}
	for _, want := range []string{
		`http_requests_total{code="403",endpoint="(none)",method="delete"}`, `http_requests_total{code="404",endpoint="(none)",method="get"}`,
		`http_requests_total{code="403",endpoint="(none)",method="other"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing: what no route takes is not counted", want)
		}
	}
	// Statuses of routes that were asked for the first time are new; paths are not.
	if after := strings.Count(text, "\n"); after > before+120 {
		t.Errorf("%d lines have become %d", before, after)
	}
}

func TestEveryMetricOfTheDashboardIsThere(t *testing.T) {
	raw, err := os.ReadFile("docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	c := newCollector(t)
	s := busy(t, cardeatest.Options{Config: c.config()})
	text := scrape(t, s)
	for end := time.Now().Add(time.Minute); !strings.Contains(text, "courier_attempts_total") && time.Now().Before(end); text = scrape(t, s) {
		time.Sleep(20 * time.Millisecond) // the message is on its way
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
		if m[2] == "histogram" {
			named[m[1]+"_bucket"], named[m[1]+"_sum"], named[m[1]+"_count"] = true, true, true
		}
	}
	metric := regexp.MustCompile(`\b(?:cardea|courier|http_requests|go|process)_[a-z_]+\b`)
	checked := 0
	for _, expression := range expressions(dashboard) {
		// What stands in braces and after "by" are labels.
		bare := regexp.MustCompile(`\{[^}]*\}|by ?\([^)]*\)`).ReplaceAllString(expression, "")
		for _, name := range metric.FindAllString(bare, -1) {
			checked++
			if !named[name] {
				t.Errorf("the dashboard asks for %s, which nobody counts: %s", name, expression)
			}
		}
	}
	if checked < 20 {
		t.Errorf("the dashboard asks for %d metrics only", checked)
	}
}

// expressions are the queries in a dashboard.
func expressions(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			all = append(all, expressions(each)...)
		}
	case map[string]any:
		for key, each := range v {
			if text, ok := each.(string); ok && key == "expr" {
				all = append(all, text)
			}
			all = append(all, expressions(each)...)
		}
	}
	return all
}

// lines are those of a log in JSON that say one thing.
func lines(t *testing.T, log *logbook, msg string) (all []map[string]any) {
	t.Helper()
	for raw := range bytes.Lines([]byte(log.String())) {
		var line map[string]any
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatalf("a line is no JSON: %s", raw)
		}
		if line["msg"] == msg {
			all = append(all, line)
		}
	}
	return all
}

func TestSubmissionsAreLoggedWithTheirOutcome(t *testing.T) {
	log := &logbook{}
	s := cardeatest.New(t, cardeatest.Options{Log: telemetry.NewLogger(log, "info", "json")})
	c := s.Client(cardeatest.Native)
	up := c.Start("registration", "")
	c.Header = http.Header{"X-Request-Id": {"the-name-of-a-proxy"}}
	c.Token = up.Submit(map[string]any{"method": "password", "traits.email": "logged@cardea.test", "password": cardeatest.Password}).Text("session_token")
	c.WhoAmI()
	c.Header = http.Header{"X-Request-Id": {"not acceptable"}}
	c.Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": c.Token})
	all := lines(t, log, "request")
	if len(all) != 2 {
		t.Fatalf("%d requests are logged, want those two that change something: %v", len(all), all)
	}
	for key, want := range map[string]any{
		"request_id": "the-name-of-a-proxy", "method": "POST", "route": "/self-service/registration", "status": 200.0,
		"flow": "registration", "by": "password", "outcome": "succeeded", "level": "INFO",
	} {
		if all[0][key] != want {
			t.Errorf("%s of a sign-up is %v, want %v", key, all[0][key], want)
		}
	}
	if _, ok := all[0]["took_ms"].(float64); !ok {
		t.Error("how long it took is not said")
	}
	if id, _ := all[1]["request_id"].(string); len(id) != 24 || all[1]["status"] != 204.0 {
		t.Errorf("a sign-out is logged as %v", all[1])
	}
}

func TestWhichRequestsAreLogged(t *testing.T) {
	for setting, want := range map[string][]string{
		"cardea: {log: {requests: none}}": nil,
		"cardea: {log: {requests: all}}":  {"/health/alive", "/sessions/whoami", "/schemas"},
		"{cardea: {log: {requests: all}}, serve: {public: {request_log: {disable_for_health: true}}}}": {"/sessions/whoami", "/schemas"},
	} {
		log := &logbook{}
		s := cardeatest.New(t, cardeatest.Options{Log: telemetry.NewLogger(log, "info", "json"), Config: setting})
		c := s.Client(cardeatest.Native)
		for _, path := range []string{"/health/alive", "/sessions/whoami", "/schemas"} {
			c.Get(path)
		}
		var got []string
		for _, line := range lines(t, log, "request") {
			if line["request_id"] == "" || line["request_id"] == nil {
				t.Errorf("%s: %v has no name", setting, line)
			}
			got = append(got, line["route"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: logged are %v, want %v", setting, got, want)
		}
	}
}

func TestATroubleIsLoggedWithItsRequestAndTrace(t *testing.T) {
	log, c := &logbook{}, newCollector(t)
	s := cardeatest.New(t, cardeatest.Options{Log: slog.New(telemetry.InContext(slog.NewJSONHandler(log, nil))), Config: c.config()})
	if err := s.App.Close(); err != nil {
		t.Fatal(err)
	}
	client := s.Client(cardeatest.Native)
	client.Header = http.Header{"X-Request-Id": {"in-trouble"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	client.Get("/self-service/login/api")
	all := lines(t, log, "request failed")
	if len(all) == 0 || all[0]["request_id"] != "in-trouble" || all[0]["trace_id"] != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the trouble is logged as %v", all)
	}
}

func TestProfilesAreServedOnlyWhereTheyAreAskedFor(t *testing.T) {
	for config, want := range map[string]int{"": 404, "cardea: {admin: {pprof: false}}": 404, "cardea: {admin: {pprof: true}}": 200} {
		s := cardeatest.New(t, cardeatest.Options{Config: config})
		c := s.Client(cardeatest.Native)
		for _, path := range []string{"/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/admin/debug/pprof/symbol"} {
			if a := c.Get(s.AdminURL + path); a.Status != want {
				t.Errorf("%q: %s answers %d, want %d", config, path, a.Status, want)
			}
			if a := c.Get(path); a.Status == 200 {
				t.Errorf("%q: the public port serves %s", config, path)
			}
		}
		for _, path := range []string{"/debug/pprof/cmdline", "/debug/pprof/canary", "/debug/pprof/"} {
			if a := c.Get(s.AdminURL + path); a.Status != 404 {
				t.Errorf("%q: %s answers %d", config, path, a.Status)
			}
		}
	}
}

func TestProfilesTakeAKeyWhereThePortIsGuarded(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: "{cardea: {admin: {pprof: true}}, serve: {admin: {host: 0.0.0.0}}}"})
	if a := s.Client(cardeatest.Native).Get(s.AdminURL + "/debug/pprof/heap"); a.Status != 401 {
		t.Errorf("without a key the profile is answered %d", a.Status)
	}
}

func TestOperatorsAreToldWhatIsInTheWay(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	c := s.Client(cardeatest.Native)
	for _, url := range []string{"/health/ready", s.AdminURL + "/health/ready"} {
		if a := c.Get(url); a.Status != 200 || strings.TrimSpace(string(a.Body)) != `{"status":"ok"}` {
			t.Errorf("%s answers %d %s", url, a.Status, a.Body)
		}
	}
	if err := s.App.Close(); err != nil {
		t.Fatal(err)
	}
	var told struct {
		Error struct {
			Reason  string `json:"reason"`
			Details struct {
				Checks map[string]string `json:"checks"`
			} `json:"details"`
		} `json:"error"`
	}
	a := c.Get(s.AdminURL + "/health/ready")
	if err := json.Unmarshal(a.Body, &told); err != nil || a.Status != 503 || a.Header.Get("Retry-After") == "" {
		t.Fatalf("without its database the server answers %d %s", a.Status, a.Body)
	}
	checks := told.Error.Details.Checks
	if checks["process"] != "ok" || checks["database"] == "ok" || checks["database"] == "" || told.Error.Reason != checks["database"] {
		t.Errorf("operators are told %s", a.Body)
	}
	if a := c.Get("/health/ready"); a.Status != 503 || strings.Contains(string(a.Body), "checks") || strings.Contains(strings.ToLower(string(a.Body)), "database") {
		t.Errorf("everybody is told %d %s", a.Status, a.Body)
	}
}
