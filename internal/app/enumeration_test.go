package app

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"cardea/internal/clock"
)

// Nobody may learn from an answer whether an account exists. Time cannot be
// asserted where tests run; what takes time can: the hashes and the statements
// behind an answer have to be as many, and the answer has to look the same.

const tellSchema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
    "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "name": {"type": "string", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}}}, "required": ["email"]}}}`

const (
	strictly  = "cardea: {security: {strict_enumeration: true}}\n"
	mitigated = "security: {account_enumeration: {mitigate: true}}\n"
)

// tellConfig switches on everything that could tell. flows and methods are more
// lines of the two, rest more at the top.
func tellConfig(flows, methods, rest string) string {
	return fmt.Sprintf(`
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1, parallelism: 1, salt_length: 16, key_length: 16}}
identity: {schemas: [{id: default, url: "base64://%s"}]}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/?disable_starttls=true"}}
selfservice:
  methods:
    password: {config: {haveibeenpwned_enabled: false}}
    link: {enabled: true}
    code: {enabled: true, passwordless_enabled: true%s}
  flows:
    registration: {style: unified, after: {password: {hooks: [{hook: session}, {hook: show_verification_ui}]}}}
    %s
%s`, base64.StdEncoding.EncodeToString([]byte(tellSchema)), methods, flows, rest)
}

const (
	recoveryFlows = "recovery: {enabled: true, use: %[1]s}\n    verification: {enabled: true, use: %[1]s}"
	rightPassword = "four-Sturdy-Wombats-77"
)

var (
	byCode = fmt.Sprintf(recoveryFlows, "code")
	byLink = fmt.Sprintf(recoveryFlows, "link")
)

// subjects are addresses of the same length: somebody who can do everything, nobody,
// somebody who is switched off, somebody without a password, and somebody at whose
// password was guessed too often, under another name of the account.
var subjects = []string{"known@cardea.test", "never@cardea.test", "apart@cardea.test", "plain@cardea.test", "stuck@cardea.test"}

// spent are two addresses under which themselves was guessed too often; one is somebody's.
var spent = []string{"weary@cardea.test", "blank@cardea.test"}

const (
	otherName  = "stuck-by-name" // of the account whose guesses are used up
	fewGuesses = "cardea: {throttle: {account: {free: 3, stop: 3}}}"
)

// tell is one way to ask whether an account exists.
type tell struct {
	name, kind, config string
	// steps are the submissions, one after another on one flow.
	steps func(address string) []map[string]any
	// again are submissions on another flow afterwards, of the kind login.
	again func(address string) []map[string]any
}

func one(fields func(string) map[string]any) func(string) []map[string]any {
	return func(address string) []map[string]any { return []map[string]any{fields(address)} }
}

func asks(method, field string) func(string) []map[string]any {
	return func(address string) []map[string]any {
		asked := map[string]any{"method": method, field: address}
		if method == "link" {
			return []map[string]any{asked, asked}
		}
		return []map[string]any{asked, {"method": method, "code": "000000"}, {"method": method, "code": "000001"}}
	}
}

func signsIn(address string) map[string]any {
	return map[string]any{"method": "password", "identifier": address, "password": "another-Wombat-88"}
}

func signsUp(address string) map[string]any {
	return map[string]any{"method": "password", "traits": map[string]any{"email": address}, "password": "another-Wombat-88"}
}

func asksForCode(address string) []map[string]any {
	return []map[string]any{
		{"method": "code", "identifier": address},
		{"method": "code", "identifier": address, "code": "000000"},
		{"method": "code", "identifier": address, "resend": "code"},
	}
}

