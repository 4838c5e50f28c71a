package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"cardea/internal/clock"
	"cardea/internal/store"
	"cardea/internal/store/dbtest"
	"cardea/internal/store/storetest"
)

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	contract(t, "pgx", dbtest.Postgres(t).Database(t))
}

// Reads without a transaction are serializable here as well, and every lock covers a
// whole table: what can lose against others does.
func TestPostgreSQLKeepsTheContractWhenEverythingConflicts(t *testing.T) {
	contract(t, "pgx", dbtest.Postgres(t, dbtest.Conflicts...).Database(t))
}

func TestMariaDBKeepsTheContract(t *testing.T) {
	contract(t, "mysql", dbtest.MariaDB(t).Database(t))
}

// contract runs the contract on one database of a server, which is emptied for
// each case.
func contract(t *testing.T, driver, dsn string) {
	raw, err := sql.Open(driver, strings.TrimPrefix(dsn, "mysql://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	open(t, store.Options{DSN: dsn}) // migrates
	tables := tablesOf(t, raw, driver)
	storetest.Run(t, func(t *testing.T, c clock.Clock) (*store.DB, storetest.Twins) {
		for _, table := range tables {
			if _, err := raw.Exec("DELETE FROM " + table); err != nil {
				t.Fatal(err)
			}
		}
		return open(t, store.Options{DSN: dsn, Clock: c}), nil
	})
}

func tablesOf(t *testing.T, db *sql.DB, driver string) (tables []string) {
	t.Helper()
	schema := map[string]string{"pgx": "current_schema()", "mysql": "DATABASE()"}[driver]
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = " + schema + " AND table_name <> 'schema_migrations'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil || len(tables) < 10 {
		t.Fatalf("only %d tables: %v", len(tables), err)
	}
	return tables
}
