package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// migrated opens a database of its own for a test.
func migrated(t testing.TB) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{DSN: "sqlite://" + filepath.Join(t.TempDir(), "test.db")})
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

func TestEveryConnectionIsDurableAndChecksForeignKeys(t *testing.T) {
	db := migrated(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var read any
		if err := one(db.reads.on(t.Context()), "PRAGMA "+pragma, nil, &read); err != nil || fmt.Sprint(read) != want {
			t.Errorf("a reader's %s is %v, %v; want %q", pragma, read, err, want)
		}
		var got string
		err := db.writes.write(t.Context(), func(c conn) error { return one(c, "PRAGMA "+pragma, nil, &got) })
		if err != nil || got != want {
			t.Errorf("the writer's %s is %q, %v; want %q", pragma, got, err, want)
		}
	}
}

func TestParametersOfTheDSNSuitReadersAsWell(t *testing.T) {
	for _, parameters := range []string{"?mode=rwc", "?_fk=true&mode=rwc", "?cache=private", "?_fk=true&_journal_mode=WAL&_busy_timeout=3000&mode=rwc&_sync=FULL"} {
		db := opened(t, "sqlite://"+filepath.ToSlash(filepath.Join(t.TempDir(), "a b.db"))+parameters)
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", parameters, err)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db := migrated(t)
	r := db.reads.on(t.Context())
	if _, err := r.exec("DELETE FROM flows"); err == nil {
		t.Error("exec was allowed")
	}
	if err := r.query("DELETE FROM flows RETURNING id", nil, discardRow); err == nil {
		t.Error("a query that deletes was allowed")
	}
}

func discardRow(row) error { return nil }

func TestAReadEndsWithItsCaller(t *testing.T) {
	db := migrated(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Tenant(1).Identity(ctx, uuid.New()); err != context.Canceled { //nolint:errorlint // nothing may wrap it
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestSeveralProcessesMigrateAtOnce(t *testing.T) {
	dsn := "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			db, err := Open(t.Context(), Options{DSN: dsn})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
			if pending, err := db.Pending(t.Context()); err != nil || pending {
				t.Errorf("pending %v, %v", pending, err)
			}
		})
	}
	all.Wait()
}

func TestMigrationsGoForwardOnly(t *testing.T) {
	err := filepath.WalkDir("migrations", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "+goose Down") {
			t.Errorf("%s has a way back", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryTableHasATenant keeps new tables honest.
func TestEveryTableHasATenant(t *testing.T) {
	db := migrated(t)
	global := map[string]bool{"leases": true, "schema_migrations": true, "sqlite_sequence": true}
	err := db.reads.on(t.Context()).query("SELECT m.name, (SELECT name FROM pragma_table_info(m.name) WHERE pk = 1) FROM sqlite_schema m WHERE m.type = 'table'",
		nil, func(rows row) error {
			var table string
			var first sql.NullString
			err := rows.Scan(&table, &first)
			if !global[table] && first.String != "tenant" {
				t.Errorf("the primary key of %s begins with %q", table, first.String)
			}
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
}

// person is an identity with a password, an address to verify and one to recover.
func person(mail string) *identity.Identity {
	return &identity.Identity{
		SchemaID: "default", State: identity.Active, Traits: []byte(`{"email":"` + mail + `"}`),
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Password: {Identifiers: []string{mail}, Config: []byte(`{"hashed_password":"$2a$"}`)},
		},
		VerifiableAddresses: []identity.VerifiableAddress{{Value: mail, Via: identity.Email, Status: identity.AddressPending}},
		RecoveryAddresses:   []identity.RecoveryAddress{{Value: mail, Via: identity.Email}},
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
