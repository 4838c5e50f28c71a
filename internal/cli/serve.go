package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"cardea/internal/app"
	"cardea/internal/config"
	"cardea/internal/telemetry"
)

func serveCommand(env Env) *cobra.Command {
	var s source
	c := &cobra.Command{
		Use:   "serve",
		Short: "Start the server",
		Long: "Starts the public and the admin port. Without a configuration it runs in development mode:\n" +
			"on this machine only, with a database and secrets of its own in ./" + dataDirName + ". Variables that\n" +
			"tune it, such as SERVE_PUBLIC_PORT=5000, are welcome there. A file ends it, and so does a variable\n" +
			"that names a database, secrets, identity schemas, hosts, base URLs, certificates or the return URL.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), env, s, c.ErrOrStderr()) },
	}
	c.Flags().StringSliceVarP(&s.files, "config", "c", nil, "configuration file (yaml, json or toml); may be repeated, later files win")
	c.Flags().BoolVar(&s.flags.Dev, "dev", false, "development mode: cookies without Secure, cheap hashes allowed")
	c.Flags().BoolVar(&s.flags.WatchCourier, "watch-courier", false, "send messages from this process")
	c.Flags().BoolVar(&s.flags.SQAOptOut, "sqa-opt-out", false, "accepted for compatibility: nothing is ever reported home")
	return c
}

// outliveReaders lets the process go on when nobody reads its log any more: a
// write to a closed pipe is an error of the logger then, and not the end.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// collectLess lets the heap grow to three times of what lives in it rather than
// twice, unless the environment has an opinion. What lives is a few MiB; what a
// request takes dies with it, and the collector had a tenth of the time for that.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

func serve(ctx context.Context, env Env, s source, out io.Writer) error {
	outliveReaders()
	collectLess()
	snapshot, err := s.load(env)
	if err != nil {
		return err
	}
	if snapshot.Development {
		if err := os.MkdirAll(snapshot.Cardea.DataDir, 0o700); err != nil {
			return err
		}
	}
	log := telemetry.NewLogger(out, snapshot.Log.Level, snapshot.Log.Format)
	manager := config.NewManager(snapshot, func() (*config.Snapshot, error) { return s.load(env) })
	a, err := app.New(ctx, app.Options{Config: manager, Log: log, Version: env.Version})
	if err != nil {
		return err
	}
	report(out, snapshot)
	err = a.Run(ctx, func() { announce(out, snapshot) })
	return errors.Join(err, a.Close())
}

// report tells what of the configuration will surprise somebody: never silence.
func report(out io.Writer, s *config.Snapshot) {
	for _, w := range s.Warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
	if len(s.Unsupported) == 0 {
		return
	}
	fmt.Fprintln(out, "These settings are understood but have no effect yet:")
	for _, u := range s.Unsupported {
		fmt.Fprintf(out, "  %s\n", u)
	}
}

// announce tells where the server is.
func announce(out io.Writer, s *config.Snapshot) {
	var b strings.Builder
	base := strings.TrimSuffix(s.Serve.Public.BaseURLRaw, "/")
	b.WriteString("\n  Cardea is running.\n\n")
	fmt.Fprintf(&b, "  Public   %s/\n", base)
	for _, page := range []struct{ label, url string }{
		{"Sign up ", s.SelfService.Flows.Registration.UIURL}, {"Sign in ", s.SelfService.Flows.Login.UIURL},
	} {
		if page.url != "" {
			fmt.Fprintf(&b, "  %s %s\n", page.label, page.url)
		}
	}
	if mailbox := app.MailboxURL(s); mailbox != "" {
		fmt.Fprintf(&b, "  Mailbox  %s\n", mailbox)
	}
	fmt.Fprintf(&b, "  Admin    %s/\n", strings.TrimSuffix(s.Serve.Admin.BaseURLRaw, "/"))
	if s.Development {
		fmt.Fprintf(&b, "\n  No installation is configured, so this is development mode: only this machine can reach it,\n"+
			"  cookies work without TLS, and everything is kept in %s.\n", s.Cardea.DataDir)
	}
	fmt.Fprintln(out, b.String())
}
