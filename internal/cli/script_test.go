package cli_test

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cardea/cardeatest"
	"cardea/internal/cli"
)

// TestMain makes this test binary the program itself when a story runs `cardea`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cardea": func() {
			os.Exit(cli.Run(context.Background(), cli.Env{
				Args: os.Args[1:], Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: "v0.0.0-test",
			}))
		},
	})
}

// TestStories runs the scripts below testdata. Besides the usual commands they have
// `server`, which starts a server and names it in CARDEA_ADMIN_URL.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := cardeatest.New(t, cardeatest.Options{})
				ts.Setenv("CARDEA_ADMIN_URL", s.AdminURL)
				ts.Setenv("PUBLIC_URL", s.PublicURL)
			},
		},
	})
}
