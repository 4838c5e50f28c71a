package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/config"
)

// managed starts a manager over one file.
func managed(t *testing.T, path string) *config.Manager {
	t.Helper()
	again := func() (*config.Snapshot, error) {
		return config.Load(config.Options{Files: []string{path}, Hostname: "machine.example"})
	}
	s, err := again()
	if err != nil {
		t.Fatal(err)
	}
	return config.NewManager(s, again)
}

func TestABadReloadKeepsTheOldConfiguration(t *testing.T) {
	path := write(t, "c.yml", minimal)
	m := managed(t, path)
	before := m.Current()
	for _, text := range []string{"colour: red\n" + minimal, "{", minimal + "serve: {public: {port: 0}}"} {
		overwrite(t, path, text)
		if err := m.Reload(); err == nil {
			t.Errorf("%q was accepted", text)
		}
		equal(t, "the same snapshot stays", m.Current() == before, true)
	}
	overwrite(t, path, minimal+"session: {lifespan: 7h}")
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	equal(t, "the new value", m.Current().Session.Lifespan, 7*time.Hour)
	equal(t, "the old snapshot is as it was", before.Session.Lifespan, 24*time.Hour)
}

func TestFixedKeysKeepTheirValueOnReload(t *testing.T) {
	path := write(t, "c.yml", minimal+"serve: {public: {port: 1000, socket: {owner: a}}}\nlog: {level: debug}\n")
	m := managed(t, path)
	overwrite(t, path, `
dsn: sqlite:///other.db
secrets: {default: [fedcba9876543210]}
identity: {schemas: [{id: default, url: "file:///schema.json"}]}
selfservice: {default_browser_return_url: "https://app.example.com/"}
serve: {public: {port: 2000, base_url: "https://new.example.com/", cors: {enabled: true, allowed_origins: ["https://a.test"]}}, admin: {host: 0.0.0.0}}
cardea: {data_dir: /elsewhere}
`)
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	s := m.Current()
	equal(t, "dsn", s.DSN, "memory")
	equal(t, "port", s.Serve.Public.Port, 1000)
	equal(t, "a base URL that was derived stays derived", s.Serve.Public.BaseURLRaw, "https://machine.example:1000/")
	equal(t, "a key that was taken out", s.Serve.Public.Socket.Owner, "a")
	equal(t, "log level", s.Log.Level, "debug")
	equal(t, "admin host", s.Serve.Admin.Host, "127.0.0.1")
	equal(t, "data dir", s.Cardea.DataDir, "")
	equal(t, "CORS changes", []any{s.Serve.Public.CORS.Enabled, s.Serve.Public.CORS.AllowedOrigins}, []any{true, []string{"https://a.test"}})
	equal(t, "secrets change", s.Secrets.Default, []string{"fedcba9876543210"})
	for _, key := range []string{"dsn", "serve.public.port", "serve.public.base_url", "serve.public.socket.owner", "serve.admin.host", "log.level", "cardea.data_dir"} {
		equal(t, "warned about "+key, about(s.Warnings, key), true)
	}
	equal(t, "not warned about CORS", about(s.Warnings, "serve.public.cors.enabled"), false)
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	equal(t, "they stay through further reloads", m.Current().DSN, "memory")
	equal(t, "and are warned about again", about(m.Current().Warnings, "dsn"), true)
}

func TestWatchNoticesHoweverAFileIsReplaced(t *testing.T) {
	next := minimal + "session: {lifespan: 7h}"
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"written in place", func(t *testing.T, path string) { overwrite(t, path, next) }},
		{"renamed into place", func(t *testing.T, path string) {
			fresh := filepath.Join(filepath.Dir(path), "fresh")
			overwrite(t, fresh, next)
			rename(t, fresh, path)
		}},
		{"a symlink above it swapped", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			if err := os.Mkdir(filepath.Join(dir, "v2"), 0o700); err != nil {
				t.Fatal(err)
			}
			overwrite(t, filepath.Join(dir, "v2", "c.yml"), next)
			link(t, "v2", filepath.Join(dir, "fresh"))
			rename(t, filepath.Join(dir, "fresh"), filepath.Join(dir, "data"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := mounted(t)
			m := managed(t, path)
			watched(t, m, func(reports *[]error) {
				equal(t, "nothing happens while nothing changes", len(*reports), 0)
				tt.change(t, path)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				equal(t, "reports", len(*reports), 1)
				equal(t, "lifespan", m.Current().Session.Lifespan, 7*time.Hour)
			})
		})
	}
}

func TestWatchReportsABadFileOnceAndRecovers(t *testing.T) {
	path := write(t, "c.yml", minimal)
	m := managed(t, path)
	watched(t, m, func(reports *[]error) {
		overwrite(t, path, "colour: red")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		equal(t, "reports", len(*reports), 1)
		equal(t, "refused", (*reports)[0] != nil, true)
		overwrite(t, path, minimal)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		equal(t, "reports", len(*reports), 2)
		equal(t, "accepted", (*reports)[1] == nil, true)
	})
}

func TestWatchDoesNotReadHalfAFile(t *testing.T) {
	path := write(t, "c.yml", minimal)
	m := managed(t, path)
	watched(t, m, func(reports *[]error) {
		overwrite(t, path, "")
		time.Sleep(time.Second)
		synctest.Wait()
		overwrite(t, path, minimal+"revision: two")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		equal(t, "reports", *reports, []error{nil})
		equal(t, "revision", m.Current().Revision, "two")
	})
}

// watched runs body beside a watch with an interval of one second, in fake time.
func watched(t *testing.T, m *config.Manager, body func(reports *[]error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var reports []error
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.Watch(ctx, time.Second, func(s *config.Snapshot, err error) {
				equal(t, "the snapshot in force is reported", s == m.Current(), true)
				reports = append(reports, err)
			})
		}()
		time.Sleep(3500 * time.Millisecond) // between two looks
		synctest.Wait()
		body(&reports)
		cancel()
		<-done
	})
}

// mounted lays a file out the way Kubernetes mounts a config map:
// c.yml → data/c.yml, data → v1.
func mounted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "v1"), 0o700); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, "v1", "c.yml"), minimal)
	link(t, "v1", filepath.Join(dir, "data"))
	link(t, filepath.Join("data", "c.yml"), filepath.Join(dir, "c.yml"))
	return filepath.Join(dir, "c.yml")
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
