package telemetry_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"cardea/internal/telemetry"
)

func TestALogBeginsAtItsLevel(t *testing.T) {
	for level, want := range map[string]int{"trace": 4, "debug": 4, "info": 3, "INFO": 3, "warning": 2, "error": 1, "fatal": 0, "panic": 0, "": 3} {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, level, "text")
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if got := strings.Count(out.String(), "msg=x"); got != want {
			t.Errorf("level %q: %d lines, want %d", level, got, want)
		}
	}
}

func TestALogCanBeJSON(t *testing.T) {
	var out bytes.Buffer
	telemetry.NewLogger(&out, "info", "json").Info("said", "key", "dsn")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "said" || line["key"] != "dsn" {
		t.Errorf("the line is %s (%v)", out.Bytes(), err)
	}
}

func TestRoutesAreCounted(t *testing.T) {
	m, other := telemetry.NewMetrics(), telemetry.NewMetrics()
	watch := m.Route("/sessions/whoami", "get")
	watch("200", .001)
	watch("200", .001)
	watch("401", .001)
	read := func(m *telemetry.Metrics) string {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Body.String()
	}
	for _, want := range []string{
		`http_requests_total{code="200",endpoint="/sessions/whoami",method="get"} 2`,
		`http_requests_total{code="401",endpoint="/sessions/whoami",method="get"} 1`,
		`http_requests_duration_seconds_count{endpoint="/sessions/whoami"} 3`,
		"go_goroutines",
	} {
		if !strings.Contains(read(m), want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(read(other), "/sessions/whoami") {
		t.Error("one server counts another server's requests")
	}
}

func TestMessagesAreCountedWithoutTheirRecipients(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Queued("login_code_valid", "email")
	m.Withheld("sms", "country")
	m.Settled("login_code_valid", "email", "failed")
	m.Settled("login_code_valid", "email", "sent")
	m.Delivered("email", .2)
	m.Delivered("email", 3)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	for _, want := range []string{
		`courier_messages_withheld_total{channel="sms",reason="country"} 1`,
		`courier_messages_queued_total{channel="email",template="login_code_valid"} 1`,
		`courier_attempts_total{channel="email",outcome="failed",template="login_code_valid"} 1`,
		`courier_attempts_total{channel="email",outcome="sent",template="login_code_valid"} 1`,
		`courier_delivery_duration_seconds_count{channel="email"} 2`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}
