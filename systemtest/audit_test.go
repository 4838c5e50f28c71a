package systemtest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestTheAuditLogSurvivesBeingKilled: whenever the server dies, there is a row for each
// account and an account for each row, and the chain is in order.
func TestTheAuditLogSurvivesBeingKilled(t *testing.T) {
	long(t)
	const rounds, within = 6, 1500 * time.Millisecond // several seals of half a second each
	s := start(t, options{})
	l := &ledger{}
	for round := range rounds {
		s.crash(t, l, 1000+round, time.Duration(rand.Int64N(int64(within))))
		if out, err := s.verifyAudit("--late", "0"); err != nil {
			t.Fatalf("after crash %d of %d: %v\n%s", round+1, rounds, err, out)
		}
		s.start(t)
	}
	db := s.look(t)
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for begun, waiting := time.Now(), "?"; waiting != "0"; <-poll.C { // the lease of the dead ends after half a minute
		if err := db.QueryRow("SELECT COUNT(*) FROM audit_tail").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > 3*time.Minute {
			t.Fatalf("%s rows still wait for their place", waiting)
		}
	}
	s.stop(t)
	out, err := s.verifyAudit("--late", "0")
	if err != nil || !strings.Contains(out, `"intact":true`) {
		t.Fatalf("at the end: %v\n%s", err, out)
	}
	db = s.look(t)
	for what, query := range map[string]string{
		"accounts without a row":  "SELECT COUNT(*) FROM identities WHERE id NOT IN (SELECT identity_id FROM audit_log WHERE action = 'identity.created' UNION SELECT identity_id FROM audit_tail WHERE action = 'identity.created')",
		"rows without an account": "SELECT COUNT(*) FROM (SELECT identity_id FROM audit_log WHERE action = 'identity.created' UNION ALL SELECT identity_id FROM audit_tail WHERE action = 'identity.created') WHERE identity_id NOT IN (SELECT id FROM identities)",
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d %s: %v", n, what, err)
		}
	}
	var rows int
	if err := db.QueryRow("SELECT COUNT(*) FROM audit_log").Scan(&rows); err != nil || rows < len(l.people) {
		t.Errorf("only %d rows tell of %d people: %v", rows, len(l.people), err)
	}
	t.Logf("%d people, %d rows: %s", len(l.people), rows, strings.TrimSpace(out))

	if _, err := db.Exec("UPDATE audit_log SET actor = 'somebody' WHERE seq = 5"); err != nil {
		t.Fatal(err)
	}
	cmd := s.command("audit", "verify", "--format", "json")
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("a changed row ends the check with %d: %v", cmd.ProcessState.ExitCode(), err)
	}
}

// verifyAudit runs the check of the audit log.
func (s *server) verifyAudit(args ...string) (string, error) {
	cmd := s.command(append([]string{"audit", "verify", "--format", "json"}, args...)...)
	var out strings.Builder
	cmd.Stdout = &out
	err := cmd.Run()
	return out.String(), err
}
