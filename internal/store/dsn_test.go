package store

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cardea/internal/store/dbtest"
)

func TestDSNsAreUnderstood(t *testing.T) {
	for _, c := range []struct {
		dsn, path string
		temporary bool
		pragmas   map[string]string
		warnings  int
	}{
		{dsn: "memory", temporary: true},
		{dsn: "sqlite://file::memory:?_fk=true&cache=shared", temporary: true},
		{dsn: "sqlite:///var/x.db?mode=memory", path: "/var/x.db", temporary: true},
		{dsn: "sqlite:///var/lib/x.db", path: "/var/lib/x.db", pragmas: map[string]string{
			"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON", "busy_timeout": "5000",
		}},
		{dsn: "sqlite3://./x.db?_fk=true&mode=rwc", path: "./x.db"},
		{dsn: "sqlite://file:/a%20b.db?_pragma=busy_timeout(7)&_pragma=cache_size=-9", path: "/a b.db", pragmas: map[string]string{"busy_timeout": "7", "cache_size": "-9"}},
		{dsn: "sqlite://x?_timeout=1&_journal=DELETE&_sync=EXTRA&_cache_size=-1", path: "x", pragmas: map[string]string{
			"busy_timeout": "1", "journal_mode": "DELETE", "synchronous": "EXTRA", "cache_size": "-1",
		}},
		{dsn: "sqlite://x?_fk=off", path: "x", pragmas: map[string]string{"foreign_keys": "ON"}, warnings: 1},
		{dsn: "sqlite://x?_pragma=foreign_keys(0)", path: "x", pragmas: map[string]string{"foreign_keys": "ON"}, warnings: 1},
		{dsn: "sqlite://x?_journal_mode=off", path: "x", pragmas: map[string]string{"journal_mode": "WAL"}, warnings: 1},
		{dsn: "sqlite://x?_locking_mode=exclusive", path: "x", warnings: 1},
		{dsn: "sqlite://x?_pragma=foreign_keys(1)%3BATTACH%20'y'%20AS%20y", path: "x", warnings: 1},
		{dsn: "sqlite://x?_busy_timeout=1%3BDROP", path: "x", warnings: 1, pragmas: map[string]string{"busy_timeout": "5000"}},
		{dsn: "sqlite://x?nonsense=1&_txlock=immediate&_time_format=sqlite", path: "x", warnings: 1},
	} {
		s, err := parseDSN(c.dsn)
		if err != nil {
			t.Errorf("%s: %v", c.dsn, err)
			continue
		}
		if !c.temporary && s.path != c.path || s.temporary != c.temporary || len(s.warnings) != c.warnings {
			t.Errorf("%s: path %q, temporary %v, warnings %q", c.dsn, s.path, s.temporary, s.warnings)
		}
		for _, p := range s.pragmas {
			if want, ok := c.pragmas[p.name]; ok && want != p.value {
				t.Errorf("%s: %s is %s, want %s", c.dsn, p.name, p.value, want)
			}
		}
	}
}

func TestDSNsOfThePoolAreUnderstood(t *testing.T) {
	s, err := parseDSN("sqlite://x?max_conns=3&max_idle_conns=2&max_conn_lifetime=5m&max_conn_idle_time=1m")
	if err != nil || s.maxConns != 3 || s.maxIdle != 2 || s.maxLifetime != 5*time.Minute || s.maxIdleTime != time.Minute || len(s.warnings) > 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestEveryFormOfAServersDSNIsUnderstood(t *testing.T) {
	const limits = "max_conns=3&max_idle_conns=2&max_conn_lifetime=5m&max_conn_idle_time=1m"
	for _, c := range []struct{ dsn, dialect string }{
		{"postgres://u:p%40ss@h:5432/d?sslmode=disable", "postgres"},
		{"postgresql://u@h/d?application_name=x", "postgres"},
		{"pg://u@h1:5432,h2:5433/d?target_session_attrs=read-write", "postgres"},
		{"pgx://u@/d?host=/run/postgresql", "postgres"},
		{"cockroach://u@h:26257/d?sslmode=disable", "postgres"},
		{"cockroachdb://u@h:26257/d?sslmode=disable", "postgres"},
		{"crdb://u@h:26257/d?sslmode=disable", "postgres"},
		{"mysql://u:p@ss@tcp(h:3306)/d?parseTime=true&multiStatements=true", "mysql"},
		{"mysql://u@unix(/run/mysqld/mysqld.sock)/d?tls=false", "mysql"},
	} {
		s, err := parseDSN(c.dsn + "&" + limits)
		if err != nil {
			t.Errorf("%s: %v", c.dsn, err)
			continue
		}
		if s.dialect.name != c.dialect || s.connector == nil {
			t.Errorf("%s: is %s", c.dsn, s.dialect.name)
		}
		if want := (poolLimits{3, 2, 5 * time.Minute, time.Minute}); s.poolLimits != want {
			t.Errorf("%s: the pool is %+v, want %+v", c.dsn, s.poolLimits, want)
		}
		if s, err = parseDSN(c.dsn); err != nil || s.maxConns != 2*runtime.NumCPU() || s.maxIdle != s.maxConns || s.maxLifetime != 0 || s.maxIdleTime != 0 {
			t.Errorf("%s: without limits the pool is %+v, %v", c.dsn, s.poolLimits, err)
		}
	}
}

// A server refuses parameters that it does not know, so that those of the pool may not
// get there.
func TestTheParametersOfThePoolDoNotReachTheServer(t *testing.T) {
	for name, server := range map[string]*dbtest.Server{"PostgreSQL": dbtest.Postgres(t), "MariaDB": dbtest.MariaDB(t)} {
		db := opened(t, server.Database(t)+"&max_conns=3&max_idle_conns=2&max_conn_lifetime=5m&max_conn_idle_time=1m")
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := db.reads.work().MaxOpenConnections; got != 3 {
			t.Errorf("%s: %d connections are allowed", name, got)
		}
	}
}

func TestDSNsThatCannotBeMeantAreRefusedWithoutRepeatingThem(t *testing.T) {
	for _, dsn := range []string{
		"", "x.db", "oracle://u:secret@h/db", "sqlite://x?pool_min_conns=1", "sqlite://x?max_conns=secret",
		"sqlite://x?max_conns=0", "sqlite://x?max_conn_lifetime=secret", "sqlite://x?%zz=secret", "sqlite://%zzsecret",
		"postgres://u:secret@h:port/d", "postgres://h/d?pool_min_conns=1", "postgres://u:secret@h/d?sslmode=secret",
		"mysql://u:secret@h", "mysql://u:secret@tcp(h)/", "mysql://u@tcp(h)/d?parseTime=secret",
	} {
		if _, err := parseDSN(dsn); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want a refusal that does not repeat it", dsn, err)
		}
	}
}

func TestADatabaseFileIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b#c%d.db")
	db, err := Open(t.Context(), Options{DSN: "sqlite://" + strings.NewReplacer("%", "%25", "?", "%3F").Replace(path)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Tenant(1).CreateIdentity(t.Context(), person("a")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

func TestATemporaryDatabaseLeavesNothingBehind(t *testing.T) {
	db, err := Open(t.Context(), Options{DSN: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	path := db.source.path
	if err := db.Tenant(1).CreateIdentity(t.Context(), person("a")); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}
