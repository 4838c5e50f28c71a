package systemtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestWhoSweepsMayDie: what one process does for all is done by another one when that
// process is killed and cannot give its lease back.
func TestWhoSweepsMayDie(t *testing.T) {
	long(t)
	t.Parallel()
	const (
		within = 3 * time.Minute // a lease outlives its holder by 30 s
		often  = "cardea: {janitor: {interval: 1s}}"
	)
	first := start(t, options{Config: often})
	all := []*server{first, start(t, options{DSN: first.dsn, Config: often})}
	db := first.look(t)
	until := func(what string, query string, want func(string) bool) (is string) {
		t.Helper()
		poll := time.NewTicker(100 * time.Millisecond)
		defer poll.Stop()
		for begun := time.Now(); ; <-poll.C {
			if err := db.QueryRow(query).Scan(&is); err == nil && want(is) {
				return is
			}
			if time.Since(begun) > within {
				t.Fatalf("%s: not within %s, but %q", what, within, is)
			}
		}
	}
	const holder = "SELECT holder FROM leases WHERE name = 'janitor'"
	died := until("somebody sweeps", holder, func(s string) bool { return s != "" })
	survivor := all[0]
	for i, s := range all {
		if strings.Contains(died, fmt.Sprintf("/%d/", s.process.Process.Pid)) {
			survivor = all[1-i]
			s.kill(t)
		}
	}
	begun := time.Now()
	survivor.native().get(t, "/self-service/login/api")
	if _, err := db.Exec("UPDATE flows SET expires_at = 1"); err != nil {
		t.Fatal(err)
	}
	until("what has ended is deleted", "SELECT count(*) FROM flows", func(n string) bool { return n == "0" })
	if now := until("somebody sweeps", holder, func(s string) bool { return s != "" }); now == died {
		t.Errorf("the lease is still the dead one's: %s", now)
	}
	t.Logf("the other one sweeps %s later", time.Since(begun).Round(time.Second))
}
