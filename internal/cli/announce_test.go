package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutAnyConfigurationItSaysWhereEverythingIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	env := Env{Environ: []string{"CARDEA_DATA_DIR=" + dir, "PATH=/bin", "LOG_LEVEL=debug"}}
	s, err := source{}.load(env)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Development {
		t.Error("nothing is configured, but this is no development mode")
	}
	var out bytes.Buffer
	report(&out, s)
	announce(&out, s)
	for _, want := range []string{"http://127.0.0.1:4433/\n", "http://127.0.0.1:4433/registration\n", "http://127.0.0.1:4433/login\n", "http://127.0.0.1:4434/\n", dir, "development mode"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not told:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), s.Secrets.Default[0]) {
		t.Error("a secret is told")
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "secrets"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
}

func TestAnotherPortIsNoInstallation(t *testing.T) {
	env := Env{Environ: []string{"CARDEA_DATA_DIR=" + t.TempDir(), "SERVE_PUBLIC_PORT=5000"}}
	s, err := source{}.load(env)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	announce(&out, s)
	if !s.Development || !strings.Contains(out.String(), "http://127.0.0.1:5000/login\n") {
		t.Errorf("development mode is %v:\n%s", s.Development, out.String())
	}
}
