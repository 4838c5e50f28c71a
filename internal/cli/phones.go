package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/store"
)

// phones are the options of normalising phone numbers.
type phones struct {
	database
	batch  int
	delay  time.Duration
	dryRun bool
	after  []string
}

// phoneCounts are what normalising has found.
type phoneCounts struct{ scanned, updated, failed int }

func normalizePhonesCommand(env Env) *cobra.Command {
	var p phones
	c := &cobra.Command{
		Use: "normalize-phone-numbers [DSN]", Short: "Give stored phone numbers the form in which they are looked up", Args: cobra.MaximumNArgs(1),
		Long: "Rewrites phone numbers in identifiers and addresses to E.164. What this server has stored is in that\n" +
			"form already, so this is for rows that came from elsewhere. It can be repeated at any time, also while\n" +
			"the server runs. A number that would be somebody else's is left as it is and told.",
		RunE: func(c *cobra.Command, args []string) error {
			after, err := startAfter(p.after)
			if err != nil {
				return err
			}
			if p.batch < 1 {
				return errors.New("--batch-size has to be greater than 0")
			}
			return p.with(c.Context(), env, args, func(db *store.DB) error {
				n, err := p.run(shell(c.Context(), "normalizePhones"), env, audited(db), after)
				fmt.Fprintf(env.Out, "Identities scanned: %d\nUpdated: %d\nSkipped: %d\nErrors: %d\n", n.scanned, n.updated, n.scanned-n.updated-n.failed, n.failed)
				if err == nil && n.failed > 0 {
					err = fmt.Errorf("%d identities were not changed", n.failed)
				}
				return err
			})
		},
	}
	p.flags(c, false)
	c.Flags().IntVarP(&p.batch, "batch-size", "b", 1000, "identities to read at once")
	c.Flags().DurationVar(&p.delay, "batch-delay", time.Second, "pause between two batches")
	c.Flags().BoolVar(&p.dryRun, "dry-run", false, "count and change nothing")
	c.Flags().StringSliceVar(&p.after, "start-after", nil, "go on after this identity; key=ID is understood as well, and the least of several counts")
	return c
}

// startAfter reads where to go on.
func startAfter(words []string) (after uuid.UUID, err error) {
	for n, word := range words {
		if _, id, keyed := strings.Cut(word, "="); keyed {
			word = id
		}
		id, err := uuid.Parse(word)
		if err != nil {
			return after, fmt.Errorf("--start-after %q: this is no id", word)
		}
		if n == 0 || id.String() < after.String() {
			after = id
		}
	}
	return after, nil
}

func (p *phones) run(ctx context.Context, env Env, rows *store.Tenant, after uuid.UUID) (n phoneCounts, err error) {
	f := store.IdentityFilter{After: after, Limit: p.batch, Credentials: true}
	for {
		list, err := rows.Identities(ctx, f)
		if err != nil {
			return n, err
		}
		for _, i := range list {
			n.scanned++
			if identity.NormalizePhones(i) == 0 {
				continue
			}
			err := p.settle(ctx, rows, i.ID)
			if taken := (*problem.ConflictError)(nil); errors.As(err, &taken) {
				n.failed++
				fmt.Fprintf(env.Err, "%s: a number is somebody else's already\n", i.ID)
			} else if err != nil {
				return n, err
			} else {
				n.updated++
			}
		}
		if len(list) < p.batch {
			return n, nil
		}
		f.After = list[len(list)-1].ID
		select {
		case <-ctx.Done():
			return n, fmt.Errorf("interrupted: go on with --start-after %s", f.After)
		case <-time.After(p.delay):
		}
	}
}

// settle changes an identity as it is at that moment.
func (p *phones) settle(ctx context.Context, rows *store.Tenant, id uuid.UUID) error {
	if p.dryRun {
		return nil
	}
	err := rows.Tx(ctx, func(x *store.Tx) error {
		i, err := x.Identity(id)
		if err != nil || identity.NormalizePhones(i) == 0 {
			return err
		}
		return x.UpdateIdentity(i)
	})
	if errors.Is(err, problem.ErrNotFound) {
		return nil // deleted meanwhile
	}
	return err
}
