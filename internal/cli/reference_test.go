package cli

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// referenceCommands are the commands and flags of Kratos, the defaults that scripts
// rely on after "=". Its hidden command jsonnet, which evaluates for it in a child
// process, is no interface here.
func referenceCommands() map[string]string {
	const client = "endpoint/e format=table quiet/q"
	const argon2 = "iterations memory parallelism salt-length key-length expected-deviation dedicated-memory min-duration config/c"
	return map[string]string{
		"serve":         "config/c dev=false sqa-opt-out=false watch-courier=false",
		"courier watch": "config/c expose-metrics-port=0",

		"migrate sql":                     "read-from-env/e=false yes/y=false config/c",
		"migrate sql up":                  "read-from-env/e=false yes/y=false config/c",
		"migrate sql down":                "read-from-env/e=false yes/y=false steps=0 config/c",
		"migrate sql status":              "read-from-env/e=false block=false format=table quiet/q config/c",
		"migrate normalize-phone-numbers": "read-from-env/e=false batch-size/b=1000 batch-delay=1s dry-run=false start-after config/c",
		"cleanup sql":                     "read-from-env/e=true database.cleanup.batch_size/b=100 database.cleanup.sleep.tables=1m0s keep-last=0s config/c",

		"hashers argon2 calibrate": "start-memory/m max-memory adjust-memory-by start-iterations/i=1 max-concurrent=16 probe-runs/r=2 min-duration parallelism salt-length key-length expected-deviation dedicated-memory config/c format=table quiet/q",
		"hashers argon2 hash":      argon2 + " parallel=false",
		"hashers argon2 load-test": argon2 + " format=table quiet/q",

		"format jsonnet": "write/w=false",
		"lint lint":      "",
		"version":        "",

		"completion bash": "no-descriptions=false", "completion zsh": "no-descriptions=false",
		"completion fish": "no-descriptions=false", "completion powershell": "no-descriptions=false",

		"list identities":   client + " page-size=100 page-token consistency=eventual",
		"ls identities":     client + " page-size=100 page-token consistency=eventual",
		"get identity":      client + " external-id=false include-credentials/i",
		"import identities": client,
		"delete identity":   client,
		"validate identity": "endpoint/e",
		"remote version":    client,
		"remote status":     client,
	}
}

func TestTheReferencesCommandsAndFlagsAreThere(t *testing.T) {
	for path, flags := range referenceCommands() {
		root := rootCommand(Env{Out: io.Discard, Err: io.Discard})
		root.InitDefaultCompletionCmd()
		c, rest, err := root.Find(strings.Fields(path))
		if err != nil || len(rest) > 0 || c == root {
			t.Errorf("there is no command %q", path)
			continue
		}
		if !c.Runnable() {
			t.Errorf("%q does nothing", path)
		}
		for word := range strings.FieldsSeq(flags) {
			checkFlag(t, c, path, word)
		}
	}
}

func checkFlag(t *testing.T, c *cobra.Command, path, word string) {
	t.Helper()
	name, value, hasDefault := strings.Cut(word, "=")
	name, short, _ := strings.Cut(name, "/")
	f := c.Flag(name)
	switch {
	case f == nil:
		t.Errorf("%s has no flag --%s", path, name)
	case f.Shorthand != short:
		t.Errorf("%s --%s is -%s for short, want -%s", path, name, f.Shorthand, short)
	case hasDefault && f.DefValue != value:
		t.Errorf("%s --%s is %q when left out, want %q", path, name, f.DefValue, value)
	}
}

// Every command says what it is for, and has a help text that fits its flags.
func TestEveryCommandExplainsItself(t *testing.T) {
	root := rootCommand(Env{Out: io.Discard, Err: io.Discard})
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.Hidden && c.Short == "" {
			t.Errorf("%s does not say what it is for", c.CommandPath())
		}
		if c.HasSubCommands() && !slices.ContainsFunc(c.Commands(), func(s *cobra.Command) bool { return s.IsAvailableCommand() }) && !c.Hidden {
			t.Errorf("%s leads nowhere", c.CommandPath())
		}
		for _, s := range c.Commands() {
			walk(s)
		}
	}
	walk(root)
}
