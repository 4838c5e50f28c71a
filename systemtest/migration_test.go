package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"cardea/internal/store/dbtest"
)

const (
	// migrated is how many people there are unless CARDEA_MIGRATED says otherwise.
	migrated = 2_000
	// hashed is the password as others may have hashed it.
	hashed = "$2a$04$yCQvCctwp7D.zh0v3923Uuhx9aUkElFrOy7/X05y1WTcxyEtnCUOK"
	// reading is how long somebody who makes a report keeps reading the tables that
	// are changed meanwhile; heldUp is how long anybody else may wait.
	reading = 8 * time.Second
	heldUp  = 6 * time.Second
)

// nextVersion is what a later version might do to the tables, by dialect and file: a
// table, columns of the largest ones, and an index over all of their rows.
var nextVersion = map[string]map[string]string{
	"sqlite": {"next": `-- +goose Up
CREATE TABLE next_notes (tenant INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;
ALTER TABLE identities ADD COLUMN next_note TEXT;
ALTER TABLE sessions ADD COLUMN next_mark INTEGER NOT NULL DEFAULT 0;
CREATE INDEX identities_next ON identities (tenant, created_at, next_note);
`, "next_more": "-- +goose Up\nALTER TABLE credentials ADD COLUMN next_note TEXT;\n"},
	"postgres": {"next": `-- +goose Up
CREATE TABLE next_notes (tenant BIGINT NOT NULL, id BYTEA NOT NULL, PRIMARY KEY (tenant, id));
ALTER TABLE identities ADD COLUMN next_note TEXT;
ALTER TABLE sessions ADD COLUMN next_mark BIGINT NOT NULL DEFAULT 0;
`, "next_more": `-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS identities_next;
CREATE INDEX CONCURRENTLY identities_next ON identities (tenant, created_at, next_note);
`},
	"mysql": {"next": `-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS next_notes (tenant BIGINT NOT NULL, id BINARY(16) NOT NULL, PRIMARY KEY (tenant, id)) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
ALTER TABLE identities ADD COLUMN next_note BINARY(16);
`, "next_more": `-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE sessions ADD COLUMN next_mark BIGINT NOT NULL DEFAULT 0, ADD INDEX sessions_next (tenant, created_at, next_mark);
`},
}

// next builds the version after this one: the same program with more migrations.
func next(t *testing.T) (binary string) {
	t.Helper()
	dir, over := t.TempDir(), map[string]string{}
	migrations, err := filepath.Abs("../internal/store/migrations")
	if err != nil {
		t.Fatal(err)
	}
	for dialect, files := range nextVersion {
		there, err := os.ReadDir(filepath.Join(migrations, dialect))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"next", "next_more"} {
			path := filepath.Join(dir, dialect+name)
			if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
				t.Fatal(err)
			}
			over[filepath.Join(migrations, dialect, fmt.Sprintf("%05d_%s.sql", len(there)+1+i, name))] = path
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": over})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "cardea-next")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-overlay", path, "-o", binary, "cardea/cmd/cardea")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v\n%s", err, out)
	}
	return binary
}

// TestTheVersionBeforeServesWhileTheNextOneMigrates: people sign up, in and out at
// this version while the next one changes the tables below it. Nobody is refused and
// nobody waits for long, whoever else reads the tables at the same time. After that
// both versions serve.
func TestTheVersionBeforeServesWhileTheNextOneMigrates(t *testing.T) {
	long(t)
	people := migrated
	if text := os.Getenv("CARDEA_MIGRATED"); text != "" {
		var err error
		if people, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	newer := next(t)
	for _, on := range []struct {
		name string
		dsn  func(*testing.T) string
	}{
		{"SQLite", func(*testing.T) string { return "" }},
		{"PostgreSQL", func(t *testing.T) string { return dbtest.Postgres(t).Database(t) }},
		{"MariaDB", func(t *testing.T) string { return dbtest.MariaDB(t).Database(t) }},
	} {
		t.Run(on.name, func(t *testing.T) { migrateUnderLoad(t, on.dsn(t), newer, people) })
	}
}

func migrateUnderLoad(t *testing.T, dsn, newer string, people int) {
	s := start(t, options{DSN: dsn, Config: "cardea: {throttle: {enabled: false}}"})
	s.importPeople(t, people)
	ids := s.identities(t)

	l := s.commuters(people)
	l.until(t, 40)
	release := s.report(t)
	begun := time.Now()
	later := *s // runs the next version beside it
	later.binary, later.process, later.gone = newer, nil, nil
	if err := later.command("migrate", "sql", "-e", "-y").Run(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, s.logTail())
	}
	took := time.Since(begun)
	release()
	l.until(t, 40)
	l.end(t)
	t.Logf("%d people migrated in %s beside %d journeys; the longest request took %s, the longest who-am-I %s",
		people, took.Round(time.Millisecond), l.journeys, l.slowest.Round(time.Millisecond), l.slowestLook.Round(time.Millisecond))
	if l.slowest > heldUp {
		t.Errorf("somebody waited %s, want less than %s", l.slowest, heldUp)
	}

	// Both versions serve what the other wrote; the older one starts as well.
	public, admin := freePort(t), freePort(t)
	later.PublicURL, later.AdminURL = fmt.Sprintf("http://127.0.0.1:%d", public), fmt.Sprintf("http://127.0.0.1:%d", admin)
	later.files = append(later.files[:len(later.files):len(later.files)], later.write(t, "later.yml",
		fmt.Sprintf("serve: {public: {port: %d}, admin: {port: %d}}", public, admin)))
	t.Cleanup(func() { later.kill(t) })
	later.start(t)
	s.stop(t)
	s.start(t)
	for i, each := range []*server{s, &later} {
		email := fmt.Sprintf("after-%d@cardea.test", i)
		if _, err := each.native().signUp(email); err != nil {
			t.Errorf("sign up at version %d: %v", i, err)
		}
		for j, other := range []*server{s, &later} {
			if _, err := other.native().signIn(email); err != nil {
				t.Errorf("sign in at version %d who signed up at version %d: %v", j, i, err)
			}
		}
	}
	if got, want := s.identities(t), ids+l.signedUp+2; got != want {
		t.Errorf("there are %d identities, want %d", got, want)
	}
}

