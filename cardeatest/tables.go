package cardeatest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cardea/internal/store"
)

// furnished makes a database file that has the tables already: all migrations for
// every server would be a quarter of the time that it takes to start under -race.
func furnished(t testing.TB, dir string) (path string) {
	t.Helper()
	file, err := tables()
	if err != nil {
		t.Fatalf("make the tables: %v", err)
	}
	path = filepath.Join(dir, "cardea.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tables is the file of a database without a row, migrated once for a process of tests.
var tables = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "cardea-tables-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "cardea.db")
	db, err := store.Open(context.Background(), store.Options{DSN: "sqlite://" + filepath.ToSlash(path) + "?_fk=true"})
	if err != nil {
		return nil, err
	}
	// Closing brings what was written into the one file.
	if err := errors.Join(db.Migrate(context.Background()), db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
