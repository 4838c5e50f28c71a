package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/store"
)

func TestEverybodyImportedIsSomebodyElse(t *testing.T) {
	bcrypt := regexp.MustCompile(`^\$2a\$12\$[./A-Za-z0-9]{53}$`)
	seen := map[string]bool{}
	for from := 0; from < 3000; from += importBatch {
		var body struct {
			Identities []struct {
				Create struct {
					Traits      struct{ Email string }
					Credentials struct {
						Password struct {
							Config struct {
								Hash string `json:"hashed_password"`
							}
						}
					}
				}
			}
		}
		if err := json.Unmarshal(batchBody(from, from+importBatch), &body); err != nil || len(body.Identities) != importBatch {
			t.Fatal(len(body.Identities), err)
		}
		for _, i := range body.Identities {
			hash := i.Create.Credentials.Password.Config.Hash
			if !bcrypt.MatchString(hash) || seen[hash] || seen[i.Create.Traits.Email] {
				t.Fatalf("%s with %s is not new or not well-formed", i.Create.Traits.Email, hash)
			}
			seen[hash], seen[i.Create.Traits.Email] = true, true
		}
	}
}

// The same rows are all rows: a table that identities have rows in and that the raw
// insertion does not know would make the comparison unfair.
func TestTheSameRowsAreInsertedAgain(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from.sqlite"), filepath.Join(t.TempDir(), "to.sqlite")
	for _, path := range []string{from, to} {
		db, err := store.Open(t.Context(), store.Options{DSN: "sqlite://" + path + "?_fk=true"})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if path == from {
			fill(t, db)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	rows, took, err := insertAgain(t.Context(), from, to)
	if err != nil || rows != 5*(importBatch+3) || took <= 0 {
		t.Fatalf("%d rows in %v: %v", rows, took, err)
	}
	if a, b := counts(t, from), counts(t, to); a != b {
		t.Errorf("it holds\n%swant\n%s", b, a)
	}
}

func fill(t *testing.T, db *store.DB) {
	t.Helper()
	var people []*identity.Identity
	for n := range importBatch + 3 {
		mail := fmt.Sprintf("%d@cardea.test", n)
		people = append(people, &identity.Identity{
			ID: uuid.New(), SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{}`),
			Credentials:         map[identity.CredentialType]identity.Credential{identity.Password: {Identifiers: []string{mail}}},
			VerifiableAddresses: []identity.VerifiableAddress{{ID: uuid.New(), Value: mail, Via: identity.Email, Status: identity.AddressPending}},
			RecoveryAddresses:   []identity.RecoveryAddress{{ID: uuid.New(), Value: mail, Via: identity.Email}},
		})
	}
	if _, err := db.Tenant(store.DefaultTenant).CreateIdentities(t.Context(), people); err != nil {
		t.Fatal(err)
	}
}

// counts lists how many rows each table of identities holds.
func counts(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := readAll(context.Background(), db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, table := range tables {
		n, err := readAll(context.Background(), db, fmt.Sprintf("SELECT count(*) FROM %s", table[0]))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v\n", table[0], n[0][0])
	}
	return b.String()
}

func TestTheNextPageOfALinkHeader(t *testing.T) {
	for header, want := range map[string]string{
		`</admin/identities?page_token=a>; rel="first",</admin/identities?page_token=b>; rel="next"`: "/admin/identities?page_token=b",
		`</admin/identities?page_token=a>; rel="first"`:                                              "",
		``: "",
	} {
		if got := nextLink(header); got != want {
			t.Errorf("%s leads to %q", header, got)
		}
	}
}
