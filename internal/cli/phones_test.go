package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/store"
)

// numbers is a database with three people, two of whom wrote one number in two ways.
func numbers(t *testing.T) (dsn string, rows func(func(*store.Tenant))) {
	t.Helper()
	dsn = "sqlite://" + filepath.Join(t.TempDir(), "db.sqlite") + "?_fk=true"
	rows = func(use func(*store.Tenant)) {
		t.Helper()
		db, err := store.Open(t.Context(), store.Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		use(db.Tenant(store.DefaultTenant))
	}
	rows(func(people *store.Tenant) {
		for _, phone := range []string{"+49 151 23456789", "+49 151 23456788", "+4915123456788"} {
			i := &identity.Identity{
				ID: uuid.New(), SchemaID: "default", State: identity.Active, Traits: json.RawMessage(`{}`),
				Credentials:         map[identity.CredentialType]identity.Credential{identity.Code: {Identifiers: []string{phone}}},
				VerifiableAddresses: []identity.VerifiableAddress{{Via: identity.SMS, Value: phone, Status: identity.AddressPending}},
			}
			if err := people.CreateIdentity(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
	})
	return dsn, rows
}

func TestPhoneNumbersOfADatabaseAreNormalised(t *testing.T) {
	dsn, rows := numbers(t)
	run := func(more ...string) (code int, out, told string) {
		var stdout, stderr bytes.Buffer
		env := Env{Args: append([]string{"migrate", "normalize-phone-numbers", dsn, "--batch-size", "1", "--batch-delay", "0s"}, more...), In: strings.NewReader(""), Out: &stdout, Err: &stderr}
		code = Run(t.Context(), env)
		return code, stdout.String(), stderr.String()
	}
	reachable := func() (found int) {
		rows(func(people *store.Tenant) {
			list, err := people.Identities(t.Context(), store.IdentityFilter{Limit: 10, Identifiers: []store.IdentifierMatch{
				{Types: []identity.CredentialType{identity.Code}, Values: []string{"+4915123456789"}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			found = len(list)
		})
		return found
	}
	if code, out, _ := run("--dry-run"); code != 0 || !strings.Contains(out, "scanned: 3\nUpdated: 2\n") || reachable() != 0 {
		t.Errorf("a trial ends with %d and %q, and %d are found", code, out, reachable())
	}
	if code, out, told := run(); code != 1 || !strings.Contains(out, "Updated: 1\nSkipped: 1\nErrors: 1\n") || !strings.Contains(told, "somebody else's") || reachable() != 1 {
		t.Errorf("it ends with %d, %q and %q, and %d are found", code, out, told, reachable())
	}
	if code, out, _ := run("--start-after", "ci=ffffffff-ffff-4fff-bfff-ffffffffffff"); code != 0 || !strings.Contains(out, "scanned: 0\n") {
		t.Errorf("behind everybody it ends with %d and %q", code, out)
	}
	if code, _, told := run("--start-after", "va=nobody"); code != 1 || !strings.Contains(told, "--start-after") {
		t.Errorf("a place that is none ends with %d and %q", code, told)
	}
}
