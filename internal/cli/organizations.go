package cli

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// organizationsPath is where a server manages organizations.
const organizationsPath = "/admin/organizations"

func organizationsCommand(env Env) *cobra.Command {
	parent := group("organizations", "Manage the organizations of a running server")
	parent.Aliases = []string{"organization"}
	parent.AddCommand(
		listOrganizations(env), getOrganization(env), deleteOrganization(env),
		writeOrganization(env, "create LABEL", "Create an organization", http.MethodPost),
		writeOrganization(env, "update ID", "Change what the flags name about an organization", http.MethodPut),
	)
	return parent
}

// organizationView is what the table shows of an organization.
type organizationView struct {
	ID      string `json:"id"`
	Label   string `json:"label"`
	Enabled bool   `json:"enabled"`
	Domains []struct {
		Name     string `json:"name"`
		Verified bool   `json:"verified"`
	} `json:"domains"`
	SignIn      string `json:"sign_in"`
	SignUp      string `json:"sign_up"`
	Connections []struct {
		Provider string `json:"provider"`
	} `json:"connections"`
	Source string `json:"source"`
}

// organizationsResult shows organizations as the server has sent them; alone is for
// one that stands upright.
func organizationsResult(raws []json.RawMessage, alone bool) (result, error) {
	r := result{
		columns:  []string{"ID", "LABEL", "ENABLED", "DOMAINS", "SIGN IN", "SIGN UP", "CONNECTIONS", "SOURCE"},
		vertical: alone, value: raws,
	}
	if alone {
		r.value = raws[0]
	}
	for _, raw := range raws {
		var o organizationView
		if err := json.Unmarshal(raw, &o); err != nil || o.ID == "" {
			return r, errors.New("the answer is not an organization: is this the admin port of an identity server?")
		}
		var domains, connections []string
		for _, d := range o.Domains {
			if !d.Verified {
				d.Name += " (not verified)"
			}
			domains = append(domains, d.Name)
		}
		for _, c := range o.Connections {
			connections = append(connections, c.Provider)
		}
		r.names = append(r.names, o.ID)
		r.rows = append(r.rows, []string{
			o.ID, o.Label, strconv.FormatBool(o.Enabled), strings.Join(domains, ", "), o.SignIn, o.SignUp, strings.Join(connections, ", "), o.Source,
		})
	}
	return r, nil
}

func listOrganizations(env Env) *cobra.Command {
	var p paging
	c := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List organizations, a page at a time", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.list(c, env, organizationsPath, url.Values{}, "organizations", func(raws []json.RawMessage) (result, error) {
				return organizationsResult(raws, false)
			})
		},
	}
	p.flags(c)
	return c
}

func getOrganization(env Env) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: "get ID", Short: "Show an organization", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if _, err := a.get(c.Context(), organizationsPath+"/"+url.PathEscape(ids[0]), nil, &raw); err != nil {
				return err
			}
			return o.printOrganization(env, raw)
		},
	}
	r.flags(c)
	o.flags(c)
	return c
}

func (o *output) printOrganization(env Env, raw json.RawMessage) error {
	shown, err := organizationsResult([]json.RawMessage{raw}, true)
	if err != nil {
		return err
	}
	return o.print(env.Out, shown)
}

func deleteOrganization(env Env) *cobra.Command {
	var r remote
	c := &cobra.Command{
		Use: "delete ID", Aliases: []string{"rm"}, Short: "Delete an organization that has no members", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			_, _, err = a.do(c.Context(), http.MethodDelete, organizationsPath+"/"+url.PathEscape(ids[0]), nil, nil)
			return err
		},
	}
	r.flags(c)
	return c
}

// writeOrganization creates an organization or changes one. Flags that are not given
// are not sent, so that nothing changes that nobody has named.
func writeOrganization(env Env, use, short, method string) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		Long: short + ".\n\nA domain of --domain is the organization's because you say so: people with an address there are led\n" +
			"to its connections. A provider is a connection when its organization_id in the configuration is the\n" +
			"id of the organization.",
		RunE: func(c *cobra.Command, args []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			body := organizationOf(c)
			path := organizationsPath
			if method == http.MethodPut {
				path += "/" + url.PathEscape(args[0])
			} else {
				body["label"] = args[0]
			}
			sent, err := json.Marshal(body)
			if err != nil {
				return err
			}
			_, raw, err := a.do(c.Context(), method, path, nil, sent)
			if err != nil {
				return err
			}
			return o.printOrganization(env, raw)
		},
	}
	r.flags(c)
	o.flags(c)
	f := c.Flags()
	if method == http.MethodPut {
		f.String("label", "", "what people call it")
	} else {
		f.String("id", "", "its id, a UUID; drawn at random when it is left out")
	}
	f.StringSlice("domain", nil, "a mail domain that is the organization's; may be repeated, and replaces all others")
	f.String("sign-in", "", "how members sign in: anywhere, or connections for its connections only")
	f.String("sign-up", "", "how somebody comes to have an address in one of the domains: anywhere or connections")
	f.String("session-lifespan", "", "how long sessions live that begin at a connection, such as 8h")
	f.Bool("enabled", true, "let its members in")
	return c
}

// organizationOf is the body that says what the flags of a command say.
func organizationOf(c *cobra.Command) map[string]any {
	f, body := c.Flags(), map[string]any{}
	for _, name := range []string{"id", "label", "sign-in", "sign-up", "session-lifespan"} {
		if f.Changed(name) {
			body[strings.ReplaceAll(name, "-", "_")], _ = f.GetString(name) // it is one
		}
	}
	if f.Changed("enabled") {
		body["enabled"], _ = f.GetBool("enabled")
	}
	if f.Changed("domain") {
		domains := []map[string]any{}
		names, _ := f.GetStringSlice("domain")
		for _, name := range names {
			domains = append(domains, map[string]any{"name": name, "verified": true})
		}
		body["domains"] = domains
	}
	return body
}
