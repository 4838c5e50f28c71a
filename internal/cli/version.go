package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(env Env) *cobra.Command {
	var o output
	c := &cobra.Command{
		Use: "version", Short: "Print the version and what it was built from", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			return o.print(env.Out, fields([]field{
				{"Version", "version", env.Version}, {"Build Commit", "build_commit", b.commit},
				{"Build Timestamp", "build_timestamp", b.at}, {"Go", "go", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
			}))
		},
	}
	o.flags(c)
	return c
}

// build is what the toolchain has written into this program; "unknown" for a part
// that it did not know, as in `go run`.
type build struct {
	commit string // with "+dirty" for changes that are not in it
	at     string // RFC 3339: of the commit, so that builds can be repeated
}

func readBuild() build {
	b := build{"unknown", "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.commit = s.Value
		case s.Key == "vcs.time":
			b.at = s.Value
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.modified" && s.Value == "true" {
			b.commit += "+dirty"
		}
	}
	return b
}
