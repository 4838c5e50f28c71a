package store

import (
	"strings"
	"testing"
)

// FuzzDSN feeds addresses of databases. Errors never repeat the password in them.
func FuzzDSN(f *testing.F) {
	for _, seed := range []string{
		"memory", "sqlite://x.db?_fk=true&mode=memory", "sqlite://%zz", "postgres://u:hunter2-secret@h:5432/d?sslmode=disable&max_conns=5", "mysql://u:hunter2-secret@tcp(h:3306)/d?parseTime=true", "cockroach://u:hunter2-secret@/d",
		"mysql://u:hunter2-secret@tcp(/d", "postgres://u:hunter2-secret@[::/d", "postgres://u:hunter2-secret%zz@h/d", "oracle://u:hunter2-secret@h", "", "://", "mysql://", "sqlite://file:x?cache=shared&_busy_timeout=-1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if _, err := parseDSN(dsn); err != nil && strings.Contains(dsn, "hunter2-secret") && strings.Contains(err.Error(), "hunter2-secret") {
			t.Errorf("%q: %s", dsn, err)
		}
	})
}
