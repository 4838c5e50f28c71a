package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/store"
)

// database says which database a command works on.
type database struct {
	source
	fromEnv bool
}

func (d *database) flags(c *cobra.Command, fromEnv bool) {
	c.Flags().StringSliceVarP(&d.files, "config", "c", nil, "configuration file; may be repeated")
	c.Flags().BoolVarP(&d.fromEnv, "read-from-env", "e", fromEnv, "take the DSN from the configuration or the environment")
}

// open opens the database that the arguments mean.
func (d *database) open(ctx context.Context, env Env, args []string) (*store.DB, error) {
	dsn := ""
	switch {
	case len(args) == 1:
		dsn = args[0]
	case d.fromEnv:
		d.skip = true
		s, err := d.load(env)
		if err != nil {
			return nil, err
		}
		dsn = s.DSN
	}
	if dsn == "" {
		return nil, errors.New("name the database: give its DSN as an argument, or -e to take it from the configuration")
	}
	return store.Open(ctx, store.Options{DSN: dsn})
}

// with opens the database for the time of fn.
func (d *database) with(ctx context.Context, env Env, args []string, fn func(*store.DB) error) (err error) {
	db, err := d.open(ctx, env, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return fn(db)
}

func migrateCommand(env Env) *cobra.Command {
	sql := migrateUpCommand(env, "sql [DSN]")
	sql.Short = "Change the tables of a database; without a sub-command the same as up"
	sql.AddCommand(migrateUpCommand(env, "up [DSN]"), migrateDownCommand(), migrateStatusCommand(env))
	parent := group("migrate", "Change the tables of a database, or what is in them")
	parent.AddCommand(sql, normalizePhonesCommand(env))
	return parent
}

func migrateUpCommand(env Env, use string) *cobra.Command {
	var d database
	var yes bool
	c := &cobra.Command{
		Use: use, Short: "Apply pending migrations", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return d.with(c.Context(), env, args, func(db *store.DB) error { return migrateUp(c, db, yes) })
		},
	}
	d.flags(c, false)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func migrateUp(c *cobra.Command, db *store.DB, yes bool) error {
	list, err := db.Status(c.Context())
	if err != nil {
		return err
	}
	shown, pending := migrationsResult(list)
	if err := shown.table(c.OutOrStdout()); err != nil {
		return err
	}
	if pending == 0 {
		c.Println("Nothing is pending.")
		return nil
	}
	if !yes {
		c.Printf("Apply %d pending migrations? [y/n] ", pending)
		answer, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was changed")
		}
	}
	if err := db.Migrate(c.Context()); err != nil {
		return err
	}
	c.Println("All migrations are applied.")
	return nil
}

// migrateDownCommand is there to explain. A way back would have to throw away what
// newer versions have stored, and migrations are made so that the version before
// runs with the new tables: going back means starting the old program.
func migrateDownCommand() *cobra.Command {
	var d database
	var yes bool
	var steps int
	c := &cobra.Command{
		Use: "down [DSN]", Short: "Explain how to go back: migrations only go forward", Args: cobra.MaximumNArgs(1),
		RunE: func(*cobra.Command, []string) error {
			if steps <= 0 {
				return errors.New("--steps has to be greater than 0")
			}
			return errors.New("migrations only go forward, and nothing was changed.\n" +
				"To run the version before this one just start it: every migration leaves the tables usable for it.\n" +
				"To undo a migration restore the backup of the database that was made before it")
		},
	}
	d.flags(c, false)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().IntVar(&steps, "steps", 0, "how many migrations to undo")
	return c
}

// blockInterval is how often --block looks again.
const blockInterval = time.Second

func migrateStatusCommand(env Env) *cobra.Command {
	var d database
	var o output
	var block bool
	c := &cobra.Command{
		Use: "status [DSN]", Short: "Show which migrations are applied", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return d.with(c.Context(), env, args, func(db *store.DB) error {
				return migrateStatus(c.Context(), env, db, &o, block)
			})
		},
	}
	d.flags(c, false)
	o.flags(c)
	c.Flags().BoolVar(&block, "block", false, "wait until no migration is pending")
	return c
}

func migrateStatus(ctx context.Context, env Env, db *store.DB, o *output, block bool) error {
	tick := time.NewTicker(blockInterval)
	defer tick.Stop()
	for {
		list, err := db.Status(ctx)
		if err != nil {
			return err
		}
		shown, pending := migrationsResult(list)
		if !block || pending == 0 {
			return o.print(env.Out, shown)
		}
		fmt.Fprintf(env.Err, "%d migrations are pending, waiting\n", pending)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// migrationRow is a migration for programs.
type migrationRow struct {
	Version   string     `json:"version"`
	Name      string     `json:"name"`
	State     string     `json:"state"`
	AppliedAt *time.Time `json:"applied_at,omitempty"`
}

// migrationsResult shows migrations and counts those that are pending.
func migrationsResult(list []store.Migration) (r result, pending int) {
	r.columns = []string{"VERSION", "NAME", "STATE", "APPLIED AT"}
	rows := make([]migrationRow, len(list))
	for n, m := range list {
		row := migrationRow{Version: strconv.FormatInt(m.Version, 10), Name: m.Name, State: "pending"}
		at := ""
		if m.AppliedAt.IsZero() {
			pending++
		} else {
			row.State, row.AppliedAt, at = "applied", &m.AppliedAt, m.AppliedAt.Format(time.RFC3339)
		}
		rows[n] = row
		r.rows = append(r.rows, []string{row.Version, row.Name, row.State, at})
		r.names = append(r.names, row.Version)
	}
	r.value = rows
	return r, pending
}
