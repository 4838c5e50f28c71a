package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// suppressionsPath is where a server keeps the addresses that get nothing any more.
	suppressionsPath = "/admin/courier/suppressions"
	// suppressedAtOnce is how many go in one request.
	suppressedAtOnce = 500
)

// suppressCommand keeps the list of addresses that get nothing any more.
func suppressCommand(env Env) *cobra.Command {
	parent := group("suppress", "Keep the list of addresses that a running server sends nothing to")
	parent.AddCommand(addSuppressions(env), importSuppressions(env), listSuppressions(env), removeSuppressions(env))
	return parent
}

// suppression is one address as the server takes and gives it.
type suppression struct {
	ID        string     `json:"id,omitempty"`
	Address   string     `json:"address"`
	Reason    string     `json:"reason,omitempty"`
	Note      string     `json:"note,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// why are the flags that say why and for how long.
type why struct {
	reason, note string
	lasting      time.Duration
}

func (w *why) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.reason, "reason", "manual", "bounce, complaint, rejected or manual")
	c.Flags().StringVar(&w.note, "note", "", "a note for other operators")
	c.Flags().DurationVar(&w.lasting, "for", 0, "how long; left out until it is removed")
}

// suppress sends addresses to the server.
func (w *why) suppress(c *cobra.Command, a *admin, addresses []string) error {
	for batch := range slices.Chunk(addresses, suppressedAtOnce) {
		var body struct {
			Suppressions []suppression `json:"suppressions"`
		}
		for _, address := range batch {
			p := suppression{Address: address, Reason: w.reason, Note: w.note}
			if w.lasting > 0 {
				end := time.Now().Add(w.lasting).UTC().Truncate(time.Second)
				p.ExpiresAt = &end
			}
			body.Suppressions = append(body.Suppressions, p)
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		if _, _, err := a.do(c.Context(), http.MethodPost, suppressionsPath, nil, raw); err != nil {
			return err
		}
	}
	return nil
}

func addSuppressions(env Env) *cobra.Command {
	var r remote
	var w why
	c := &cobra.Command{
		Use: "add ADDRESS…", Short: "Send nothing more to addresses or telephone numbers", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, addresses []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			return w.suppress(c, a, addresses)
		},
	}
	r.flags(c)
	w.flags(c)
	return c
}

func importSuppressions(env Env) *cobra.Command {
	var r remote
	var w why
	c := &cobra.Command{
		Use: "import FILE", Short: "Send nothing more to the addresses of a file",
		Long: "Reads one address a line, or the first column of a CSV file, as mail services export them; - reads\n" +
			"standard input. Empty lines and lines that begin with # are left out, and so is a first line without an\n" +
			"address. Addresses that are on the list already get the new reason and end.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			raw, err := readInput(env, files[0])
			if err != nil {
				return err
			}
			addresses := addressesOf(raw)
			if len(addresses) == 0 {
				return fmt.Errorf("%s: holds no address", files[0])
			}
			a, err := r.client(env)
			if err != nil {
				return err
			}
			if err := w.suppress(c, a, addresses); err != nil {
				return err
			}
			fmt.Fprintf(env.Err, "%d addresses\n", len(addresses))
			return nil
		},
	}
	r.flags(c)
	w.flags(c)
	return c
}

// addressesOf reads one address a line.
func addressesOf(raw []byte) (all []string) {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for first := true; lines.Scan(); first = false {
		address, _, _ := strings.Cut(lines.Text(), ",")
		address = strings.Trim(strings.TrimPrefix(address, "\ufeff"), " \t\r\"")
		if address == "" || address[0] == '#' || first && !strings.ContainsAny(address, "@+") {
			continue
		}
		all = append(all, address)
	}
	return all
}

func listSuppressions(env Env) *cobra.Command {
	var p paging
	var address string
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the addresses, newest first, a page at a time", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query := url.Values{}
			if address != "" {
				query.Set("address", address)
			}
			return p.list(c, env, suppressionsPath, query, "suppressions", suppressionsResult)
		},
	}
	p.flags(c)
	c.Flags().StringVar(&address, "address", "", "this address only")
	return c
}

func suppressionsResult(raws []json.RawMessage) (result, error) {
	r := result{columns: []string{"ADDRESS", "REASON", "ENDS", "NOTE"}}
	for _, raw := range raws {
		var p suppression
		if err := json.Unmarshal(raw, &p); err != nil || p.Address == "" {
			return r, errors.New("the answer is not a suppressed address: is this the admin port of an identity server?")
		}
		ends := "never"
		if p.ExpiresAt != nil {
			ends = p.ExpiresAt.Format(time.RFC3339)
		}
		r.names = append(r.names, p.Address)
		r.rows = append(r.rows, []string{p.Address, p.Reason, ends, p.Note})
	}
	return r, nil
}

func removeSuppressions(env Env) *cobra.Command {
	var r remote
	c := &cobra.Command{
		Use: "remove ADDRESS…", Aliases: []string{"rm"}, Short: "Take addresses off the list", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, addresses []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			var failed []error
			for _, address := range addresses {
				var found []suppression
				_, err := a.get(c.Context(), suppressionsPath, url.Values{"address": {address}}, &found)
				if err == nil && len(found) == 0 {
					err = errors.New("is not on the list")
				}
				for _, p := range found {
					if err == nil {
						_, _, err = a.do(c.Context(), http.MethodDelete, suppressionsPath+"/"+url.PathEscape(p.ID), nil, nil)
					}
				}
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", address, err))
				}
			}
			return errors.Join(failed...)
		},
	}
	r.flags(c)
	return c
}
