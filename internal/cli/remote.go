package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func remoteCommand(env Env) *cobra.Command {
	parent := group("remote", "Ask a running server about itself")
	parent.AddCommand(remoteVersionCommand(env), remoteStatusCommand(env))
	return parent
}

func remoteVersionCommand(env Env) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: "version", Short: "Show the version of a running server", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			var answer struct {
				Version string `json:"version"`
			}
			if _, err := a.get(c.Context(), "/admin/version", nil, &answer); err != nil {
				return err
			}
			return o.print(env.Out, fields([]field{{"VERSION", "version", answer.Version}}))
		},
	}
	r.flags(c)
	o.flags(c)
	return c
}

func remoteStatusCommand(env Env) *cobra.Command {
	var r remote
	var o output
	c := &cobra.Command{
		Use: "status", Short: "Show whether a running server is alive and ready; the exit code is 1 when it is not", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			status := "ready"
			var trouble error
			for _, check := range []struct{ path, otherwise string }{{"/health/ready", "alive"}, {"/health/alive", "dead"}} {
				_, _, err := a.do(c.Context(), "GET", check.path, nil, nil)
				if err == nil {
					break
				}
				status, trouble = check.otherwise, err
			}
			if err := o.print(env.Out, fields([]field{{"STATUS", "status", status}})); err != nil {
				return err
			}
			if trouble != nil {
				return fmt.Errorf("the server is not ready: %w", trouble)
			}
			return nil
		},
	}
	r.flags(c)
	o.flags(c)
	return c
}
