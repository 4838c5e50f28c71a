package systemtest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// nodeTimeout is how long the script may take.
const nodeTimeout = time.Minute

func TestTheOfficialJavaScriptClientMakesTheJourneyOfASinglePageApp(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the official JavaScript client was not tried")
	}
	if _, err := os.Stat(filepath.Join("sdk", "node_modules", "@ory", "client")); err != nil {
		t.Skip("`npm ci --prefix systemtest/sdk` was not run: the official JavaScript client was not tried")
	}
	const email = "ann@cardea.test"
	s := start(t, options{})
	ctx, cancel := context.WithTimeout(context.Background(), nodeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join("sdk", "journey.mjs"))
	cmd.Env = []string{"CARDEA_PUBLIC_URL=" + s.PublicURL, "CARDEA_EMAIL=" + email, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("the journey failed: %v\n%s%s", err, out, stderr)
	}
	var outcome struct{ Identity, Session string }
	if err := json.Unmarshal(out, &outcome); err != nil {
		t.Fatalf("the script said %q: %v", out, err)
	}
	person, err := s.native().signIn(email)
	if err != nil {
		t.Fatal(err)
	}
	if person.ID != outcome.Identity {
		t.Errorf("the script signed up %s, but %s is %s", outcome.Identity, email, person.ID)
	}
}
