package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/store/dbtest"
)

// hotReads are those that requests wait for most often.
func hotReads(tenant *Tenant, i *identity.Identity, s *session.Session, f *flow.Flow) map[string]func(context.Context) error {
	yes, email := true, i.VerifiableAddresses[0].Value
	passwords := []identity.CredentialType{identity.Password, identity.Code}
	missing := func(err error) error {
		if errors.Is(err, problem.ErrNotFound) {
			return nil
		}
		return err
	}
	return map[string]func(context.Context) error{
		"whoami":      func(ctx context.Context) error { _, err := tenant.SessionByToken(ctx, []byte("h")); return err },
		"a flow":      func(ctx context.Context) error { _, err := tenant.Flow(ctx, f.ID); return err },
		"an identity": func(ctx context.Context) error { _, err := tenant.Identity(ctx, i.ID); return err },
		"who has an address": func(ctx context.Context) error {
			_, err := tenant.IdentityByVerifiableAddress(ctx, identity.Email, email)
			return err
		},
		"who signs in": func(ctx context.Context) error {
			_, err := tenant.IdentityByIdentifier(ctx, identity.Password, email, strings.ToUpper(email))
			return err
		},
		"who signs in somehow": func(ctx context.Context) error {
			_, err := tenant.IdentityByIdentifiers(ctx, passwords, strings.ToUpper(email))
			return missing(err)
		},
		"the sessions of one": func(ctx context.Context) error {
			_, err := tenant.Sessions(ctx, SessionFilter{IdentityID: i.ID, Except: s.ID, Active: &yes, Now: start, Limit: 250, Expand: WithDevices})
			return err
		},
		"the list by identifier": func(ctx context.Context) error {
			_, err := tenant.Identities(ctx, IdentityFilter{Credentials: true, Limit: 250, Identifiers: []IdentifierMatch{
				{Types: passwords, Values: []string{email, strings.ToUpper(email)}}, {Types: []identity.CredentialType{identity.OIDC}, Values: []string{email}},
			}})
			return err
		},
	}
}

// TestPostgreSQLPlansWhatIsAskedOftenOnce: a statement is planned for its values a few times
// on each connection; if a plan for any values does not seem worse by then, that one
// stays. So what is asked often must not be of a shape that makes it seem worse: to plan
// takes longer than to answer. A database that was just filled knows nothing of its rows,
// and has to find them by whole keys nevertheless.
func TestPostgreSQLPlansWhatIsAskedOftenOnce(t *testing.T) {
	const customPlans = 5 // src/backend/utils/cache/plancache.c, choose_custom_plan
	server := dbtest.Postgres(t, "autovacuum=off")
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("with statistics %v", known), func(t *testing.T) {
			db := opened(t, server.Database(t)+"&max_conns=1")
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			reads := hotReads(populated(t, db))
			if known {
				run(t, db, "ANALYZE")
			}
			for name, read := range reads {
				for range 3 * customPlans {
					if err := read(t.Context()); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			asked := 0
			err := db.reads.on(t.Context()).query("SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT%'", nil, func(rows row) error {
				var text string
				var custom, generic int
				err := rows.Scan(&text, &custom, &generic)
				if custom+generic < 3*customPlans {
					return err
				}
				if asked++; custom > customPlans {
					t.Errorf("planned %d times and not %d times: %s", custom, generic, text)
				}
				return err
			})
			if err != nil || asked != len(reads) {
				t.Errorf("%d statements were asked often, want %d: %v", asked, len(reads), err)
			}
		})
	}
}

// populated fills a database with people, one of whom is signed in several times.
func populated(t *testing.T, db *DB) (*Tenant, *identity.Identity, *session.Session, *flow.Flow) {
	t.Helper()
	tenant := db.Tenant(1)
	var people []*identity.Identity
	for n := range 500 {
		people = append(people, person(fmt.Sprintf("p%d@example.org", n)))
	}
	conflicts, err := tenant.CreateIdentities(t.Context(), people)
	if err = errors.Join(append(conflicts, err)...); err != nil {
		t.Fatal(err)
	}
	ip := "203.0.113.7"
	s := &session.Session{IdentityID: people[0].ID, IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start.Add(time.Hour), Active: true}
	f := &flow.Flow{Kind: flow.Login, Type: flow.Browser, IssuedAt: start, ExpiresAt: start}
	err = tenant.Tx(t.Context(), func(x *Tx) error {
		for range 3 {
			other := *s
			other.Devices = []session.Device{{IPAddress: &ip}}
			if err := x.CreateSession(&other, []byte(uuid.NewString())); err != nil {
				return err
			}
		}
		return errors.Join(x.CreateSession(s, []byte("h")), x.InsertFlow(f))
	})
	if err != nil {
		t.Fatal(err)
	}
	return tenant, people[0], s, f
}
