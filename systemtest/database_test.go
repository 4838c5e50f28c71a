package systemtest

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver, for looking at a server's file from outside
)

// openDatabase opens a server's file as another process would.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// look opens a server's database as another process would.
func (s *server) look(t *testing.T) *sql.DB {
	t.Helper()
	switch scheme, address, _ := strings.Cut(s.dsn, "://"); scheme {
	case "sqlite":
		return openDatabase(t, s.database())
	case "mysql":
		db, err := sql.Open("mysql", address)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, err := sql.Open("pgx", s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// checkDatabase wants a file without damage and without rows that lead nowhere.
func checkDatabase(t *testing.T, path string) {
	t.Helper()
	db := openDatabase(t, path)
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the database's integrity: %q %v", verdict, err)
	}
	rows, err := db.Query("PRAGMA foreign_key_check")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		t.Error("a row refers to one that is not there")
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}

// lockDatabase takes the write lock of the file from outside. release gives it
// back; it may be called once.
func lockDatabase(t *testing.T, path string) (release func()) {
	t.Helper()
	ctx := context.Background()
	conn, err := openDatabase(t, path).Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
}
