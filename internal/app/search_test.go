package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/store"
)

// TestWhatIsStoredBecomesSearchable: a schema that declares a trait searchable later
// lets those be found who are there already, and one that takes it back does not.
func TestWhatIsStoredBecomesSearchable(t *testing.T) {
	now := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	rows := db.Tenant(store.DefaultTenant)
	var people []*identity.Identity
	for n := range 2*searchPage + 1 {
		people = append(people, &identity.Identity{
			ID: uuid.New(), SchemaID: "default", State: identity.Active, Traits: json.RawMessage(fmt.Sprintf(`{"name":"Person %d"}`, n)),
		})
	}
	people[0].Traits = json.RawMessage(`{"name":1}`)
	if _, err := rows.CreateIdentities(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	a := &App{db: db, clock: now, log: slog.New(slog.DiscardHandler), setup: &setupHolder{}}
	for about, tc := range []struct {
		own  string
		want int
	}{{``, 0}, {`,"cardea":{"searchable":true}`, 2 * searchPage}, {``, 0}, {`,"cardea":{"searchable":true}`, 2 * searchPage}} {
		a.setup.store(setupOf(t, `{"type":"object","properties":{"traits":{"type":"object","properties":{"name":{"type":"string"`+tc.own+`}}}}}`))
		for range 2 { // the second time there is nothing to do
			if err := a.indexSearch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n, err := rows.CountMatching(t.Context(), store.IdentityFilter{Traits: []identity.SearchMatch{{Name: "name", Text: "person", How: identity.Begins}}})
		if err != nil || n != tc.want {
			t.Errorf("schema %d: %d are found, want %d (%v)", about, n, tc.want, err)
		}
	}
}

func setupOf(t *testing.T, schema string) *flow.Setup {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yml")
	text := "dsn: memory\nsecrets: {default: [default-secret-default-secret-01]}\nidentity: {schemas: [{id: default, url: 'https://x.test/s.json'}]}\n" +
		"selfservice: {default_browser_return_url: 'https://x.test/'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	snapshot, err := config.Load(config.Options{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	setup, err := flow.Compile(t.Context(), snapshot, func(context.Context, string) ([]byte, error) { return []byte(schema), nil })
	if err != nil {
		t.Fatal(err)
	}
	return setup
}
