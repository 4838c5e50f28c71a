package systemtest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the path of the command under test, made by TestMain.
var binary string

func TestMain(m *testing.M) {
	if addr := os.Getenv(probeAddr); addr != "" {
		os.Exit(probe(addr, os.Getenv(probeToken), os.Stdin, os.Stdout))
	}
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the command as it is released, and runs the tests.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "cardea-systemtest-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "cardea")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "cardea/cmd/cardea")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// long leaves a test out of short runs.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
}
