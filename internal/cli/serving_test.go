package cli_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestServingStories runs the scripts below testdata/serving. Their servers listen
// on sockets, so they are in nobody's way. `reach SOCKET PATH STATUS` waits until
// somebody listens there, asks, and insists on the status; `mode PATH MODE` insists
// on the permissions of a file.
func TestServingStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/serving", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "cardea") // the names of sockets have to be short
			env.Defer(func() { _ = os.RemoveAll(dir) })
			if err != nil {
				return err
			}
			env.Setenv("SOCKETS", dir)
			return place(env.WorkDir, dir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"reach": reach, "mode": mode},
	})
}

// place writes where the sockets are into the configuration files of a story.
func place(folder, sockets string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("${SOCKETS}"), []byte(sockets)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func reach(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: reach SOCKET PATH STATUS")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", args[0])
	}}}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(time.Minute)
	for {
		res, err := client.Get("http://cardea.test" + args[1])
		if err == nil {
			_ = res.Body.Close()
			if got := strconv.Itoa(res.StatusCode); got != args[2] {
				ts.Fatalf("%s answered %s, want %s", args[1], got, args[2])
			}
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("nobody listens: %v", err)
		}
	}
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode PATH MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0])) // an absolute path stays as it is
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
