package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// identityView is what the table shows of an identity.
type identityView struct {
	ID         string         `json:"id"`
	ExternalID string         `json:"external_id"`
	Verifiable []addressValue `json:"verifiable_addresses"`
	Recovery   []addressValue `json:"recovery_addresses"`
	SchemaID   string         `json:"schema_id"`
	SchemaURL  string         `json:"schema_url"`
}

type addressValue struct {
	Value string `json:"value"`
}

// identitiesResult shows identities as the server has sent them. alone is for a
// command that was asked for one: it prints the identity itself.
func identitiesResult(raws []json.RawMessage, alone bool) (result, error) {
	r := result{
		columns:  []string{"ID", "EXTERNAL ID", "VERIFIED ADDRESSES", "RECOVERY ADDRESSES", "SCHEMA ID", "SCHEMA URL"},
		vertical: alone, value: raws,
	}
	if alone {
		r.value = raws[0]
	}
	for _, raw := range raws {
		var i identityView
		if err := json.Unmarshal(raw, &i); err != nil || i.ID == "" {
			return r, errors.New("the answer is not an identity: is this the admin port of an identity server?")
		}
		r.names = append(r.names, i.ID)
		r.rows = append(r.rows, []string{i.ID, i.ExternalID, values(i.Verifiable), values(i.Recovery), i.SchemaID, i.SchemaURL})
	}
	return r, nil
}

func values(addresses []addressValue) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.Value)
	}
	return strings.Join(all, ", ")
}

// identityCommands are the groups of commands about identities: ours, in which the
// thing comes first, and the verbs of the contract. Both have the same commands.
func identityCommands(env Env) []*cobra.Command {
	ours := group("identities", "Manage the identities of a running server")
	ours.Aliases = []string{"identity"}
	all := []*cobra.Command{ours}
	for _, verb := range []struct {
		name, short string
		aliases     []string
		make        func(Env) *cobra.Command
		noun        string
	}{
		{"list", "List things of a running server", []string{"ls"}, listIdentities, "identities"},
		{"get", "Show things of a running server", nil, getIdentity, "identity"},
		{"import", "Bring things into a running server", nil, importIdentities, "identities"},
		{"delete", "Delete things of a running server", []string{"rm"}, deleteIdentity, "identity"},
		{"validate", "Check files for a running server", nil, validateIdentities, "identity"},
	} {
		inOurs, inVerb := verb.make(env), verb.make(env)
		_, arguments, _ := strings.Cut(inOurs.Use, " ")
		inOurs.Use = strings.TrimSpace(verb.name + " " + arguments)
		inOurs.Aliases = verb.aliases
		inVerb.Use = strings.TrimSpace(verb.noun + " " + arguments)
		inVerb.Aliases = []string{map[string]string{"identity": "identities", "identities": "identity"}[verb.noun]}
		g := group(verb.name, verb.short)
		g.Aliases = verb.aliases
		ours.AddCommand(inOurs)
		g.AddCommand(inVerb)
		all = append(all, g)
	}
	ours.AddCommand(exportIdentities(env), unlockIdentity(env))
	return all
}

// group is a command that only holds others.
func group(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

func listIdentities(env Env) *cobra.Command {
	var p paging
	var consistency string
	c := &cobra.Command{
		Use: "identities", Short: "List identities, a page at a time", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query := url.Values{"consistency": {consistency}}
			return p.list(c, env, "/admin/identities", query, "identities", func(raws []json.RawMessage) (result, error) {
				return identitiesResult(raws, false)
			})
		},
	}
	p.flags(c)
	c.Flags().StringVar(&consistency, "consistency", "eventual", "strong, or eventual for an answer that may be a little old")
	return c
}

func getIdentity(env Env) *cobra.Command {
	var r remote
	var o output
	var external bool
	var credentials []string
	c := &cobra.Command{
		Use: "identity ID…", Short: "Show identities", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			path, query := "/admin/identities/", url.Values{"include_credential": credentials}
			if external {
				path += "by/external/"
			}
			var raws []json.RawMessage
			var failed []error
			for _, id := range ids {
				var raw json.RawMessage
				if _, err := a.get(c.Context(), path+url.PathEscape(id), query, &raw); err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", id, err))
					continue
				}
				raws = append(raws, raw)
			}
			if len(raws) == 0 {
				return errors.Join(failed...)
			}
			shown, err := identitiesResult(raws, len(ids) == 1)
			if err == nil {
				err = o.print(env.Out, shown)
			}
			return errors.Join(append(failed, err)...)
		},
	}
	r.flags(c)
	o.flags(c)
	c.Flags().BoolVar(&external, "external-id", false, "the arguments are external ids")
	c.Flags().StringSliceVarP(&credentials, "include-credentials", "i", nil, "types of credentials to show with their content, such as oidc")
	return c
}

func deleteIdentity(env Env) *cobra.Command {
	return eachIdentity(env, "identity ID…", "Delete identities with their sessions and credentials, for good", "Deleting", http.MethodDelete, "")
}

func unlockIdentity(env Env) *cobra.Command {
	return eachIdentity(env, "unlock ID…", "Forget the wrong guesses about identities, so that their owners can sign in again", "Unlocking", http.MethodPost, "/unlock")
}

// eachIdentity is a command that does one thing to every identity that is named.
func eachIdentity(env Env, use, short, doing, method, below string) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			bar := newProgress(env.Err, doing, len(ids))
			done, failed := []string{}, []error(nil)
			for _, id := range ids {
				if _, _, err := a.do(c.Context(), method, "/admin/identities/"+url.PathEscape(id)+below, nil, nil); err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", id, err))
				} else {
					done = append(done, id)
				}
				bar.step()
			}
			bar.finish()
			shown := result{columns: []string{"ID"}, names: done, value: done}
			for _, id := range done {
				shown.rows = append(shown.rows, []string{id})
			}
			if len(done) == 0 {
				return errors.Join(failed...)
			}
			return errors.Join(append(failed, o.print(env.Out, shown))...)
		},
	}
	r.flags(c)
	o.flags(c)
	return c
}
