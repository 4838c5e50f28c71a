// Command cardea is the identity server and its tools.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"cardea/internal/cli"
)

// version is set when a release is built.
var version = "master"

func main() {
	// Password hashes keep every core busy for a while. One thread more than there
	// are cores lets the short requests in between them: with it all cores can hash
	// and whoami still answers within milliseconds.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.Env{
		Args: os.Args[1:], Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: version,
	})
	stop()
	os.Exit(code)
}
