package app

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"cardea/internal/clock"
)

const reachableSchema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "name": {"type": "string", "title": "Name"}}}}}`

// ownPages is a server that leaves the journeys to the built-in pages, and its clock.
// Flows are good for ten minutes.
func ownPages(t testing.TB, more string) (http.Handler, *clock.Fake) {
	t.Helper()
	dir, now := t.TempDir(), clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	write(t, filepath.Join(dir, "pages.yml"), fmt.Sprintf(`
dsn: %q
serve: {public: {base_url: "https://id.cardea.test/"}, admin: {base_url: "https://admin.cardea.test/"}}
secrets: {default: [a-secret-for-tests-only-0123456789]}
identity: {default_schema_id: reachable, schemas: [{id: reachable, url: %q}]}
hashers: {algorithm: argon2, argon2: {memory: 8MB, iterations: 1, parallelism: 1, salt_length: 16, key_length: 32}}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/"}}
selfservice:
  default_browser_return_url: "https://id.cardea.test/"
  methods: {password: {config: {haveibeenpwned_enabled: false}}, code: {enabled: true, passwordless_enabled: true}}
  flows:
    login: {lifespan: 10m}
    registration: {style: unified, lifespan: 10m, after: {password: {hooks: [{hook: session}]}}}
    settings: {lifespan: 10m}
    recovery: {enabled: true, use: code, lifespan: 10m}
    verification: {enabled: true, use: code, lifespan: 10m}
`, "sqlite://"+filepath.ToSlash(filepath.Join(dir, "cardea.db")), "base64://"+base64.StdEncoding.EncodeToString([]byte(reachableSchema))))
	write(t, filepath.Join(dir, "more.yml"), more)
	a := launch(t, nil, Options{Migrate: true, Clock: now}, filepath.Join(dir, "pages.yml"), filepath.Join(dir, "more.yml"))
	return a.Public, now
}

// reader is somebody with a browser who reads pages and sends their forms.
type reader struct {
	testing.TB
	app  http.Handler
	jar  map[string]*http.Cookie
	page *html.Node
	text string // of the page
	at   string // its address
}

// visit goes to an address and wherever that leads.
func (p *reader) visit(method, address string, form url.Values) {
	p.Helper()
	for range 10 {
		u, err := url.Parse(address)
		if err != nil {
			p.Fatal(err)
		}
		req := httptest.NewRequestWithContext(p.Context(), method, "https://id.cardea.test"+u.RequestURI(), strings.NewReader(form.Encode()))
		req.Header.Set("Accept", "text/html")
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for _, c := range p.jar {
			req.AddCookie(c)
		}
		w := httptest.NewRecorder()
		p.app.ServeHTTP(w, req)
		for _, c := range w.Result().Cookies() {
			p.jar[c.Name] = c
		}
		if w.Code >= 300 && w.Code < 400 {
			method, address, form = http.MethodGet, w.Header().Get("Location"), nil
			continue
		}
		p.text, p.at = w.Body.String(), req.URL.String()
		if p.page, err = html.Parse(strings.NewReader(p.text)); err != nil || w.Code != http.StatusOK {
			p.Fatalf("%s %s answers %d: %v %s", method, address, w.Code, err, p.text)
		}
		return
	}
	p.Fatalf("%s leads nowhere", address)
}

// attr is an attribute of an element, "" for none.
func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// button finds a button of the page by its name and value.
func (p *reader) button(name, value string) *html.Node {
	for n := range p.page.Descendants() {
		if n.Data == "button" && attr(n, "name") == name && attr(n, "value") == value {
			return n
		}
	}
	return nil
}

// field is what a field of the page that can be typed into says; the second result is
// whether there is one.
func (p *reader) field(name string) (string, bool) {
	for n := range p.page.Descendants() {
		if n.Data == "input" && attr(n, "name") == name && attr(n, "type") != "hidden" {
			return attr(n, "value"), true
		}
	}
	return "", false
}

// press fills in the form of a button and presses it; wait passes before.
func (p *reader) press(name, value string, typed map[string]string, wait func()) {
	p.Helper()
	b := p.button(name, value)
	if b == nil {
		p.Fatalf("there is no button %s=%s: %s", name, value, p.text)
	}
	form := b
	for form.Data != "form" {
		form = form.Parent
	}
	fields := url.Values{name: {value}}
	for n := range form.Descendants() {
		if n.Data == "input" && attr(n, "name") != "" {
			fields.Set(attr(n, "name"), attr(n, "value"))
		}
	}
	for name, text := range typed {
		fields.Set(name, text)
	}
	if wait != nil {
		wait()
	}
	p.visit(http.MethodPost, attr(form, "action"), fields)
}
