package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/clock"
	"cardea/internal/store"
)

// Defaults of cleaning up, those of the configuration keys of the same names.
const (
	cleanupBatch = 100
	cleanupPause = time.Minute
)

func cleanupCommand(env Env) *cobra.Command {
	var d database
	var s sweep
	sql := &cobra.Command{
		Use: "sql [DSN]", Short: "Delete rows that have expired", Args: cobra.MaximumNArgs(1),
		Long: "Deletes sessions, flows, codes and links that ended longer ago than --keep-last, one batch of every\n" +
			"table, or all of them with --all. Servers do the same by themselves; this is for jobs that want to\n" +
			"choose the hour. Identities are never deleted, and messages only by a running server\n" +
			"(cardea.courier.message_retention).",
		RunE: func(c *cobra.Command, args []string) error {
			if s.batch < 1 || s.keep < 0 || s.pause < 0 {
				return errors.New("--database.cleanup.batch_size has to be at least 1, and durations must not be negative")
			}
			return d.with(c.Context(), env, args, func(db *store.DB) error { return s.run(c.Context(), env, db) })
		},
	}
	d.flags(sql, true)
	sql.Flags().IntVarP(&s.batch, "database.cleanup.batch_size", "b", cleanupBatch, "rows of one table to delete at once")
	sql.Flags().DurationVar(&s.pause, "database.cleanup.sleep.tables", cleanupPause, "pause between two batches of --all")
	sql.Flags().DurationVar(&s.keep, "keep-last", 0, "keep what ended less than this long ago")
	sql.Flags().BoolVar(&s.all, "all", false, "go on until nothing is left to delete")
	parent := group("cleanup", "Delete what is not needed any more")
	parent.AddCommand(sql)
	return parent
}

// sweep are the options of one cleaning up.
type sweep struct {
	batch       int
	pause, keep time.Duration
	all         bool
}

func (s sweep) run(ctx context.Context, env Env, db *store.DB) error {
	now := clock.System{}
	before := now.Now().Add(-s.keep)
	total := 0
	for {
		n, more, err := db.System().Sweep(ctx, store.Before{Rows: before, Sessions: before}, s.batch)
		if total += n; err != nil {
			return err
		}
		if !more || !s.all {
			fmt.Fprintf(env.Out, "Deleted rows: %d\n", total)
			if more {
				fmt.Fprintln(env.Err, "There is more to delete: run this again, or with --all.")
			}
			return nil
		}
		now.SleepUntil(ctx, now.Now().Add(s.pause))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