// commuter is the address of somebody who was imported.
func commuter(n int) string { return fmt.Sprintf("commuter-%d@cardea.test", n) }

// importPeople makes people with a password and an address.
func (s *server) importPeople(t *testing.T, n int) {
	t.Helper()
	const batch = 1000
	admin := s.native()
	admin.base = s.AdminURL
	for from := 0; from < n; from += batch {
		var identities []map[string]any
		for i := from; i < min(from+batch, n); i++ {
			identities = append(identities, map[string]any{"create": map[string]any{
				"schema_id": "default", "traits": map[string]any{"email": commuter(i)},
				"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"hashed_password": hashed}}},
			}})
		}
		a, err := admin.json("PATCH", "/admin/identities", map[string]any{"identities": identities})
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("import: %v %+v", err, a)
		}
	}
}

func (s *server) identities(t *testing.T) (n int) {
	t.Helper()
	db := s.look(t)
	defer func() { _ = db.Close() }()
	if err := db.QueryRow("SELECT count(*) FROM identities").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// report reads the tables in one transaction for a while, or until release.
func (s *server) report(t *testing.T) (release func()) {
	t.Helper()
	db := s.look(t)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"identities", "sessions", "credentials"} {
		var n int
		if err := tx.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), reading)
	gone := make(chan bool)
	go func() {
		<-ctx.Done()
		_ = tx.Rollback() // it has read and nothing else
		_ = db.Close()
		close(gone)
	}()
	return func() { stop(); <-gone }
}

// commute is a load of people who sign up, in and out.
type commute struct {
	over chan struct{}
	all  sync.WaitGroup

	mu                   sync.Mutex
	journeys, signedUp   int
	slowest, slowestLook time.Duration
	failed               []error
}

func (s *server) commuters(people int) *commute {
	const members = 4
	l := &commute{over: make(chan struct{})}
	for member := range members {
		l.all.Go(func() {
			c := s.native()
			defer c.http.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-l.over:
					return
				default:
				}
				l.one(c, commuter((n*members+member)%people), fmt.Sprintf("new-%d-%d@cardea.test", member, n))
			}
		})
	}
	return l
}

// one signs in somebody who is known, looks who that is, signs them out, and signs
// somebody new up.
func (l *commute) one(c *client, known, unknown string) {
	step := func(took *time.Duration, do func() error) {
		begun := time.Now()
		err := do()
		l.mu.Lock()
		defer l.mu.Unlock()
		if *took = max(*took, time.Since(begun)); err != nil {
			l.failed = append(l.failed, err)
		}
	}
	var who person
	step(&l.slowest, func() (err error) { who, err = c.signIn(known); return err })
	step(&l.slowestLook, func() error {
		a, err := c.whoami(who.Token)
		if err == nil && a.Status != http.StatusOK {
			err = &refusal{"whoami", a}
		}
		return err
	})
	step(&l.slowest, func() error {
		a, err := c.json("DELETE", "/self-service/logout/api", map[string]string{"session_token": who.Token})
		if err == nil && a.Status != http.StatusNoContent {
			err = &refusal{"sign out", a}
		}
		return err
	})
	step(&l.slowest, func() error { _, err := c.signUp(unknown); return err })
	l.mu.Lock()
	l.journeys, l.signedUp = l.journeys+1, l.signedUp+1
	l.mu.Unlock()
}

// until waits for more journeys.
func (l *commute) until(t *testing.T, more int) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	want := -1
	for begun := time.Now(); ; <-poll.C {
		l.mu.Lock()
		done := l.journeys
		l.mu.Unlock()
		if want < 0 {
			want = done + more
		}
		if done >= want {
			return
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%d journeys of %d within two minutes", done, want)
		}
	}
}

// end stops the load, of which nothing may have failed.
func (l *commute) end(t *testing.T) {
	t.Helper()
	close(l.over)
	l.all.Wait()
	for i, err := range l.failed {
		if i == 5 {
			t.Fatalf("and %d more", len(l.failed)-i)
		}
		t.Errorf("beside the migration: %v", err)
	}
}
