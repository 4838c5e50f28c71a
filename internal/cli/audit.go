package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardea/internal/app"
	"cardea/internal/audit"
	"cardea/internal/clock"
	"cardea/internal/store"
)

const auditPath = "/admin/audit"

// auditCommand reads the audit log of a running server, and checks that of a database.
func auditCommand(env Env) *cobra.Command {
	c := group("audit", "Read the audit log, and check that it is as it was written")
	c.AddCommand(listAudit(env), exportAudit(env), verifyAudit(env), auditKeys(env), adoptAudit(env))
	return c
}

// shell is where what a command does comes from.
func shell(ctx context.Context, operation string) context.Context {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return audit.With(ctx, audit.Fixed{Actor: audit.Shell(name), Operation: operation})
}

// audited is the tenant of a command that changes something. A command does not know
// whether servers keep a log, so it always tells.
func audited(db *store.DB) *store.Tenant {
	return db.Tenant(store.DefaultTenant).Audited(func() bool { return true })
}

// auditChoice are the options that select rows.
type auditChoice struct{ identity, actor, action, outcome, since, until string }

func (f *auditChoice) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.identity, "identity", "", "rows about this account only")
	c.Flags().StringVar(&f.actor, "actor", "", "rows of this actor only, such as key:ID, identity:ID, cli:NAME or operator")
	c.Flags().StringVar(&f.action, "action", "", "rows of this action only; login.* for all that begin like it")
	c.Flags().StringVar(&f.outcome, "outcome", "", "success or failure")
	c.Flags().StringVar(&f.since, "since", "", "rows of this moment or later (RFC 3339)")
	c.Flags().StringVar(&f.until, "until", "", "rows before this moment (RFC 3339)")
}

func (f *auditChoice) query(size int, token string) url.Values {
	q := url.Values{"page_size": {strconv.Itoa(size)}}
	for name, value := range map[string]string{
		"identity_id": f.identity, "actor": f.actor, "action": f.action, "outcome": f.outcome, "since": f.since, "until": f.until, "page_token": token,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func listAudit(env Env) *cobra.Command {
	var r remote
	var o output
	var f auditChoice
	var size int
	var token string
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List what was done, newest first, a page at a time", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			raws := []json.RawMessage{}
			header, err := a.get(c.Context(), auditPath, f.query(size, token), &raws)
			if err != nil {
				return err
			}
			shown, err := auditResult(raws)
			if err != nil {
				return err
			}
			if next := nextPage(header); next != "" {
				defer c.PrintErrln("There are more: --page-token " + next)
			}
			return o.print(c.OutOrStdout(), shown)
		},
	}
	f.flags(c)
	c.Flags().IntVar(&size, "page-size", 100, "how many at a time")
	c.Flags().StringVar(&token, "page-token", "", "the page to show, as the page before has named it")
	r.flags(c)
	o.flags(c)
	return c
}

func auditResult(raws []json.RawMessage) (result, error) {
	r := result{columns: []string{"SEQ", "TIME", "ACTION", "ACTOR", "IDENTITY", "ADDRESS", "TIMES"}, value: raws}
	for _, raw := range raws {
		var row struct {
			ID, Time, Action, Actor string
			Identity                string `json:"identity_id"`
			Address                 string `json:"ip_address"`
			Seq, Times              int64
		}
		if err := json.Unmarshal(raw, &row); err != nil || row.ID == "" {
			return r, errors.New("the answer is not a row of the audit log: is this the admin port of Cardea?")
		}
		seq := "-"
		if row.Seq > 0 {
			seq = strconv.FormatInt(row.Seq, 10)
		}
		r.names = append(r.names, row.ID)
		r.rows = append(r.rows, []string{seq, row.Time, row.Action, row.Actor, row.Identity, row.Address, strconv.FormatInt(row.Times, 10)})
	}
	return r, nil
}

// auditPage is how many rows an export asks for at once.
const auditPage = 500

