package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cardea/internal/store"
)

// migration are the options that all migration commands share.
type migration struct {
	source
	fromEnv bool
	yes     bool
}

func migrateCommand(env Env) *cobra.Command {
	parent := &cobra.Command{Use: "migrate", Short: "Change the tables of a database"}
	var m migration
	sql := &cobra.Command{
		Use: "sql [dsn]", Short: "Apply pending migrations", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return m.up(c, env, args) },
	}
	up := &cobra.Command{
		Use: "up [dsn]", Short: "Apply pending migrations", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return m.up(c, env, args) },
	}
	status := &cobra.Command{
		Use: "status [dsn]", Short: "Show which migrations are applied", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return m.status(c, env, args) },
	}
	sql.PersistentFlags().StringSliceVarP(&m.files, "config", "c", nil, "configuration file; may be repeated")
	sql.PersistentFlags().BoolVarP(&m.fromEnv, "read-from-env", "e", false, "take the DSN from the configuration or the environment")
	sql.PersistentFlags().BoolVarP(&m.yes, "yes", "y", false, "do not ask")
	sql.AddCommand(up, status)
	parent.AddCommand(sql)
	return parent
}

// open opens the database that the arguments mean.
func (m *migration) open(ctx context.Context, env Env, args []string) (*store.DB, error) {
	dsn := ""
	switch {
	case len(args) == 1:
		dsn = args[0]
	case m.fromEnv:
		m.skip = true
		s, err := m.load(env)
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

func (m *migration) status(c *cobra.Command, env Env, args []string) (err error) {
	db, err := m.open(c.Context(), env, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return printStatus(c, db)
}

func (m *migration) up(c *cobra.Command, env Env, args []string) (err error) {
	db, err := m.open(c.Context(), env, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := printStatus(c, db); err != nil {
		return err
	}
	if !m.yes {
		c.Print("Apply the pending migrations? [y/n] ")
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

func printStatus(c *cobra.Command, db *store.DB) error {
	list, err := db.Status(c.Context())
	if err != nil {
		return err
	}
	for _, m := range list {
		state := "pending"
		if !m.AppliedAt.IsZero() {
			state = "applied"
		}
		c.Println(fmt.Sprintf("%-8s %s", state, m.Name))
	}
	return nil
}