func tells() []tell {
	strict := tellConfig(byCode, "", strictly)
	first := tellConfig(byCode+"\n    login: {style: identifier_first}", "", strictly)
	links := tellConfig(byLink, "", strictly)
	named := func(fields map[string]any, address string) []map[string]any {
		return []map[string]any{{"method": "identifier_first", "identifier": address}, fields}
	}
	return []tell{
		{name: "password", kind: "login", config: tellConfig(byCode, "", ""), steps: one(signsIn)},
		{name: "password, strictly", kind: "login", config: strict, steps: one(signsIn)},
		{name: "code", kind: "login", config: strict, steps: asksForCode},
		{name: "code without a code credential", kind: "login", config: tellConfig(byCode, ", config: {missing_credential_fallback_enabled: true}", strictly), steps: asksForCode},
		{name: "identifier first, then password", kind: "login", config: first, steps: func(a string) []map[string]any { return named(signsIn(a), a) }},
		{name: "identifier first, then code", kind: "login", config: first, steps: func(a string) []map[string]any { return named(map[string]any{"method": "code", "identifier": a}, a) }},
		{name: "identifier first by the contract's setting", kind: "login", config: tellConfig(byCode+"\n    login: {style: identifier_first}", "", mitigated),
			steps: func(a string) []map[string]any { return named(signsIn(a), a) }},
		{name: "code", kind: "recovery", config: strict, steps: asks("code", "email")},
		{name: "choice of addresses", kind: "recovery", config: tellConfig(byCode, "", strictly+"feature_flags: {choose_recovery_address: true}\n"), steps: asks("code", "recovery_address")},
		{name: "link", kind: "recovery", config: links, steps: asks("link", "email")},
		{name: "code", kind: "verification", config: strict, steps: asks("code", "email")},
		{name: "link", kind: "verification", config: links, steps: asks("link", "email")},
		{name: "password", kind: "registration", config: strict, steps: one(signsUp), again: one(signsIn)},
		{name: "password, verified by link", kind: "registration", config: links, steps: one(signsUp), again: one(signsIn)},
		{name: "code", kind: "registration", config: tellConfig(byCode, "", mitigated), steps: func(a string) []map[string]any {
			traits := map[string]any{"email": a}
			return []map[string]any{{"method": "code", "traits": traits}, {"method": "code", "traits": traits, "code": "000000"}}
		}},
	}
}

func TestAccountsCannotBeToldApart(t *testing.T) {
	for _, tell := range tells() {
		for _, client := range []string{"api", "spa", "browser"} {
			t.Run(tell.kind+"/"+tell.name+"/"+client, func(t *testing.T) {
				t.Parallel()
				h := newTellHouse(t, tell.config, fewGuesses)
				if code := h.guess(otherName, rightPassword); code != http.StatusOK {
					t.Fatalf("nobody is locked out and the right password is answered with %d", code)
				}
				for _, name := range append([]string{otherName}, spent...) {
					for range 3 {
						h.guess(name, "another-Wombat-88")
					}
				}
				known := h.ask(tell, client, subjects[0])
				if known[0].Statements == 0 {
					t.Fatal("no statement was counted")
				}
				for _, address := range subjects[1:] {
					if diff := gocmp.Diff(known, h.ask(tell, client, address)); diff != "" {
						t.Errorf("%s can be told from %s (-, +):\n%s", subjects[0], address, diff)
					}
				}
				if diff := gocmp.Diff(h.ask(tell, client, spent[0]), h.ask(tell, client, spent[1])); diff != "" {
					t.Errorf("where guesses are used up, %s can be told from %s (-, +):\n%s", spent[0], spent[1], diff)
				}
				if code := h.guess(subjects[4], rightPassword); code != http.StatusBadRequest {
					t.Errorf("the right password of who is locked out is answered with %d, as if it was looked at", code)
				}
			})
		}
	}
}

// telltale is all that an answer shows, and what it took.
type telltale struct {
	Status                     int
	Headers                    []string // names, and values that are no secret
	Body                       string
	Length                     int // of the body, bytes
	Statements, Writes, Hashes uint64
}

// tellHouse is a server with the subjects, whose clock stands still.
type tellHouse struct {
	t    testing.TB
	app  *App
	from string // where requests come from; "" for one address
}

func newTellHouse(t *testing.T, config ...string) *tellHouse {
	t.Helper()
	a, _ := start(t, nil, Options{Migrate: true, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC))}, config...)
	h := &tellHouse{t: t, app: a}
	for _, address := range slices.Concat(spent, subjects) {
		traits := map[string]any{"email": address}
		body := map[string]any{"schema_id": "default", "traits": traits}
		switch name, _, _ := strings.Cut(address, "@"); name {
		case "never", "blank":
			continue
		case "apart":
			body["state"] = "inactive"
		case "stuck":
			traits["name"] = otherName
			body["verifiable_addresses"] = []any{map[string]any{"value": address, "via": "email", "verified": true, "status": "completed"}}
		}
		if address != "plain@cardea.test" {
			body["credentials"] = map[string]any{"password": map[string]any{"config": map[string]any{"password": rightPassword}}}
		}
		if w, _ := h.do(a.Admin, "POST", "/admin/identities", body, "spa", nil); w.Code != http.StatusCreated {
			t.Fatalf("create %s: %d %s", address, w.Code, w.Body)
		}
	}
	return h
}

