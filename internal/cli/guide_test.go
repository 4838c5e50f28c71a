package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cardea/cardeatest"
)

// guideFiles are what the examples of the guide work on.
const guideFiles = `
-- people.json --
[{"schema_id": "default", "external_id": "ann", "traits": {"email": "ann@cardea.test"}},
 {"schema_id": "default", "external_id": "bob", "traits": {"email": "bob@cardea.test"}}]
-- list.txt --
5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824
-- person.schema.json --
{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"traits": {"type": "object",
 "properties": {"email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}}}}}}
`

// TestTheExamplesOfTheGuideWork runs every command line of docs/guide/cli.md, one
// after the other.
func TestTheExamplesOfTheGuideWork(t *testing.T) {
	raw, err := os.ReadFile("../../docs/guide/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	story.WriteString("server\nexec cardea migrate sql up -e --yes\n")
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
		for line := range strings.Lines(block[1]) {
			commands++
			fmt.Fprintf(&story, "exec %s", line)
		}
	}
	if commands < 10 {
		t.Fatalf("the guide has only %d examples", commands)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "guide.txtar"), []byte(story.String()+guideFiles), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("DSN", "sqlite://"+filepath.Join(e.WorkDir, "db.sqlite")+"?_fk=true")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := cardeatest.New(t, cardeatest.Options{})
				ts.Setenv("CARDEA_ADMIN_URL", s.AdminURL)
			},
		},
	})
}
