package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// twins are storetest.Twins of an SQLite file. Triggers keep every row that was ever
// inserted in a table beside its own.
type twins struct {
	db     *sql.DB
	tables map[string][]string // columns by table; the first is tenant
}

func newTwins(t *testing.T, path string) *twins {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(0)&_pragma=busy_timeout(5000)&_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &twins{db: db, tables: map[string][]string{}}
	for _, row := range w.strings(t, "SELECT m.name || '|' || group_concat(c.name, '|') FROM sqlite_schema m, pragma_table_info(m.name) c "+
		"WHERE m.type = 'table' GROUP BY m.name") {
		if fields := strings.Split(row, "|"); fields[1] == "tenant" {
			w.tables[fields[0]] = fields[1:]
		}
	}
	if len(w.tables) < 10 {
		t.Fatalf("only %d tables have tenants", len(w.tables))
	}
	for table, columns := range w.tables {
		w.exec(t, "CREATE TABLE ever_"+table+" AS SELECT * FROM "+table)
		w.exec(t, fmt.Sprintf("CREATE TRIGGER keep_%[1]s AFTER INSERT ON %[1]s WHEN NEW.tenant = 1 BEGIN INSERT INTO ever_%[1]s VALUES (NEW.%[2]s); END",
			table, strings.Join(columns, ", NEW.")))
	}
	return w
}

func (w *twins) exec(t *testing.T, query string) {
	t.Helper()
	if _, err := w.db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (w *twins) strings(t *testing.T, query string) (list []string) {
	t.Helper()
	rows, err := w.db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Raise puts the twins in place. Of rows with one key the first counts.
func (w *twins) Raise(t *testing.T) {
	for table, columns := range w.tables {
		w.exec(t, "DELETE FROM "+table)
		w.exec(t, fmt.Sprintf("INSERT OR IGNORE INTO %[1]s (%[2]s) SELECT 2, %[3]s FROM ever_%[1]s ORDER BY rowid",
			table, strings.Join(columns, ", "), strings.Join(columns[1:], ", ")))
	}
}

// Dump lists the twins.
func (w *twins) Dump(t *testing.T) map[string][]string {
	dump := map[string][]string{}
	for table, columns := range w.tables {
		dump[table] = w.strings(t, "SELECT quote("+strings.Join(columns, ") || ' ' || quote(")+") FROM "+table+" WHERE tenant = 2 ORDER BY 1")
	}
	return dump
}