func exportAudit(env Env) *cobra.Command {
	var r remote
	var f auditChoice
	c := &cobra.Command{
		Use: "export", Short: "Print what was done, newest first, one JSON object a line", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			for token := ""; ; {
				raws := []json.RawMessage{}
				header, err := a.get(c.Context(), auditPath, f.query(auditPage, token), &raws)
				if err != nil {
					return err
				}
				for _, raw := range raws {
					if _, err := c.OutOrStdout().Write(append(raw, '\n')); err != nil {
						return err
					}
				}
				if token = nextPage(header); token == "" {
					return nil
				}
			}
		},
	}
	f.flags(c)
	r.flags(c)
	return c
}

// keyed are the options of commands that need the keys of the audit log.
type keyed struct {
	database
	keys []string
}

func (k *keyed) flags(c *cobra.Command) {
	k.database.flags(c, true)
	c.Flags().StringSliceVar(&k.keys, "public-key", nil, "a public `key`, as cardea audit keys shows it, to check with instead of the configuration's; may be repeated")
}

// find gives the keys that check.
func (k *keyed) find(env Env) (audit.Keys, error) {
	if len(k.keys) == 0 {
		k.skip = true // the rest of the configuration is for servers
		s, err := k.load(env)
		if err != nil {
			return audit.Keys{}, err
		}
		return app.AuditKeys(s)
	}
	keys := audit.Keys{}
	for _, text := range k.keys {
		key := audit.ParseKey(text)
		if key == nil {
			return keys, errors.New("a public key is the base64 of 32 bytes: `cardea audit keys` shows it")
		}
		keys = keys.With(key)
	}
	return keys, nil
}

// Exit codes of a check besides 0 and that of any error.
const (
	exitBroken = 3 // the log is not as it was written
	exitLate   = 4 // it is, but rows have waited for their place for too long
)

func verifyAudit(env Env) *cobra.Command {
	var k keyed
	var o output
	var known []string
	var late time.Duration
	c := &cobra.Command{
		Use: "verify [DSN]", Short: "Check that no row was changed, removed, added or moved", Args: cobra.MaximumNArgs(1),
		Long: "Reads the whole audit log of a database and checks the hash of each row, the signature at the end, and how\n" +
			"many rows have no place in the chain yet. It ends with 0 when all is in order, 3 when the log is not as it\n" +
			"was written, 4 when rows have waited for longer than --late, and 1 when it could not be checked. It may run\n" +
			"while servers write. --known takes places that were written down elsewhere before (SEQ:HASH, see\n" +
			"GET /admin/audit/head): whoever owns the database and the keys cannot take those back.",
		RunE: func(c *cobra.Command, args []string) error {
			keys, err := k.find(env)
			if err != nil {
				return err
			}
			places, err := parseKnown(known)
			if err != nil {
				return err
			}
			return k.with(c.Context(), env, args, func(db *store.DB) error {
				began := time.Now()
				r, err := audit.Verify(c.Context(), db.Tenant(store.DefaultTenant), keys, places, func(at, end int64) {
					if time.Since(began) > time.Second {
						began = time.Now()
						c.PrintErrf("row %d of %d\n", at, end)
					}
				})
				if err != nil {
					return err
				}
				return errors.Join(o.print(c.OutOrStdout(), reportResult(r)), judgeAudit(r, late))
			})
		},
	}
	k.flags(c)
	c.Flags().StringSliceVar(&known, "known", nil, "a place that the chain has to pass through, as SEQ:HASH; may be repeated")
	c.Flags().DurationVar(&late, "late", time.Minute, "how long a row may wait for its place; 0 for any time")
	o.flags(c)
	return c
}

func parseKnown(texts []string) (all []audit.Known, err error) {
	for _, text := range texts {
		number, hash, _ := strings.Cut(text, ":")
		var k audit.Known
		if k.Seq, err = strconv.ParseInt(number, 10, 64); err == nil {
			k.Hash, err = hex.DecodeString(hash)
		}
		if err != nil || len(k.Hash) != 32 {
			return nil, errors.New("--known is SEQ:HASH, a number and 64 hexadecimal digits")
		}
		all = append(all, k)
	}
	return all, nil
}

