package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
)

const schemaDocument = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}}}}}}`

func baseConfig(dir string) string {
	return fmt.Sprintf(`
dsn: %q
serve: {public: {base_url: "https://id.cardea.test/"}, admin: {base_url: "https://admin.cardea.test/"}}
secrets: {default: [a-secret-for-tests-only-0123456789]}
identity: {default_schema_id: default, schemas: [{id: default, url: %q}]}
selfservice:
  default_browser_return_url: https://www.cardea.test/home
  flows: {login: {ui_url: "https://www.cardea.test/login", lifespan: 10m}}
`, "sqlite://"+filepath.ToSlash(filepath.Join(dir, "cardea.db")), "base64://"+base64.StdEncoding.EncodeToString([]byte(schemaDocument)))
}

// said is what a server has logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// forget makes as if nothing had been logged yet.
func (s *said) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

// start builds a server. extra is laid over the configuration; the path that is
// returned is the file of the last of it, for tests that change it.
func start(t *testing.T, log *said, o Options, extra ...string) (*App, string) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, text := range append([]string{baseConfig(dir)}, extra...) {
		paths = append(paths, filepath.Join(dir, fmt.Sprint(i, ".yml")))
		write(t, paths[i], text)
	}
	return launch(t, log, o, paths...), paths[len(paths)-1]
}

// launch builds a server of configuration files.
func launch(t testing.TB, log *said, o Options, paths ...string) *App {
	t.Helper()
	return launchLoaded(t, log, o, func() (*config.Snapshot, error) { return config.Load(config.Options{Files: paths}) })
}

// launchLoaded builds a server of a configuration that is loaded in another way.
func launchLoaded(t testing.TB, log *said, o Options, load func() (*config.Snapshot, error)) *App {
	t.Helper()
	snapshot, err := load()
	if err != nil {
		t.Fatal(err)
	}
	o.Config, o.Log = config.NewManager(snapshot, load), slog.New(slog.DiscardHandler)
	if log != nil {
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// another builds a second server on the files and the database of a first, of which
// path is the last file.
func another(t *testing.T, path string, o Options) *App {
	t.Helper()
	return launch(t, nil, o, filepath.Join(filepath.Dir(path), "0.yml"), path)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ask(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// settingsPage is where the configuration in force sends people who want to change
// their password. Asking for it needs no database.
func settingsPage(a *App) string {
	return ask(a.Public, "/.well-known/change-password").Header().Get("Location")
}

func TestAChangedConfigurationIsInForceForTheNextRequest(t *testing.T) {
	page := func(name, more string) string {
		return fmt.Sprintf("{selfservice: {flows: {settings: {ui_url: %q}}}%s}", "https://www.cardea.test/"+name, more)
	}
	log := &said{}
	a, path := start(t, log, Options{Migrate: true}, page("first", ""))
	want := func(t *testing.T, what, name string) {
		t.Helper()
		if got := settingsPage(a); got != "https://www.cardea.test/"+name {
			t.Errorf("%s: the page is %s, want the %s one", what, got, name)
		}
	}
	want(t, "at the start", "first")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { a.watchConfig(ctx); close(done) }()
		changed := func(text string) {
			log.forget()
			write(t, path, text)
			time.Sleep(3 * reloadInterval)
			synctest.Wait()
		}
		changed(page("second", ""))
		want(t, "after a change", "second")
		for name, text := range map[string]string{
			"no yaml":                     "{",
			"an unknown key":              page("third", ", colour: red"),
			"a wrong value":               page("third", ", session: {lifespan: soon}"),
			"a schema that is not there":  page("third", `, identity: {schemas: [{id: default, url: "file:///nowhere/schema.json"}]}`),
			"a schema that is no schema":  page("third", `, identity: {schemas: [{id: default, url: "base64://e30x"}]}`),
			"no schema of the default id": page("third", ", identity: {default_schema_id: other}"),
		} {
			changed(text)
			want(t, name, "second")
			if !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("%s: the log says nothing: %s", name, log)
			}
		}
		changed(page("fourth", `, serve: {public: {port: 9999}}, dsn: "sqlite:///elsewhere.db"`))
		want(t, "beside keys that cannot change", "fourth")
		for _, key := range []string{"serve.public.port", "dsn"} {
			if !strings.Contains(log.String(), "key="+key+" ") {
				t.Errorf("the log does not say that %s cannot change: %s", key, log)
			}
		}
		if strings.Contains(log.String(), "elsewhere.db") {
			t.Errorf("the log tells the DSN: %s", log)
		}
		stop()
		<-done
	})
}

func TestWhatHasEndedIsKeptForAWhile(t *testing.T) {
	now := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		name, config string
		kept         time.Duration
	}{
		{"as a rule", "", 24 * time.Hour},
		{"longer when configured", `database: {cleanup: {older_than: 48h}}`, 48 * time.Hour},
		{"never shorter", `database: {cleanup: {older_than: 1s}}`, 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := start(t, nil, Options{Migrate: true, Clock: now}, c.config)
			var f struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(ask(a.Public, "/self-service/login/api").Body.Bytes(), &f); err != nil {
				t.Fatal(err)
			}
			after := func(d time.Duration, want int) {
				t.Helper()
				now.Advance(d)
				if err := a.sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				if w := ask(a.Public, "/self-service/login/flows?id="+f.ID); w.Code != want {
					t.Errorf("the flow is answered %d, want %d", w.Code, want)
				}
			}
			after(0, 200)
			after(10*time.Minute+time.Second, 410)
			after(c.kept-2*time.Second, 410)
			after(2*time.Second, 404)
		})
	}
}

func TestAServerIsReadyWhenItsTablesAreThere(t *testing.T) {
	a, _ := start(t, nil, Options{})
	for name, h := range map[string]http.Handler{"public": a.Public, "admin": a.Admin} {
		w := ask(h, "/health/ready")
		if w.Code != 503 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("with migrations pending the %s port answers %d %s", name, w.Code, w.Body)
		}
		if w := ask(h, "/health/alive"); w.Code != 200 {
			t.Errorf("the %s port is not alive: %d", name, w.Code)
		}
	}
	if err := a.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"public": a.Public, "admin": a.Admin} {
		if w := ask(h, "/health/ready"); w.Code != 200 {
			t.Errorf("with its tables the %s port answers %d %s", name, w.Code, w.Body)
		}
	}
	if err := a.db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"public": a.Public, "admin": a.Admin} {
		if w := ask(h, "/health/ready"); w.Code != 503 {
			t.Errorf("without its database the %s port answers %d", name, w.Code)
		}
	}
}

func TestAServerThatCannotWorkIsNotBuilt(t *testing.T) {
	for name, c := range map[string]struct{ yaml, key string }{
		"a schema that is not there": {`identity: {schemas: [{id: default, url: "file:///nowhere/schema.json"}]}`, "identity.schemas"},
		"places that are not there":  {"cardea: {geoip: {file: /nowhere/places.mmdb}}", "cardea.geoip.file"},
		"a database of no kind":      {`dsn: "oracle://user:password-of-the-database@host/db"`, ""},
		"a folder for a database":    {`dsn: "sqlite:///"`, ""},
	} {
		dir := t.TempDir()
		paths := []string{filepath.Join(dir, "a.yml"), filepath.Join(dir, "b.yml")}
		write(t, paths[0], baseConfig(dir))
		write(t, paths[1], c.yaml)
		snapshot, err := config.Load(config.Options{Files: paths})
		if err != nil {
			continue // refused even earlier
		}
		a, err := New(t.Context(), Options{Config: config.NewManager(snapshot, nil), Log: slog.New(slog.DiscardHandler), Migrate: true})
		if err == nil {
			_ = a.Close()
			t.Errorf("%s: a server was built", name)
			continue
		}
		if !strings.Contains(err.Error(), c.key) || strings.Contains(err.Error(), "password-of-the-database") {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}
