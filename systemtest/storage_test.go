package systemtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// unavailable wants the answer of a server that cannot store anything right now.
func unavailable(t *testing.T, what string, a *answer) {
	t.Helper()
	if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(string(a.Body), `"error"`) {
		t.Errorf("%s: answered %d, Retry-After %q, %.300s; want a 503 that says when to come back", what, a.Status, a.Header.Get("Retry-After"), a.Body)
	}
	for _, leak := range leaks {
		if strings.Contains(string(a.Body), leak) {
			t.Errorf("%s: the answer tells %q: %.300s", what, leak, a.Body)
		}
	}
}

// fill signs people up until nobody gets in any more, and gives those who did.
// A small row may still fit where a large one did not.
func (s *server) fill(t *testing.T) (in []person) {
	t.Helper()
	const most, enough = 3000, 20
	n, refused := s.native(), 0
	for i := range most {
		p, err := n.signUp(fmt.Sprintf("filler-%d@cardea.test", i))
		if err == nil {
			in, refused = append(in, p), 0
			continue
		}
		r, ok := err.(*refusal)
		if !ok {
			t.Fatal(err)
		}
		unavailable(t, r.What, r.Answer)
		if refused++; refused == enough {
			return in
		}
	}
	t.Fatalf("after %d sign-ups the database is still not full", most)
	return nil
}

// outOfRoom is the life of a server that runs out of room and gets some again.
func (s *server) outOfRoom(t *testing.T, makeRoom func(in []person) []person) {
	t.Helper()
	in := s.fill(t)
	if len(in) == 0 {
		t.Fatal("nobody got in at all")
	}
	s.audit(t, in, s.tokenAnswers(http.StatusOK))

	in = makeRoom(in)
	late, err := s.native().signUp("late@cardea.test")
	if err != nil {
		t.Fatalf("with room again: %v", err)
	}
	s.audit(t, append(in, late), s.tokenAnswers(http.StatusOK))
	s.audit(t, append(in, late), s.signsIn)
	s.stop(t)
	checkDatabase(t, s.database())
}

func TestADatabaseAtItsLimitRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	// Pages of 4 KiB: the tables alone take some dozens. With the audit log a deletion
	// writes a line as well, and is refused like all that writes.
	s := start(t, options{DSNQuery: "&_pragma=max_page_count(160)", Config: "\ncardea: {audit: {enabled: false}}\n"})
	s.outOfRoom(t, func(in []person) []person {
		// Those who stay each take a flow and a session more when they sign in again,
		// which is about as much as somebody who goes leaves behind: one in four stays.
		admin := s.native()
		stay := len(in) / 4
		for _, p := range in[stay:] {
			a := admin.must(t, request{Method: "DELETE", Path: s.AdminURL + "/admin/identities/" + p.ID})
			if a.Status != http.StatusNoContent {
				t.Fatalf("delete somebody to make room: %d %s", a.Status, a.Body)
			}
		}
		return in[:stay]
	})
}

func TestADatabaseThatSomebodyElseLocksRefusesWritesAndServesReads(t *testing.T) {
	t.Parallel()
	const patience = 300 * time.Millisecond
	s := start(t, options{DSNQuery: fmt.Sprintf("&_pragma=busy_timeout(%d)", patience.Milliseconds())})
	n := s.native()
	ann, err := n.signUp("ann@cardea.test")
	if err != nil {
		t.Fatal(err)
	}
	flow := n.get(t, "/self-service/registration/api").text("id")
	fields := map[string]any{"method": "password", "password": password, "traits": map[string]any{"email": "bob@cardea.test"}}

	release := lockDatabase(t, s.database())
	begun := time.Now()
	a, err := n.json("POST", "/self-service/registration?flow="+flow, fields)
	if err != nil {
		t.Fatal(err)
	}
	unavailable(t, "sign up", a)
	if took := time.Since(begun); took < patience || took > longestWait {
		t.Errorf("being refused took %s, want a little more than %s", took, patience)
	}
	unavailable(t, "begin to sign in", n.get(t, "/self-service/login/api"))
	if a, err = n.json("DELETE", "/self-service/logout/api", map[string]string{"session_token": ann.Token}); err != nil {
		t.Fatal(err)
	}
	unavailable(t, "sign out", a)
	for range 20 {
		begun := time.Now()
		if err := s.tokenAnswers(http.StatusOK)(n, ann); err != nil {
			t.Fatalf("while the file is locked: %v", err)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("whoami took %s while the file is locked", took)
		}
	}
	release()

	if a, err = n.json("POST", "/self-service/registration?flow="+flow, fields); err != nil || a.Status != http.StatusOK {
		t.Fatalf("the same form after the lock was released: %v %+v", err, a)
	}
	if _, err := n.signIn("bob@cardea.test"); err != nil {
		t.Error(err)
	}
	s.stop(t)
	checkDatabase(t, s.database())
}
