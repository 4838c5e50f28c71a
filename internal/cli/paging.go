package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

// paging are the options of a list that a server gives a page at a time.
type paging struct {
	remote
	output
	size  int
	token string
}

func (p *paging) flags(c *cobra.Command) {
	p.remote.flags(c)
	p.output.flags(c)
	c.Flags().IntVar(&p.size, "page-size", 100, "how many to list")
	c.Flags().StringVar(&p.token, "page-token", "", "where to go on: the token that the page before ended with")
}

// list asks for a page and prints it. A document holds what the server gave under a name,
// beside the token of the page behind it; people are told of that one apart.
func (p *paging) list(c *cobra.Command, env Env, path string, query url.Values, name string, table func([]json.RawMessage) (result, error)) error {
	a, err := p.client(env)
	if err != nil {
		return err
	}
	query.Set("page_size", strconv.Itoa(p.size))
	if p.token != "" {
		query.Set("page_token", p.token)
	}
	raws := []json.RawMessage{}
	header, err := a.get(c.Context(), path, query, &raws)
	if err != nil {
		return err
	}
	shown, err := table(raws)
	if err != nil {
		return err
	}
	next := nextPage(header)
	shown.value = map[string]any{name: raws, "next_page_token": next}
	if err := p.print(env.Out, shown); err != nil || next == "" || p.format != formatTable || p.quiet {
		return err
	}
	fmt.Fprintf(env.Err, "There are more: --page-token %s\n", next)
	return nil
}
