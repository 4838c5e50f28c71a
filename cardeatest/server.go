// Package cardeatest starts an identity server inside a test and gives it the
// three kinds of clients there are: a browser that navigates, a single-page
// application that fetches with cookies, and a native app with a token.
//
//	server := cardeatest.New(t, cardeatest.Options{})
//	person := server.Browser()
//	…
//
// Every server has a database, secrets and ports of its own.
package cardeatest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cardea"
)

// Schema is the identity schema of a server that is not told otherwise: an
// e-mail address to sign in with, a name, a number and a switch.
const Schema = `{
  "$id": "https://schemas.cardea.test/person.schema.json",
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"traits": {"type": "object", "properties": {
    "email": {"type": "string", "format": "email", "title": "E-mail", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}},
      "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    "name": {"type": "object", "properties": {
      "first": {"type": "string", "title": "First name", "maxLength": 40},
      "last": {"type": "string", "title": "Last name"}}},
    "age": {"type": "integer", "minimum": 0},
    "newsletter": {"type": "boolean"}
  }, "required": ["email"], "additionalProperties": false}}}`

// Options change the server.
type Options struct {
	// Config is laid over the test configuration: YAML, with the same keys as a
	// configuration file.
	Config string
	// Pages leaves all journeys to the built-in pages.
	Pages bool
	// BreachURL is a breached-password range service; "" switches the lookup off.
	BreachURL string
	// DSN is the database; "" is a private one that goes with the test.
	DSN string
	// Log takes what the server has to say; nil discards it.
	Log *slog.Logger
	// Background lets the server do what it does beside answering: send messages,
	// events and web hooks that nobody waits for.
	Background bool
}

// Server is a running identity server. PublicURL and AdminURL have no slash at
// the end.
type Server struct {
	PublicURL, AdminURL string
	App                 *cardea.App

	t testing.TB
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	public, admin := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	s := &Server{t: t, PublicURL: "http://" + public.Listener.Addr().String(), AdminURL: "http://" + admin.Listener.Addr().String()}
	dir := t.TempDir()
	if o.DSN == "" {
		o.DSN = "sqlite://" + filepath.ToSlash(furnished(t, dir)) + "?_fk=true"
	}
	base := write(t, dir, "base.yml", s.config(o))
	files := []string{base}
	if o.Config != "" {
		files = append(files, write(t, dir, "test.yml", o.Config))
	}
	app, err := cardea.New(context.Background(), cardea.Options{
		Files: files, DataDir: filepath.Join(dir, "data"), Migrate: true, Dev: true, BreachURL: o.BreachURL, Log: o.Log,
	})
	if err != nil {
		public.Close()
		admin.Close()
		t.Fatalf("start the server: %v", err)
	}
	s.App = app
	public.Config.Handler, admin.Config.Handler = app.Public, app.Admin
	public.Start()
	admin.Start()
	ctx, stop := context.WithCancel(context.Background())
	var background sync.WaitGroup
	if o.Background {
		background.Go(func() { app.Background(ctx) })
	}
	t.Cleanup(func() {
		public.Close()
		admin.Close()
		stop()
		background.Wait()
		if err := app.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return s
}

// config is the configuration of every test: cheap hashes, a session after
// registration, journeys that lead back here.
func (s *Server) config(o Options) string {
	pages := func(name string) string {
		if o.Pages {
			return ""
		}
		return fmt.Sprintf("ui_url: %q", "https://ui.cardea.test/"+name)
	}
	return fmt.Sprintf(`
dsn: %q
serve:
  public: {base_url: %q}
  admin: {base_url: %q}
secrets:
  default: [a-secret-for-tests-only-0123456789]
hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}
identity:
  default_schema_id: default
  schemas: [{id: default, url: %q}]
selfservice:
  default_browser_return_url: %q
  allowed_return_urls: ["https://app.cardea.test/inside"]
  methods: {password: {config: {haveibeenpwned_enabled: %t}}}
  flows:
    error: {%s}
    login: {%s}
    registration:
      style: unified
      after: {password: {hooks: [{hook: session}]}}
      %s
    settings: {%s}
    recovery: {%s}
    verification: {%s}
`, o.DSN, s.PublicURL+"/", s.AdminURL+"/", "base64://"+encode(Schema), "https://ui.cardea.test/home", o.BreachURL != "",
		pages("error"), pages("login"), pages("registration"), pages("settings"), pages("recovery"), pages("verification"))
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
