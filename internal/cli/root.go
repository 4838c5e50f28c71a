// Package cli is the command line: it reads arguments, builds what a command
// needs through package app, and prints. It holds no rules of its own.
package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
)

// Env is what a command sees of the machine.
type Env struct {
	Args    []string // without the program's name
	Environ []string // "NAME=value"
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Version string
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code   int
	reason string
}

// Error is the reason.
func (e *exitError) Error() string { return e.reason }

// Run carries out a command line. The exit code is 0, or 1 after any error that has
// none of its own.
func Run(ctx context.Context, env Env) int {
	root := rootCommand(env)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	root.PrintErrln("Error:", err)
	var own *exitError
	if errors.As(err, &own) {
		return own.code
	}
	return 1
}

// rootCommand is the tree of all commands.
func rootCommand(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "cardea",
		Short:         "Cardea signs people in",
		Long:          "Cardea is an identity server: people sign up, sign in, recover and manage their account;\napplications ask it who is calling; operators manage identities.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		serveCommand(env), courierCommand(env), migrateCommand(env), cleanupCommand(env), hashersCommand(env),
		formatCommand(env), lintCommand(), schemaCommand(env), configCommand(env), doctorCommand(env), remoteCommand(env), versionCommand(env), jsonnetCommand(env),
	)
	root.AddCommand(keysCommand(env), auditCommand(env), eventsCommand(env), hibpCommand(env))
	root.AddCommand(organizationsCommand(env))
	root.AddCommand(identityCommands(env)...)
	root.SetArgs(env.Args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	return root
}
