package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"cardea/internal/apikey"
	"cardea/internal/clock"
	"cardea/internal/problem"
	"cardea/internal/store"
)

// keysCommand works on the database, not on the admin port: the first key has to come
// from somewhere.
func keysCommand(env Env) *cobra.Command {
	parent := group("keys", "Manage the API keys of the admin port")
	parent.AddCommand(createKeyCommand(env), listKeysCommand(env), revokeKeyCommand(env))
	return parent
}

// keyView is a key as programs see it. The key itself is there only once.
type keyView struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	State      string     `json:"state"`
	Scopes     []string   `json:"scopes"`
	Key        string     `json:"key,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func viewOf(k *apikey.Key, now time.Time) keyView {
	return keyView{
		ID: k.ID, Name: k.Name, State: k.State(now), Scopes: strings.Fields(k.Scopes.String()),
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt,
	}
}

func createKeyCommand(env Env) *cobra.Command {
	var d database
	var o output
	var name string
	var words []string
	var ttl time.Duration
	c := &cobra.Command{
		Use: "create [DSN]", Short: "Make a key and print it, once", Args: cobra.MaximumNArgs(1),
		Long: "Makes a key for the admin port. It is sent as Authorization: Bearer " + apikey.Prefix + "…, is printed here and\n" +
			"never again, and is stored as a hash only. To rotate a key, make another one, roll it out and\n" +
			"revoke the old one: any number of keys may be valid at once.\n\n" +
			"Scopes are " + strings.Join(apikey.Vocabulary(), ", ") + ",\nor * for everything. Hashes of passwords, keys of second factors and tokens of providers are read\n" +
			"with identities:secrets alone, besides identities:read.",
		RunE: func(c *cobra.Command, args []string) error {
			scopes, err := apikey.ParseScopes(words...)
			if err != nil {
				return told(err)
			}
			return d.with(c.Context(), env, args, func(db *store.DB) error {
				now := clock.System{}.Now()
				token, k, err := apikey.New(rand.Reader, name, scopes, now, ttl)
				if err != nil {
					return told(err)
				}
				if err := audited(db).CreateAPIKey(shell(c.Context(), ""), k); err != nil {
					return err
				}
				view := viewOf(k, now)
				view.Key = token
				return o.print(c.OutOrStdout(), result{
					names: []string{token}, value: view,
					human: func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "%s\n\nThis is key %s (%s). It is not shown again.\n", token, k.ID, k.Scopes)
						return err
					},
				})
			})
		},
	}
	d.flags(c, true)
	c.Flags().StringVar(&name, "name", "", "what the key is for, for people")
	c.Flags().StringSliceVar(&words, "scopes", nil, "what it may do, such as identities:read,sessions:*; * for everything")
	c.Flags().DurationVar(&ttl, "ttl", 0, "how long it works; 0 for ever")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("scopes")
	o.flags(c)
	return c
}

func listKeysCommand(env Env) *cobra.Command {
	var d database
	var o output
	c := &cobra.Command{
		Use: "list [DSN]", Short: "List the keys, those that do not work any more too", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return d.with(c.Context(), env, args, func(db *store.DB) error {
				keys, err := db.Tenant(store.DefaultTenant).APIKeys(c.Context())
				if err != nil {
					return err
				}
				slices.SortFunc(keys, func(a, b *apikey.Key) int { return a.CreatedAt.Compare(b.CreatedAt) })
				return o.print(c.OutOrStdout(), keysResult(keys, clock.System{}.Now()))
			})
		},
	}
	d.flags(c, true)
	o.flags(c)
	return c
}

func keysResult(keys []*apikey.Key, now time.Time) result {
	views := []keyView{}
	r := result{columns: []string{"ID", "NAME", "STATE", "SCOPES", "EXPIRES AT", "LAST USED AT"}}
	for _, k := range keys {
		views = append(views, viewOf(k, now))
		r.names = append(r.names, k.ID.String())
		r.rows = append(r.rows, []string{k.ID.String(), k.Name, k.State(now), k.Scopes.String(), dateOr(k.ExpiresAt, "never"), dateOr(k.LastUsedAt, "never")})
	}
	r.value = views
	return r
}

func dateOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

func revokeKeyCommand(env Env) *cobra.Command {
	var d database
	c := &cobra.Command{
		Use: "revoke ID [DSN]", Short: "End a key at once and for good", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return errors.New("the id of a key is a UUID: keys list shows it")
			}
			return d.with(c.Context(), env, args[1:], func(db *store.DB) error {
				err := audited(db).RevokeAPIKey(shell(c.Context(), ""), id, clock.System{}.Now())
				if errors.Is(err, problem.ErrNotFound) {
					return fmt.Errorf("there is no key %s", id)
				}
				if err == nil {
					c.Println("Revoked", id)
				}
				return err
			})
		},
	}
	d.flags(c, true)
	return c
}

// told is a problem in the words for the one who typed the command.
func told(err error) error {
	if p := problem.As(err); p != nil && p.Reason != "" {
		return errors.New(p.Reason)
	}
	return err
}
