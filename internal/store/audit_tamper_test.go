package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardea/internal/audit"
	"cardea/internal/clock"
	"cardea/internal/store"
	"cardea/internal/store/dbtest"
)

// What somebody does to the audit log who owns the database, and where the check says
// that it is broken first.
var tamperings = []struct {
	name       string
	statements []string
	at         int64
}{
	{"a changed row", []string{"UPDATE audit_log SET actor = 'somebody' WHERE seq = 3"}, 3},
	{"a changed row with another hash", []string{"UPDATE audit_log SET times = 7, hash = (SELECT h FROM (SELECT hash AS h FROM audit_log WHERE seq = 2) x) WHERE seq = 3"}, 3},
	{"a removed row", []string{"DELETE FROM audit_log WHERE seq = 4"}, 4},
	{"a removed row whose place is taken by the next", []string{"DELETE FROM audit_log WHERE seq = 4", "UPDATE audit_log SET seq = 4 WHERE seq = 5"}, 4},
	{"the first row removed", []string{"DELETE FROM audit_log WHERE seq = 1"}, 1},
	{"a beginning removed as the janitor would", []string{"DELETE FROM audit_log WHERE seq <= 2",
		"UPDATE audit_heads SET anchor = 2"}, 0},
	{"two rows in another order", []string{"UPDATE audit_log SET seq = 99 WHERE seq = 2", "UPDATE audit_log SET seq = 2 WHERE seq = 3", "UPDATE audit_log SET seq = 3 WHERE seq = 99"}, 2},
	{"a row added at the end", []string{"UPDATE audit_log SET seq = 7 WHERE seq = 6", "INSERT INTO audit_log SELECT tenant, 6, hash, id, at, action, outcome, actor, identity_id, session_id, request_id, ip, user_agent, times, details FROM audit_log WHERE seq = 5"}, 6},
	{"a row behind the head", []string{"INSERT INTO audit_log SELECT tenant, 7, hash, id, at, action, outcome, actor, identity_id, session_id, request_id, ip, user_agent, times, details FROM audit_log WHERE seq = 6"}, 7},
	{"the end cut off", []string{"DELETE FROM audit_log WHERE seq > 4"}, 5},
	{"the end cut off and the head moved back", []string{"DELETE FROM audit_log WHERE seq > 4",
		"UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit_log WHERE seq = 4)"}, 0},
	{"everything removed but the head", []string{"DELETE FROM audit_log"}, 1},
	{"the head removed", []string{"DELETE FROM audit_heads"}, 1},
}

func TestWhoeverChangesTheAuditLogOfSQLiteIsFound(t *testing.T) {
	tamper(t, "sqlite", "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
}

func TestWhoeverChangesTheAuditLogOfPostgreSQLIsFound(t *testing.T) {
	tamper(t, "pgx", dbtest.Postgres(t).Database(t))
}

func TestWhoeverChangesTheAuditLogOfMariaDBIsFound(t *testing.T) {
	tamper(t, "mysql", dbtest.MariaDB(t).Database(t))
}

func tamper(t *testing.T, driver, dsn string) {
	raw, err := sql.Open(driver, strings.TrimPrefix(strings.TrimPrefix(dsn, "mysql://"), "sqlite://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	now := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	db := open(t, store.Options{DSN: dsn, Clock: now})
	keys := audit.NewKeys([][]byte{make([]byte, 32)})
	rows := db.Tenant(1).Audited(func() bool { return true })
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			for _, table := range []string{"audit_log", "audit_tail", "audit_heads"} {
				execute(t, raw, "DELETE FROM "+table)
			}
			for range 6 {
				now.Advance(time.Second)
				if err := rows.Record(t.Context(), audit.Entry{Action: "login.succeeded", Actor: "key:1"}); err != nil {
					t.Fatal(err)
				}
			}
			s := audit.Sealer{Chains: db.System(), Keys: func() audit.Keys { return keys }, Clock: now}
			if err := s.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, rows, keys); r.Broken() || r.Checked != 6 {
				t.Fatalf("before: %+v", r)
			}
			for _, q := range c.statements {
				execute(t, raw, q)
			}
			if r := verify(t, rows, keys); !r.Broken() || r.At != c.at {
				t.Errorf("found at %d: %q, want it at %d", r.At, r.Problem, c.at)
			}
		})
	}
}

func execute(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func verify(t *testing.T, rows *store.Tenant, keys audit.Keys) *audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), rows, keys, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
