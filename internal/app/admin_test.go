package app

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardea/internal/apikey"
	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/store"
)

func TestAPortThatNothingOpensIsNotServed(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for about, tc := range map[string]struct {
		config string
		ttl    time.Duration // of the one key; 0: no key
		serves bool
	}{
		"on loopback":                         {`serve: {admin: {host: 127.0.0.1}}`, 0, true},
		"on a socket":                         {`serve: {admin: {host: "unix:/run/x.sock", base_url: "http://x.test/"}}`, 0, true},
		"everywhere, without a key":           {`serve: {admin: {host: 0.0.0.0}}`, 0, false},
		"everywhere, with a key":              {`serve: {admin: {host: 0.0.0.0}}`, time.Hour, true},
		"everywhere, with a key that is over": {`serve: {admin: {host: 0.0.0.0}}`, time.Nanosecond, false},
		"everywhere, opened":                  {"serve: {admin: {host: 0.0.0.0}}\ncardea: {admin: {open: true}}", 0, true},
		"client certificates without TLS":     {`cardea: {admin: {client_ca: /ca.pem}}`, time.Hour, false},
	} {
		t.Run(about, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yml")
			text := "dsn: memory\nsecrets: {default: [default-secret-default-secret-01]}\nidentity: {schemas: [{id: default, url: 'base64://e30='}]}\n" +
				"selfservice: {default_browser_return_url: 'https://x.test/'}\n" + tc.config
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			snapshot, err := config.Load(config.Options{Files: []string{file}})
			if err != nil {
				t.Fatal(err)
			}
			later := clock.NewFake(now)
			db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: later})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if tc.ttl != 0 {
				_, k, err := apikey.New(rand.Reader, "k", apikey.Scopes{apikey.All}, now, tc.ttl)
				if err := errors.Join(err, db.Tenant(store.DefaultTenant).CreateAPIKey(t.Context(), k)); err != nil {
					t.Fatal(err)
				}
			}
			later.Advance(time.Minute)
			a := &App{db: db, clock: later, log: slog.New(slog.DiscardHandler)}
			err = a.checkAdmin(t.Context(), snapshot)
			if (err == nil) != tc.serves {
				t.Fatalf("%v", err)
			}
			if err != nil && strings.Contains(tc.config, "0.0.0.0") && !strings.Contains(err.Error(), "cardea: {admin: {open: true}}") {
				t.Errorf("the refusal does not print the way out: %v", err)
			}
		})
	}
}
