// Package cardea is an identity server inside another Go program: people sign
// up, sign in and manage their account; applications ask who is calling.
//
//	app, err := cardea.New(ctx, cardea.Options{Files: []string{"kratos.yml"}})
//	if err != nil { … }
//	defer app.Close()
//	go app.Run(ctx)                    // listens where the configuration says, or
//	go app.Background(ctx); http.ListenAndServe(addr, app.Public)
//
// The configuration is the one that the server command reads. Without any it is
// development mode: this machine only, an embedded database, and secrets made on
// the spot, both kept in DataDir.
package cardea

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"cardea/internal/app"
	"cardea/internal/config"
)

// Options say how a server is configured. The zero value is development mode.
type Options struct {
	// Files are configuration files (yaml, json or toml); later ones win.
	Files []string
	// Environ are "NAME=value" pairs that override files, as os.Environ gives
	// them. Nil means none: a library does not read its host's environment.
	Environ []string
	// Dev switches development mode on: cookies without Secure, cheap hashes.
	Dev bool
	// DataDir keeps the embedded database and generated secrets; "" means
	// cardea-data below the working directory.
	DataDir string
	// Migrate applies pending migrations at the start. Development mode always
	// does.
	Migrate bool
	// Log takes what the server has to say; nil discards it.
	Log *slog.Logger
	// BreachURL replaces the address of the breached-password range service.
	BreachURL string
	// JsonnetWorker is the command that evaluates Jsonnet in a child process: a
	// cardea binary with its hidden command jsonnet-worker. Needed by an embedding
	// program whose configuration uses Jsonnet.
	JsonnetWorker []string
}

// App is a running identity server. Public and Admin are its two ports as
// handlers; serve them yourself, or call Run.
type App struct {
	Public http.Handler
	Admin  http.Handler

	app *app.App
}

// New builds a server. It opens the database, compiles the identity schemas and
// fails early: an error names the key of the configuration that is to blame.
func New(ctx context.Context, o Options) (*App, error) {
	dir, err := dataDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	load := func() (*config.Snapshot, error) {
		return config.Load(config.Options{
			Files: o.Files, Environ: o.Environ, Flags: config.Flags{Dev: o.Dev},
			Defaults: config.Development(dir),
			PersistedSecrets: func(configured string) ([]string, error) {
				if configured == "" {
					configured = dir
				}
				return app.PersistedSecrets(configured)
			},
		})
	}
	snapshot, err := load()
	if err != nil {
		return nil, err
	}
	if snapshot.Development {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	built, err := app.New(ctx, app.Options{
		Config: config.NewManager(snapshot, load), Log: o.Log, Version: "embedded",
		Migrate: o.Migrate, BreachURL: o.BreachURL, JsonnetWorker: o.JsonnetWorker,
	})
	if err != nil {
		return nil, err
	}
	return &App{Public: built.Public, Admin: built.Admin, app: built}, nil
}

// Run listens where the configuration says and serves until ctx is done.
func (a *App) Run(ctx context.Context) error { return a.app.Run(ctx, nil) }

// Background does what there is to do beside serving, until ctx is done: it sends
// messages, events and web hooks that nobody waits for, deletes old rows, and watches
// the configuration. Run does it, too; who serves the handlers needs one of both.
func (a *App) Background(ctx context.Context) { a.app.Background(ctx) }

// Close ends background work and closes the database.
func (a *App) Close() error { return a.app.Close() }

func dataDir(dir string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	wd, err := os.Getwd()
	return filepath.Join(wd, "cardea-data"), err
}
