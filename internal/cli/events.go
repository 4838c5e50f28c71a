package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

const deliveriesPath = "/admin/events/deliveries"

// eventsCommand looks after what a running server still has to tell other systems.
func eventsCommand(env Env) *cobra.Command {
	c := group("events", "Look after events and web hooks that have not arrived")
	c.AddCommand(listDeliveries(env), getDelivery(env), replayDeliveries(env))
	return c
}

// deliveryView is what the table shows of a delivery.
type deliveryView struct {
	ID       string `json:"id"`
	Target   string `json:"target"`
	Type     string `json:"type"`
	Subject  string `json:"subject"`
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
}

// deliveriesResult shows deliveries as the server has sent them. alone is for a
// command that was asked for one.
func deliveriesResult(raws []json.RawMessage, alone bool) (result, error) {
	r := result{columns: []string{"ID", "TARGET", "TYPE", "SUBJECT", "STATUS", "ATTEMPTS", "ERROR"}, vertical: alone, value: raws}
	if alone {
		r.value = raws[0]
	}
	for _, raw := range raws {
		var d deliveryView
		if err := json.Unmarshal(raw, &d); err != nil || d.ID == "" {
			return r, errors.New("the answer is not a delivery: is this the admin port of Cardea?")
		}
		r.names = append(r.names, d.ID)
		r.rows = append(r.rows, []string{d.ID, d.Target, d.Type, d.Subject, d.Status, strconv.Itoa(d.Attempts), d.Error})
	}
	return r, nil
}

// chosen are the options that select deliveries.
type chosen struct{ status, target, kind string }

func (f *chosen) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.target, "target", "", "those to this target only, such as events/crm")
	c.Flags().StringVar(&f.kind, "type", "", "those of this type only, such as identity.created")
}

func (f *chosen) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"status": f.status, "target": f.target, "type": f.kind} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func listDeliveries(env Env) *cobra.Command {
	var r remote
	var o output
	var f chosen
	var size int
	var token string
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List deliveries, newest first, a page at a time", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			q := f.query()
			q.Set("page_size", strconv.Itoa(size))
			if token != "" {
				q.Set("page_token", token)
			}
			raws := []json.RawMessage{}
			header, err := a.get(c.Context(), deliveriesPath, q, &raws)
			if err != nil {
				return err
			}
			shown, err := deliveriesResult(raws, false)
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
	c.Flags().StringVar(&f.status, "status", "", "waiting or dead")
	c.Flags().IntVar(&size, "page-size", 100, "how many at a time")
	c.Flags().StringVar(&token, "page-token", "", "the page to show, as the page before has named it")
	r.flags(c)
	o.flags(c)
	return c
}

func getDelivery(env Env) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: "get ID", Short: "Show a delivery and why it has not arrived", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if _, err := a.get(c.Context(), deliveriesPath+"/"+url.PathEscape(args[0]), nil, &raw); err != nil {
				return err
			}
			shown, err := deliveriesResult([]json.RawMessage{raw}, true)
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), shown)
		},
	}
	r.flags(c)
	o.flags(c)
	return c
}

func replayDeliveries(env Env) *cobra.Command {
	var r remote
	var f chosen
	var all bool
	c := &cobra.Command{
		Use: "replay [ID…]", Short: "Try deliveries again that were given up",
		Long: "Gives deliveries that were given up all their attempts again, behind what waits for the same target\n" +
			"and identity by now: those with these ids, or with --all every one that --target and --type select.",
		RunE: func(c *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return errors.New("name the deliveries to replay, or give --all")
			}
			a, err := r.client(env)
			if err != nil {
				return err
			}
			replayed := 0
			for _, id := range ids {
				if _, _, err := a.do(c.Context(), http.MethodPost, deliveriesPath+"/"+url.PathEscape(id)+"/replay", nil, nil); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				replayed++
			}
			for more := all; more; {
				_, raw, err := a.do(c.Context(), http.MethodPost, deliveriesPath+"/replay", f.query(), nil)
				if err != nil {
					return err
				}
				var said struct {
					Replayed int  `json:"replayed"`
					More     bool `json:"more"`
				}
				if err := json.Unmarshal(raw, &said); err != nil {
					return errors.New("the answer is not what was expected: is this the admin port of Cardea?")
				}
				replayed, more = replayed+said.Replayed, said.More
			}
			_, err = io.WriteString(c.OutOrStdout(), fmt.Sprintf("Deliveries that are tried again: %d\n", replayed))
			return err
		},
	}
	f.flags(c)
	c.Flags().BoolVar(&all, "all", false, "all that were given up")
	r.flags(c)
	return c
}
