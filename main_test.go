package cardea_test

import (
	"os"
	"testing"

	"cardea/internal/jsonnet"
)

// TestMain is also the worker that evaluates Jsonnet.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == jsonnet.WorkerCommand {
		if err := jsonnet.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
