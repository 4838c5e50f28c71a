package cardea_test

import (
	"testing"

	"cardea/cardeatest"
	"cardea/internal/store/dbtest"
)

// engine gives the address of an empty database; nil stands for files of the servers'
// own.
type engine func(testing.TB) string

func (e engine) database(t *testing.T) string {
	t.Helper()
	if e == nil {
		return ""
	}
	return e(t)
}

// journey is the body of a test that may run on any database.
type journey func(*testing.T, cardeatest.Kind, engine)

func inFile(j journey) func(*testing.T, cardeatest.Kind) {
	return func(t *testing.T, k cardeatest.Kind) { j(t, k, nil) }
}

// TestWhatHangsOnThePastIsTheSameOnEveryDatabase is about journeys that end as earlier
// ones, which the database remembers, make them end. Tests of their own have them on
// SQLite, with every client.
func TestWhatHangsOnThePastIsTheSameOnEveryDatabase(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *dbtest.Server{
		"PostgreSQL": func(t testing.TB) *dbtest.Server { return dbtest.Postgres(t) },
		"MariaDB":    func(t testing.TB) *dbtest.Server { return dbtest.MariaDB(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			for _, j := range []struct {
				name string
				kind cardeatest.Kind
				run  journey
			}{
				{"an unusual sign-in is asked about and ended by the link", cardeatest.Browser, signsOutByTheLink},
				{"one that is held is confirmed by mail", cardeatest.Native, confirmsByMail},
				{"impossible travel is stopped", cardeatest.Native, isStopped},
				{"many accounts have to work", cardeatest.SPA, hasToWork},
				{"a proof of work is good once in all processes", cardeatest.Native, provesOnceInParallel},
				{"work that is too easy is refused", cardeatest.Native, worksHarder},
				{"wrong passwords count for all processes", cardeatest.Native, countsForAllProcesses},
				{"budgets hold", cardeatest.Native, staysInTheBudget},
				{"the suppressed get nothing", cardeatest.Native, sendsNothingToTheSuppressed},
			} {
				t.Run(j.name, func(t *testing.T) { j.run(t, j.kind, server.Database) })
			}
		})
	}
}
