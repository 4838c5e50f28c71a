package store_test

import (
	"path/filepath"
	"testing"

	"cardea/internal/clock"
	"cardea/internal/store"
	"cardea/internal/store/storetest"
)

// open opens a migrated database and closes it with the test.
func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSQLiteKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, c clock.Clock) (*store.DB, storetest.Twins) {
		path := filepath.Join(t.TempDir(), "test.db")
		db := open(t, store.Options{DSN: "sqlite://" + path, Clock: c})
		return db, newTwins(t, path)
	})
}
