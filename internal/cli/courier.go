package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cardea/internal/app"
	"cardea/internal/config"
	"cardea/internal/telemetry"
)

// maxPort is the highest TCP port.
const maxPort = 65535

func courierCommand(env Env) *cobra.Command {
	c := &cobra.Command{
		Use: "courier", Short: "Send messages to people",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(courierWatchCommand(env), suppressCommand(env))
	return c
}

func courierWatchCommand(env Env) *cobra.Command {
	var s source
	var port int
	c := &cobra.Command{
		Use:   "watch",
		Short: "Send the messages of a server from a process of its own",
		Long: "Sends what servers with the same database have put into the outbox, and serves no port.\n" +
			"Any number of such processes may run at the same time, beside servers that send messages\n" +
			"themselves. With cardea.courier.in_process set to false servers leave all sending to them.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if port < 0 || port > maxPort {
				return fmt.Errorf("--expose-metrics-port has to be between 0 and %d", maxPort)
			}
			return watchCourier(c.Context(), env, s, port, c.ErrOrStderr())
		},
	}
	c.Flags().StringSliceVarP(&s.files, "config", "c", nil, "configuration file (yaml, json or toml); may be repeated, later files win")
	c.Flags().IntVar(&port, "expose-metrics-port", 0, "serve /metrics/prometheus on this port of the admin host; 0 for not at all")
	return c
}

func watchCourier(ctx context.Context, env Env, s source, port int, out io.Writer) error {
	outliveReaders()
	snapshot, err := s.load(env)
	if err != nil {
		return err
	}
	if port == 0 {
		port = snapshot.ExposeMetricsPort
	}
	report(out, snapshot)
	log := telemetry.NewLogger(out, snapshot.Log.Level, snapshot.Log.Format)
	manager := config.NewManager(snapshot, func() (*config.Snapshot, error) { return s.load(env) })
	a, err := app.New(ctx, app.Options{Config: manager, Log: log, Version: env.Version})
	if err != nil {
		return err
	}
	log.Info("the courier sends messages")
	return errors.Join(a.WatchCourier(ctx, port), a.Close())
}
