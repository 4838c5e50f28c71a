package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string    // of its file
	AppliedAt time.Time // zero while it is pending; the database's own clock
}

// tablePatience is how long a change of a table waits for those who use it. Everybody
// who wants to use it meanwhile waits behind, so it gives up soon and comes back.
const tablePatience = time.Second

// migrationPatience is how often it comes back, with as long a pause each time.
const migrationPatience = 300

// spareRaces is how many more races a process may lose than there are migrations.
const spareRaces = 10

// Migrate brings the schema up to date. There is no way back. Several processes may
// migrate one database at once: a migration is one transaction that only one of
// them can commit, or is done under a lock, and the others find it done. Those who
// use the tables meanwhile are not held up for longer than tablePatience at a time.
func (db *DB) Migrate(ctx context.Context) error {
	return db.withMigrations(db.dialect.impatient, func(p *goose.Provider, c *sql.DB) (err error) {
		if lock := db.dialect.lockMigrations; lock != nil {
			unlock, err := lock(ctx, c)
			if err != nil {
				return fmt.Errorf("waiting for others who migrate: %w", err)
			}
			defer func() { err = errors.Join(err, unlock()) }()
		}
		// Whoever loses a race goes on with the next migration, and may lose that as well.
		races := len(p.ListSources()) + spareRaces
		for raced, waited := 0, 0; raced < races && waited < migrationPatience; {
			if _, err = p.Up(ctx); err == nil {
				return nil
			}
			var partial *goose.PartialError
			switch {
			case db.dialect.inUse != nil && db.dialect.inUse(err):
				waited++
				db.clock.SleepUntil(ctx, db.clock.Now().Add(tablePatience))
			case errors.As(err, &partial) || db.dialect.raced(err):
				raced++
			default:
				return fmt.Errorf("migrating: %w", err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return fmt.Errorf("migrating: %w", err)
	})
}

// Status lists all migrations, oldest first.
func (db *DB) Status(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := db.withMigrations("", func(p *goose.Provider, _ *sql.DB) error {
		status, err := p.Status(ctx)
		if err != nil {
			return fmt.Errorf("reading the schema's version: %w", err)
		}
		for _, s := range status {
			list = append(list, Migration{Version: s.Source.Version, Name: s.Source.Path, AppliedAt: s.AppliedAt})
		}
		return nil
	})
	return list, err
}

// Pending says whether a migration is missing.
func (db *DB) Pending(ctx context.Context) (bool, error) {
	list, err := db.Status(ctx)
	for _, m := range list {
		if m.AppliedAt.IsZero() {
			return true, err
		}
	}
	return false, err
}

// withMigrations opens a connection of its own for the time of fn, which begins with
// a statement unless that is "".
func (db *DB) withMigrations(first string, fn func(*goose.Provider, *sql.DB) error) (err error) {
	folder, err := fs.Sub(migrations, "migrations/"+db.dialect.name)
	if err != nil {
		return err
	}
	conn, err := db.dialect.migrations(db, first)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	p, err := goose.NewProvider(db.dialect.goose, conn, folder,
		goose.WithTableName("schema_migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	return fn(p, conn)
}