// judgeAudit is how a check ends.
func judgeAudit(r *audit.Report, late time.Duration) error {
	switch {
	case r.Broken():
		return &exitError{exitBroken, "the audit log is not as it was written: " + r.Problem}
	case late > 0 && r.Unsealed > 0 && clock.System{}.Now().Sub(r.Oldest) > late:
		return &exitError{exitLate, fmt.Sprintf("%d rows have no place in the chain, the oldest since %s", r.Unsealed, r.Oldest.Format(time.RFC3339))}
	}
	return nil
}

func reportResult(r *audit.Report) result {
	v := struct {
		Intact   bool       `json:"intact"`
		Problem  string     `json:"problem,omitempty"`
		At       int64      `json:"at,omitempty"`
		Checked  int64      `json:"checked"`
		Anchor   int64      `json:"anchor"`
		Seq      int64      `json:"seq"`
		Hash     string     `json:"hash"`
		Key      string     `json:"key"`
		SealedAt *time.Time `json:"sealed_at,omitempty"`
		Unsealed int64      `json:"unsealed"`
		Oldest   *time.Time `json:"unsealed_since,omitempty"`
	}{
		Intact: !r.Broken(), Problem: r.Problem, At: r.At, Checked: r.Checked, Anchor: r.Head.Anchor, Seq: r.Head.Seq,
		Hash: hex.EncodeToString(r.Head.Hash), Key: r.Head.Key, Unsealed: r.Unsealed,
	}
	if r.Head.Seq > 0 {
		v.SealedAt = &r.Head.SealedAt
	}
	if r.Unsealed > 0 {
		v.Oldest = &r.Oldest
	}
	return result{value: v, names: []string{v.Hash}, human: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Rows checked: %d (places %d to %d)\nHead: %d:%s\nSigned by key: %s\nWithout a place yet: %d\n", v.Checked, v.Anchor+1, v.Seq, v.Seq, v.Hash, v.Key, v.Unsealed)
		if v.Oldest != nil && err == nil {
			_, err = fmt.Fprintf(w, "The oldest of those is of: %s\n", v.Oldest.Format(time.RFC3339))
		}
		return err
	}}
}

func auditKeys(env Env) *cobra.Command {
	var k keyed
	var o output
	c := &cobra.Command{
		Use: "keys", Short: "Show the public keys of the audit log, that which signs first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			keys, err := k.find(env)
			if err != nil {
				return err
			}
			type view struct {
				Name string `json:"name"`
				Key  string `json:"public_key"`
			}
			views, r := []view{}, result{columns: []string{"NAME", "PUBLIC KEY"}}
			for _, key := range keys.Public() {
				v := view{audit.KeyName(key), audit.Spell(key)}
				views = append(views, v)
				r.names, r.rows = append(r.names, v.Key), append(r.rows, []string{v.Name, v.Key})
			}
			r.value = views
			return o.print(c.OutOrStdout(), r)
		},
	}
	k.database.flags(c, true)
	o.flags(c)
	return c
}

func adoptAudit(env Env) *cobra.Command {
	var k keyed
	var yes bool
	c := &cobra.Command{
		Use: "adopt [DSN]", Short: "Sign the audit log with the key of the configuration, whoever has signed it before", Args: cobra.MaximumNArgs(1),
		Long: "Signs the end of the audit log as it is now with the configured key: for the day on which the secret is lost\n" +
			"that it was signed with, because servers build on nothing that they cannot check. What was before is not checked\n" +
			"by this. The log tells that it was done.",
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return errors.New("say --yes: nobody can tell afterwards whether the log was changed before")
			}
			keys, err := k.find(env)
			if err != nil {
				return err
			}
			return k.with(c.Context(), env, args, func(db *store.DB) error {
				ctx := shell(c.Context(), "")
				s := app.NewSealer(db, func() audit.Keys { return keys }, clock.System{})
				if err := s.Adopt(ctx, int64(store.DefaultTenant)); err != nil {
					return err
				}
				if err := audited(db).Record(ctx, audit.Entry{Action: audit.ChainAdopted}); err != nil {
					return err
				}
				return s.Seal(ctx)
			})
		},
	}
	k.database.flags(c, true)
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do it")
	return c
}
