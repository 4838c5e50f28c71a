package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/config"
)

// minimal is the least that a configuration file has to say.
const minimal = `
dsn: memory
secrets: {default: [0123456789abcdef]}
identity: {schemas: [{id: default, url: "file:///schema.json"}]}
selfservice: {default_browser_return_url: "https://app.example.com/"}
`

// write puts a file into a folder of its own and gives its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	overwrite(t, path, text)
	return path
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// load loads files (given as YAML texts) with an environment and expects success.
func load(t *testing.T, environ []string, texts ...string) *config.Snapshot {
	t.Helper()
	return loadWith(t, config.Options{Environ: environ}, texts...)
}

func loadWith(t *testing.T, o config.Options, texts ...string) *config.Snapshot {
	t.Helper()
	for _, text := range texts {
		o.Files = append(o.Files, write(t, "c.yml", text))
	}
	o.Hostname = "machine.example"
	s, err := config.Load(o)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

// refused loads and expects issues; it gives them without their reasons.
func refused(t *testing.T, o config.Options) []config.Issue {
	t.Helper()
	_, err := config.Load(o)
	var invalid *config.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("Load: got %v, want an InvalidError", err)
	}
	return places(t, invalid.Issues)
}

// places are issues without their prose, which has to be there.
func places(t *testing.T, issues []config.Issue) []config.Issue {
	t.Helper()
	var out []config.Issue
	for _, i := range issues {
		if i.Reason == "" {
			t.Errorf("the issue about %q gives no reason", i.Key)
		}
		out = append(out, config.Issue{Key: i.Key, Source: i.Source})
	}
	return out
}

// about says whether one of the issues is about a key.
func about(issues []config.Issue, key string) bool {
	for _, i := range issues {
		if i.Key == key {
			return true
		}
	}
	return false
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
