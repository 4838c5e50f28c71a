package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// values decodes an answer of one JSON value per line.
func (a answer) values(t *testing.T) (all []map[string]any) {
	t.Helper()
	if a.Code != 200 || a.Header().Get("Content-Type") != lineType {
		t.Fatalf("%d %v %s", a.Code, a.Header(), a.Body)
	}
	for line := range strings.Lines(a.Body.String()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, v)
	}
	return all
}

// outcomes shortens a report: what became of each line, and the summary.
func (a answer) outcomes(t *testing.T) (lines []string, summary string) {
	t.Helper()
	for _, v := range a.values(t) {
		if s, ok := v["summary"].(map[string]any); ok {
			summary = fmt.Sprint(s["lines"], " lines, ", s["created"], " created, ", s["failed"], " failed, complete ", s["complete"])
			continue
		}
		line := fmt.Sprint(v["line"], " ", v["action"])
		if failure, ok := v["error"].(map[string]any); ok {
			line += fmt.Sprint(" ", failure["code"])
		}
		lines = append(lines, line)
	}
	return lines, summary
}

func line(email string) string { return `{"traits":{"email":"` + email + `"}}` + "\n" }

func (d *desk) imports(query, body string) answer {
	d.t.Helper()
	return d.send(newRequest("POST", "/admin/identities:import"+query, lineType, body))
}

func (d *desk) population() int {
	d.t.Helper()
	return len(d.send(newRequest("GET", "/admin/identities:export", "", "")).values(d.t))
}

func TestImportReportsOnEveryLine(t *testing.T) {
	d := newDesk(t)
	d.person("taken@example.test")
	body := line("a@example.test") + "\n" + line("TAKEN@example.test") + line("nope") + `{"traits":` + "\n" + `{"colour":1}` + "\n" + `[]` + "\n" +
		line("b@example.test") + line("a@example.test") + "\xff\n" + strings.TrimSuffix(line("c@example.test"), "\n")
	want := []string{"1 create", "3 error 409", "4 error 400", "5 error 400", "6 error 400", "7 error 400", "8 create", "9 error 409", "10 error 400", "11 create"}
	for _, tc := range []struct {
		query string
		after int
	}{{"?dry_run=true", 1}, {"", 4}} {
		lines, summary := d.imports(tc.query, body).outcomes(t)
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("%q: %s", tc.query, diff)
		}
		if summary != "11 lines, 3 created, 7 failed, complete true" {
			t.Errorf("%q: %s", tc.query, summary)
		}
		if n := d.population(); n != tc.after {
			t.Errorf("%q leaves %d identities, want %d", tc.query, n, tc.after)
		}
	}
}

func TestImportReportsOnFailuresOnly(t *testing.T) {
	d := newDesk(t)
	lines, summary := d.imports("?report=failures", line("a@example.test")+line("nope")).outcomes(t)
	if diff := cmp.Diff([]string{"2 error 400"}, lines); diff != "" || summary != "2 lines, 1 created, 1 failed, complete true" {
		t.Errorf("%s %s", diff, summary)
	}
}

