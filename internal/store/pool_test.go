package store

import (
	"errors"
	"path/filepath"
	"testing"
)

// contested is a pool of a database server whose statements lose until a number of them
// have lost.
func contested(t *testing.T, losses int) (p *pool, lost *int) {
	t.Helper()
	db := opened(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
	conns, err := openSQLitePool(db.source.sqliteDSN(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conns.Close() })
	d, lost := *db.dialect, new(int)
	d.again = func(error) bool {
		if *lost++; *lost == losses {
			run(t, db, "CREATE TABLE notes (n INTEGER)")
			run(t, db, "INSERT INTO notes VALUES (1), (2)")
		}
		return true
	}
	return &pool{conns, &d, &db.stats}, lost
}

func TestAReadThatLosesRunsAgain(t *testing.T) {
	p, _ := contested(t, 2)
	var n int
	if err := one(p.on(t.Context()), "SELECT sum(n) FROM notes", nil, &n); err != nil || n != 3 {
		t.Errorf("the read answers %d, %v", n, err)
	}
}

func TestAReadThatLosesForEverIsGivenUp(t *testing.T) {
	p, lost := contested(t, 1000)
	var n int
	if err := one(p.on(t.Context()), "SELECT sum(n) FROM notes", nil, &n); err == nil || *lost >= 100 {
		t.Errorf("the read answers %v after %d losses", err, *lost)
	}
}

func TestAReadThatHasToldARowIsNotRunAgain(t *testing.T) {
	p, lost := contested(t, 1)
	broken := errors.New("broken")
	if err := p.on(t.Context()).query("SELECT 1", nil, func(row) error { return broken }); err != broken || *lost > 0 { //nolint:errorlint // callers compare
		t.Errorf("the read answers %v after %d losses", err, *lost)
	}
}
