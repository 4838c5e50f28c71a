package store

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// eachMigration visits the statements of every migration, without comments.
func eachMigration(t *testing.T, dialect string, visit func(name, text string, statements []string)) {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/"+dialect+"/*.sql")
	if err != nil || len(files) < 9 {
		t.Fatalf("only %d migrations, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := fs.ReadFile(migrations, file)
		if err != nil {
			t.Fatal(err)
		}
		var statements []string
		for each := range strings.SplitSeq(regexp.MustCompile(`--[^\n]*`).ReplaceAllString(string(raw), ""), ";") {
			if s := strings.Join(strings.Fields(each), " "); s != "" {
				statements = append(statements, s)
			}
		}
		visit(path.Join(dialect, path.Base(file)), string(raw), statements)
	}
}

// TestMigrationsLeaveTheVersionBeforeWhatItNeeds: it serves while they run and after.
func TestMigrationsLeaveTheVersionBeforeWhatItNeeds(t *testing.T) {
	breaks := regexp.MustCompile(`(?i)^(DROP TABLE|TRUNCATE|RENAME)|^ALTER TABLE .*\b(DROP|RENAME|MODIFY|CHANGE|ALTER COLUMN|ADD CONSTRAINT|ADD UNIQUE)\b`)
	added := regexp.MustCompile(`(?i)\bADD COLUMN [^,]*`)
	for _, dialect := range []string{"sqlite", "postgres", "mysql"} {
		eachMigration(t, dialect, func(name, _ string, statements []string) {
			for _, s := range statements {
				if breaks.MatchString(s) {
					t.Errorf("%s takes something away: %s", name, s)
				}
				for _, column := range added.FindAllString(strings.ToUpper(s), -1) {
					if strings.Contains(column, "NOT NULL") && !strings.Contains(column, "DEFAULT") {
						t.Errorf("%s obliges those who do not know a column to fill it: %s", name, s)
					}
				}
			}
		})
	}
}

// TestIndexesOfTablesThatAreInUseAreBuiltBesideThem: PostgreSQL would lock writers out
// until the index is there. An index that was not finished is made anew.
func TestIndexesOfTablesThatAreInUseAreBuiltBesideThem(t *testing.T) {
	created := regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	index := regexp.MustCompile(`(?i)^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON (\w+)`)
	eachMigration(t, "postgres", func(name, text string, statements []string) {
		fresh := map[string]bool{}
		for _, m := range created.FindAllStringSubmatch(text, -1) {
			fresh[m[1]] = true
		}
		for i, s := range statements {
			m := index.FindStringSubmatch(s)
			if m == nil || fresh[m[3]] {
				continue
			}
			if m[1] == "" || i == 0 || statements[i-1] != "DROP INDEX CONCURRENTLY IF EXISTS "+m[2] {
				t.Errorf("%s: %s: write DROP INDEX CONCURRENTLY IF EXISTS %[3]s before it, and CONCURRENTLY into it", name, s, m[2])
			}
		}
	})
}

// TestMigrationsOfMariaDBMayBeginAgain: its changes of tables commit by themselves, so
// that a file whose last statement has failed runs again from its first.
func TestMigrationsOfMariaDBMayBeginAgain(t *testing.T) {
	eachMigration(t, "mysql", func(name, _ string, statements []string) {
		for _, s := range statements[:len(statements)-1] {
			if !strings.Contains(strings.ToUpper(s), "IF NOT EXISTS") {
				t.Errorf("%s fails when it begins again: %s", name, s)
			}
		}
	})
}

// TestPostgreSQLsRelativesHaveAllThatIsAskedFor: distributed databases that speak like
// PostgreSQL lack these, or pay dearly for them.
func TestPostgreSQLsRelativesHaveAllThatIsAskedFor(t *testing.T) {
	lacking := regexp.MustCompile(`(?i)\b(SMALLSERIAL|SERIAL|BIGSERIAL|CREATE (?:UNLOGGED|SEQUENCE|TYPE|TRIGGER|FUNCTION|EXTENSION)|GENERATED|LISTEN|NOTIFY|pg_\w*advisory\w*|EXCLUDE|INHERITS|USING (?:gin|gist|hash|brin))\b`)
	eachMigration(t, "postgres", func(name, _ string, statements []string) {
		for _, s := range statements {
			if found := lacking.FindString(s); found != "" {
				t.Errorf("%s asks for %s: %s", name, found, s)
			}
		}
	})
}