func TestImportRefuses(t *testing.T) {
	d := newDesk(t)
	for _, query := range []string{"?dry_run=perhaps", "?report=none"} {
		if a := d.imports(query, line("a@example.test")); a.Code != 400 {
			t.Errorf("%s: %d", query, a.Code)
		}
	}
	for about, text := range map[string]string{
		"a long line":           `{"traits":{"email":"x@example.test","secret":"` + strings.Repeat("x", maxLine) + `"}}`,
		"a deep line":           `{"metadata_admin":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		"a zero character":      `{"traits":{"email":"x@example.test","secret":"\u0000"}}`,
		"an id that is none":    `{"id":"x","traits":{"email":"x@example.test"}}`,
		"a costly hash":         `{"traits":{"email":"x@example.test"},"credentials":{"password":{"config":{"hashed_password":"$argon2id$v=19$m=99999999,t=99,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"}}}}`,
		"credentials of a list": `{"traits":{"email":"x@example.test"},"credentials":[]}`,
	} {
		lines, summary := d.imports("", text+"\n"+line("good@example.test")).outcomes(t)
		if diff := cmp.Diff([]string{"1 error 400", "2 create"}, lines); diff != "" || summary != "2 lines, 1 created, 1 failed, complete true" {
			t.Errorf("%s: %s %s", about, diff, summary)
		}
		id := d.found(map[string][]string{"trait[email]": {"good@example.test"}})[0]
		d.want(204, "DELETE", "/admin/identities/"+id, "")
	}
}

// TestAnExportCanBeImported moves everybody to another installation: ids, days of
// creation, proofs and credentials come along.
func TestAnExportCanBeImported(t *testing.T) {
	d := newDesk(t)
	d.person("plain@example.test")
	d.want(201, "POST", "/admin/identities", `{"schema_id":"other","state":"inactive","external_id":"x1","organization_id":"`+unknownID+`",
		"traits":{"email":"full@example.test","name":{"last":"<&>"}},"metadata_public":{"a":1.50},"metadata_admin":[null],
		"verifiable_addresses":[{"value":"full@example.test","via":"email","verified":true,"status":"completed"}],
		"credentials":{"password":{"config":{"hashed_password":"$2a$04$xBkXLBpdQoU7DH0bGdUGn.K0eDuI8YWT02yUEV3EsVCrQPRyyTDNW"}},"totp":{"config":{"totp_url":"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}},
			"lookup_secret":{"config":{"codes":[{"code":"one"},{"code":"two","used_at":"2026-01-01T00:00:00Z"}]}},
			"oidc":{"config":{"providers":[{"provider":"p","subject":"1"}]}},
			"passkey":{"identifiers":["older"],"config":{"user_handle":"aGFuZGxl","credentials":[{"id":"a2V5","public_key":"a2V5","display_name":"key"}]}}}}`)
	const all = "/admin/identities:export?credentials=true"
	exported := d.want(200, "GET", all, "")
	if strings.Contains(d.want(200, "GET", "/admin/identities:export", "").Body.String(), "credentials") {
		t.Error("credentials were exported that nobody asked for")
	}
	other := newDesk(t)
	other.clock.Advance(time.Hour)
	_, summary := other.imports("", exported.Body.String()).outcomes(t)
	if summary != "2 lines, 2 created, 0 failed, complete true" {
		t.Fatal(summary)
	}
	before, after := exported.values(t), other.want(200, "GET", all, "").values(t)
	for _, list := range [][]map[string]any{before, after} {
		for _, v := range list {
			created := v["created_at"]
			undated(v)
			v["created_at"] = created
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("exported and imported (-before +after):\n%s", diff)
	}
	_, summary = other.imports("", exported.Body.String()).outcomes(t)
	if summary != "2 lines, 0 created, 2 failed, complete true" {
		t.Errorf("once more: %s", summary)
	}
}

// undated drops what an import cannot know: when something happened elsewhere.
func undated(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"created_at", "updated_at", "state_changed_at"} {
			delete(v, name)
		}
		for _, member := range v {
			undated(member)
		}
	case []any:
		for _, item := range v {
			undated(item)
		}
	}
}

func TestExportFollowsTheFilters(t *testing.T) {
	d := newDesk(t)
	var body strings.Builder
	for n := range 2*exportPage + 7 {
		body.WriteString(line(fmt.Sprintf("p%d@example.test", n)))
	}
	if _, summary := d.imports("", body.String()).outcomes(t); !strings.Contains(summary, "207 created") {
		t.Fatal(summary)
	}
	for query, want := range map[string]int{
		"": 207, "?trait_prefix[email]=p10": 11, "?state=inactive": 0, "?ids=" + unknownID: 0, "?page_size=1": 207,
	} {
		seen := map[any]bool{}
		for _, v := range d.want(200, "GET", "/admin/identities:export"+query, "").values(t) {
			seen[v["id"]] = true
		}
		if len(seen) != want {
			t.Errorf("%q exports %d, want %d", query, len(seen), want)
		}
	}
	for _, query := range []string{"?trait[none]=x", "?ids=x", "?include_credential=magic"} {
		if a := d.ask("GET", "/admin/identities:export"+query, ""); a.Code != 400 {
			t.Errorf("%s: %d", query, a.Code)
		}
	}
}

// TestTheReportComesWhileLinesAreSent: an import is a conversation, so neither side
// has to hold all of it.
func TestTheReportComesWhileLinesAreSent(t *testing.T) {
	d := newDesk(t)
	server := httptest.NewServer(d.wire.Admin())
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	say := func(text string) {
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	chunk := func(text string) { say(fmt.Sprintf("%x\r\n%s\r\n", len(text), text)) }
	say("POST /admin/identities:import HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk(line("first@example.test"))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	report := bufio.NewReader(res.Body)
	next := func() string {
		text, err := report.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := next(); !strings.Contains(got, `"line":1,"action":"create"`) {
		t.Errorf("first: %s", got)
	}
	chunk(line("second@example.test"))
	if got := next(); !strings.Contains(got, `"line":2,"action":"create"`) {
		t.Errorf("second: %s", got)
	}
	say("0\r\n\r\n")
	if got := next(); !strings.Contains(got, `"complete":true`) {
		t.Errorf("last: %s", got)
	}
}

// longBody is a body of many lines that nobody can hold.
type longBody struct {
	lines int
	rest  bytes.Buffer
}

func (e *longBody) Read(p []byte) (int, error) {
	if e.rest.Len() == 0 {
		if e.lines == 0 {
			return 0, io.EOF
		}
		e.lines--
		e.rest.WriteString(`{"traits":{"email":"nope"},"metadata_admin":"` + strings.Repeat("x", 100_000) + `"}` + "\n")
	}
	return e.rest.Read(p)
}

func TestAnImportTakesNoMoreMemoryThanAFewLines(t *testing.T) {
	d := newDesk(t)
	r := httptest.NewRequest("POST", "/admin/identities:import?report=failures&dry_run=true", &longBody{lines: 500})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	a := d.send(r)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if _, summary := a.outcomes(t); summary != "500 lines, 0 created, 500 failed, complete true" {
		t.Error(summary)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("50 MB of lines left %d MB behind", grown>>20)
	}
	if peak := int64(after.HeapSys) - int64(before.HeapSys); peak > 40<<20 {
		t.Errorf("50 MB of lines took %d MB", peak>>20)
	}
}