// do sends a request as one kind of client does, with the cookies of the jar.
func (h *tellHouse) do(handler http.Handler, method, target string, body map[string]any, client string, jar map[string]*http.Cookie) (*httptest.ResponseRecorder, map[string]any) {
	h.t.Helper()
	var text string
	contentType := "application/json"
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		if text = string(raw); client == "browser" {
			contentType, text = "application/x-www-form-urlencoded", form(body)
		}
	}
	req := httptest.NewRequest(method, "https://id.cardea.test"+target, strings.NewReader(text))
	req.RemoteAddr = cmp.Or(h.from, "127.0.0.1:4000")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "application/json")
	if client == "browser" && method == "POST" {
		req.Header.Set("Accept", "text/html")
	}
	for _, c := range jar {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	if jar != nil {
		for _, c := range w.Result().Cookies() {
			jar[c.Name] = c
		}
	}
	var read map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &read) // a redirect has no body to read
	return w, read
}

func form(body map[string]any) string {
	values := url.Values{}
	for name, v := range body {
		if inner, ok := v.(map[string]any); ok {
			for k, v := range inner {
				values.Set(name+"."+k, fmt.Sprint(v))
			}
			continue
		}
		values.Set(name, fmt.Sprint(v))
	}
	return values.Encode()
}

// guess tries to sign in with a password, as an app does, and gives the status.
func (h *tellHouse) guess(name, password string) int {
	h.t.Helper()
	_, f := h.do(h.app.Public, "GET", "/self-service/login/api", nil, "api", nil)
	id, _ := f["id"].(string)
	for _, fields := range []map[string]any{{"method": "identifier_first"}, {"method": "password", "password": password}} {
		fields["identifier"] = name
		if w, _ := h.do(h.app.Public, "POST", "/self-service/login?flow="+id, fields, "api", nil); fields["password"] != nil {
			return w.Code
		}
	}
	return 0
}

// ask carries a journey on for an address and keeps what could be seen.
func (h *tellHouse) ask(tell tell, client, address string) []telltale {
	h.t.Helper()
	all := h.journey(tell.kind, client, address, tell.steps(address))
	if tell.again != nil {
		all = append(all, h.journey("login", client, address, tell.again(address))...)
	}
	return all
}

func (h *tellHouse) journey(kind, client, address string, steps []map[string]any) []telltale {
	h.t.Helper()
	endpoint, jar := "browser", map[string]*http.Cookie{}
	if client == "api" {
		endpoint, jar = "api", nil
	}
	w, started := h.do(h.app.Public, "GET", "/self-service/"+kind+"/"+endpoint, nil, "spa", jar)
	id, ok := started["id"].(string)
	if !ok {
		h.t.Fatalf("start %s: %d %s", kind, w.Code, w.Body)
	}
	var all []telltale
	for _, fields := range steps {
		fields["csrf_token"] = token(started)
		all = append(all, h.measure(address, id, func() *httptest.ResponseRecorder {
			w, _ := h.do(h.app.Public, "POST", "/self-service/"+kind+"?flow="+id, fields, client, jar)
			return w
		}))
		// The page reads the form again: that must not tell either.
		all = append(all, h.measure(address, id, func() *httptest.ResponseRecorder {
			w, read := h.do(h.app.Public, "GET", "/self-service/"+kind+"/flows?id="+id, nil, "spa", jar)
			if read["id"] != nil {
				started = read
			}
			return w
		}))
	}
	return all
}

func (h *tellHouse) measure(address, id string, request func() *httptest.ResponseRecorder) telltale {
	stats, hashes := h.app.db.Stats(), h.app.pool.Started()
	w := request()
	after := h.app.db.Stats()
	t := telltale{
		Status: w.Code, Body: blank(w.Body.String(), address), Length: w.Body.Len(),
		Statements: after.Statements - stats.Statements, Writes: after.Writes - stats.Writes, Hashes: h.app.pool.Started() - hashes,
	}
	for name, values := range w.Header() {
		for _, v := range values {
			if name == "Set-Cookie" {
				v = regexp.MustCompile(`=[^;]*`).ReplaceAllString(v, "")
			}
			t.Headers = append(t.Headers, name+": "+blank(v, address))
		}
	}
	slices.Sort(t.Headers)
	return t
}

var (
	anyID    = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyToken = regexp.MustCompile(`[A-Za-z0-9_+/-]{43,}={0,2}`)
)

// blank replaces what belongs to one request: ids, tokens, and what was typed.
func blank(text, address string) string {
	text = strings.ReplaceAll(text, address, "ADDRESS")
	text = strings.ReplaceAll(text, address[:2]+"****", "MASKED")
	return anyToken.ReplaceAllString(anyID.ReplaceAllString(text, "ID"), "TOKEN")
}

// token is the anti-CSRF token of a form.
func token(flow map[string]any) string {
	page, _ := flow["ui"].(map[string]any)
	nodes, _ := page["nodes"].([]any)
	for _, n := range nodes {
		attributes, _ := n.(map[string]any)["attributes"].(map[string]any)
		if attributes["name"] == "csrf_token" {
			text, _ := attributes["value"].(string)
			return text
		}
	}
	return ""
}
