package store

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/store/dbtest"
)

// servers are the databases that run beside the process. PostgreSQL runs with few
// locks as well, where whole pages conflict.
var servers = []struct {
	name  string
	start func(testing.TB) *dbtest.Server
}{
	{"PostgreSQL", func(t testing.TB) *dbtest.Server { return dbtest.Postgres(t) }},
	{"PostgreSQL with coarse locks", func(t testing.TB) *dbtest.Server {
		return dbtest.Postgres(t, dbtest.Conflicts...)
	}},
	{"MariaDB", func(t testing.TB) *dbtest.Server { return dbtest.MariaDB(t) }},
}

func TestServers(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			server := s.start(t)
			for name, test := range map[string]func(*testing.T, *dbtest.Server){
				"several processes migrate at once":                    severalMigrate,
				"transactions behave as if they ran one by one":        oneByOne,
				"a lost server is busy until it is back":               lostServer,
				"a failed transaction leaves nothing, not even a wait": failedTransaction,
				"every table has a tenant":                             everyTableHasATenant,
				"what need not be known at once fails in its turn":     laterFailures,
				"what lost is run again, whatever is made of it":       lostAndSwallowed,
				"a deadline ends a write and frees its connection":     deadlineOfAWrite,
				"of rows that travel together one is refused alone":    rowsTogether,
			} {
				t.Run(name, func(t *testing.T) { test(t, server) })
			}
		})
	}
}

func opened(t *testing.T, dsn string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func severalMigrate(t *testing.T, s *dbtest.Server) {
	dsn := s.Database(t)
	var all sync.WaitGroup
	for range 4 {
		db := opened(t, dsn)
		all.Go(func() {
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

// oneByOne: each reads what all wrote and writes
// one more. Side by side, two of them would read the same.
func oneByOne(t *testing.T, s *dbtest.Server) {
	const writers = 48
	db := opened(t, s.Database(t)+"&max_conns=8")
	run(t, db, "CREATE TABLE notes (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)")
	var all sync.WaitGroup
	for k := range writers {
		all.Go(func() {
			err := db.writes.write(t.Context(), func(c conn) error {
				var n int64
				if err := one(c, "SELECT count(*) FROM notes", nil, &n); err != nil {
					return err
				}
				return c.later(nil, "INSERT INTO notes (id, n) VALUES (?, ?)", int64(k), n)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var rows, different, most int
	if err := one(db.reads.on(t.Context()), "SELECT count(*), count(DISTINCT n), max(n) FROM notes", nil, &rows, &different, &most); err != nil {
		t.Fatal(err)
	}
	if rows != writers || different != writers || most != writers-1 {
		t.Errorf("%d rows with %d different numbers up to %d, want %d that count up", rows, different, most, writers)
	}
}

func run(t *testing.T, db *DB, query string) {
	t.Helper()
	if err := db.writes.write(t.Context(), func(c conn) error { _, err := c.exec(query); return err }); err != nil {
		t.Fatal(err)
	}
}

func lostServer(t *testing.T, s *dbtest.Server) {
	db := opened(t, s.Database(t))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tenant, i := db.Tenant(1), person("a@example.org")
	if err := tenant.CreateIdentity(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	for name, op := range map[string]func() error{
		"a read":  func() error { _, err := tenant.Identity(t.Context(), i.ID); return err },
		"a write": func() error { return tenant.CreateIdentity(t.Context(), person("b@example.org")) },
		"a flow":  func() error { return tenant.CreateFlow(t.Context(), &flow.Flow{IssuedAt: start, ExpiresAt: start}) },
	} {
		for range 2 { // on a connection that broke, and on a new one
			var p *problem.Error
			if err := op(); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
				t.Errorf("%s answered %v, want a problem of status 503", name, err)
			}
		}
	}
	s.Start(t)
	if _, err := tenant.Identity(t.Context(), i.ID); err != nil {
		t.Errorf("what was acknowledged: %v", err)
	}
	if err := tenant.CreateIdentity(t.Context(), person("c@example.org")); err != nil {
		t.Errorf("a write after it: %v", err)
	}
}

func failedTransaction(t *testing.T, s *dbtest.Server) {
	db := opened(t, s.Database(t)+"&max_conns=1")
	run(t, db, "CREATE TABLE notes (id BIGINT PRIMARY KEY)")
	mine := errors.New("mine")
	write := func(then func()) error {
		return db.writes.write(t.Context(), func(c conn) error {
			if _, err := c.exec("INSERT INTO notes (id) VALUES (1)"); err != nil {
				return err
			}
			then()
			return mine
		})
	}
	if err := write(func() {}); err != mine { //nolint:errorlint // callers compare
		t.Errorf("got %v, want the function's own failure", err)
	}
	var panicked *PanicError
	if err := write(func() { panic("x") }); !errors.As(err, &panicked) {
		t.Errorf("got %v, want the panic", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var n int
	if err := one(db.reads.on(ctx), "SELECT count(*) FROM notes", nil, &n); err != nil || n != 0 {
		t.Errorf("%d rows stayed, %v", n, err)
	}
}

// TestEveryDatabaseHasEveryMigration: a change of the schema is made for all.
func TestEveryDatabaseHasEveryMigration(t *testing.T) {
	names := func(folder string) (list []string) {
		entries, err := os.ReadDir("migrations/" + folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	want := names("sqlite")
	for _, folder := range []string{"postgres", "mysql"} {
		if got := names(folder); !sameSet(got, want) {
			t.Errorf("%s has %v, SQLite has %v", folder, got, want)
		}
	}
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func everyTableHasATenant(t *testing.T, s *dbtest.Server) {
	db := opened(t, s.Database(t))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	schema := map[string]string{"postgres": "current_schema()", "mysql": "DATABASE()"}[db.Dialect()]
	global := map[string]bool{"leases": true, "schema_migrations": true}
	err := db.reads.on(t.Context()).query("SELECT t.table_name, (SELECT k.column_name FROM information_schema.key_column_usage k "+
		"JOIN information_schema.table_constraints c ON c.constraint_name = k.constraint_name AND c.table_name = k.table_name AND c.table_schema = k.table_schema "+
		"WHERE k.table_schema = t.table_schema AND k.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY' AND k.ordinal_position = 1) "+
		"FROM information_schema.tables t WHERE t.table_schema = "+schema, nil, func(rows row) error {
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

func TestDSNsOfServersAreUnderstood(t *testing.T) {
	for dsn, dialect := range map[string]string{
		"postgres://u:p@h:5432/d?sslmode=disable":        "postgres",
		"postgresql://u@h/d?sslmode=disable":             "postgres",
		"pgx://u@h/d?sslmode=disable":                    "postgres",
		"cockroach://root@h:26257/d?sslmode=disable":     "postgres",
		"mysql://u:p@tcp(h:3306)/d?multiStatements=true": "mysql",
	} {
		s, err := parseDSN(dsn + "&max_conns=7&max_idle_conns=3&max_conn_lifetime=5m")
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if s.dialect.name != dialect || s.connector == nil || s.maxConns != 7 || s.maxIdle != 3 || s.maxLifetime != 5*time.Minute {
			t.Errorf("%s: %s with %+v", dsn, s.dialect.name, s.poolLimits)
		}
	}
}
