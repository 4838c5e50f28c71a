package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardea/internal/jsonnet"
)

// jsonnetCommand is how this program starts itself as a child that evaluates
// Jsonnet. It reads no configuration and writes no log.
func jsonnetCommand(env Env) *cobra.Command {
	return &cobra.Command{
		Use: jsonnet.WorkerCommand, Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return jsonnet.Serve(env.In, env.Out) },
	}
}

func formatCommand(env Env) *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use: "jsonnet GLOB…", Short: "Lay out Jsonnet files in the usual way", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, globs []string) error {
			return eachFile(globs, func(file string, source []byte) error {
				text, err := jsonnet.Format(file, string(source))
				if err != nil {
					return err
				}
				if !write {
					_, err = fmt.Fprint(env.Out, text)
					return err
				}
				if text == string(source) {
					return nil
				}
				fmt.Fprintln(env.Out, file)
				return rewrite(file, text)
			})
		},
	}
	c.Flags().BoolVarP(&write, "write", "w", false, "change the files instead of printing, and print their names")
	parent := group("format", "Lay out source files")
	parent.AddCommand(c)
	return parent
}

func lintCommand() *cobra.Command {
	lint := &cobra.Command{
		// The odd name is the contract's; the other one is what everybody types first.
		Use: "lint GLOB…", Aliases: []string{"jsonnet"}, Short: "Look for mistakes in Jsonnet files", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, globs []string) error {
			return eachFile(globs, func(file string, source []byte) error { return jsonnet.Lint(file, string(source)) })
		},
	}
	parent := group("lint", "Look for mistakes in source files")
	parent.AddCommand(lint)
	return parent
}

// eachFile goes through the files that the patterns name and collects what is
// wrong with them. A pattern without a file is an error: in a script it is a typo.
func eachFile(globs []string, do func(file string, source []byte) error) error {
	var failed []error
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		if err != nil {
			return fmt.Errorf("%s: %w", glob, err)
		}
		if len(files) == 0 {
			failed = append(failed, fmt.Errorf("%s: there is no such file", glob))
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err == nil {
				err = do(file, source)
			}
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// rewrite replaces a file at once and keeps its mode: an editor or a server that
// watches it never sees half of it.
func rewrite(file, text string) (err error) {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	_, err = temp.WriteString(text)
	if err := errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}
