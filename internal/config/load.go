package config

import (
	"fmt"
	"maps"
)

// Options say where the configuration comes from.
type Options struct {
	Files   []string // in order; later files win
	Environ []string // "NAME=value", as os.Environ gives it
	Flags   Flags

	// Defaults are laid over the schema's defaults when no installation is configured:
	// there is no file, and no environment variable says what is kept where, for whom
	// it is, or under which address others reach it. Variables that tune, ports among
	// them, are welcome. See Development. Nil switches this off.
	Defaults func(Ports) map[string]any

	// PersistedSecrets is asked when secrets.default is empty. It gives the secrets
	// that this installation made up for itself earlier, or makes and keeps new
	// ones; dataDir is cardea.data_dir, "" when not configured. Nil leaves
	// Secrets.Default empty.
	PersistedSecrets func(dataDir string) ([]string, error)

	// SkipValidation loads what can be understood and turns errors of content into
	// warnings, for commands that need no more than the DSN.
	SkipValidation bool

	// Hostname stands for the machine in derived base URLs; "" asks the system.
	Hostname string
}

// Flags are the command-line switches that are configuration keys. As in Kratos
// they override files even when they are not given; only the environment beats them.
type Flags struct {
	Dev          bool
	WatchCourier bool
	SQAOptOut    bool
}

// Load reads, merges and checks the configuration. A configuration that cannot be
// used gives an *InvalidError with everything that is wrong.
func Load(o Options) (*Snapshot, error) {
	schema, err := readSchema()
	if err != nil {
		return nil, err
	}
	l := newLayers(schema.defaults(schema.root))
	files, issues := addFiles(&l, o.Files)
	if len(issues) > 0 {
		return nil, invalid(issues)
	}
	env := readEnviron(schema, o.Environ)
	alone := len(o.Files) == 0 && o.Defaults != nil
	development := alone && env.installation() == ""
	if development {
		tree, _ := normalize(o.Defaults(env.ports(schema))).(map[string]any)
		l.add(tree, replaceLists, from("development defaults"))
	}
	warnings := addFlags(&l, o.Flags, development)
	l.add(env.tree, overlayLists, env.sourceOf)
	maps.Copy(l.hints, env.hints)

	issues, err = schema.validate(&l)
	if err != nil {
		return nil, err
	}
	if !o.SkipValidation && len(issues) > 0 {
		if alone && !development {
			issues = append(issues, whyWhole(env))
		}
		return nil, invalid(issues)
	}
	warnings = append(warnings, issues...)
	warnings = append(warnings, remarks(schema, &l)...)
	return assemble(l, o, development, files, warnings)
}

// whyWhole says which variable it is that asks for a whole configuration.
func whyWhole(env environment) Issue {
	key := env.installation()
	return Issue{Key: key, Source: env.sourceOf(key), Reason: "says that this is an installation, which takes a whole configuration; without it this would be development mode"}
}

// addFiles lays the files over the defaults.
func addFiles(l *layers, paths []string) (files []file, issues []Issue) {
	for _, path := range paths {
		tree, f, err := readFile(path)
		files = append(files, f)
		if err != nil {
			issues = append(issues, Issue{Source: path, Reason: err.Error()})
			continue
		}
		l.add(tree, replaceLists, from(path))
	}
	return files, issues
}

// addFlags lays the switches over the files and warns about file values that are
// lost that way.
func addFlags(l *layers, f Flags, development bool) (warnings []Issue) {
	flags := map[string]any{
		"dev":           f.Dev || development,
		"watch-courier": f.WatchCourier,
		"sqa-opt-out":   f.SQAOptOut,
	}
	for key, value := range flags {
		if written, ok := l.lookup(key); ok && l.origin[key] != "" && written != value {
			warnings = append(warnings, Issue{Key: key, Source: l.source(key),
				Reason: fmt.Sprintf("has no effect in a file: use the option --%s or the environment", key)})
		}
	}
	l.add(flags, replaceLists, from("command line"))
	return warnings
}

// remarks are the warnings that need no typed values: how environment variables
// were understood, and keys that nothing reads.
func remarks(schema document, l *layers) (warnings []Issue) {
	for key, hint := range l.hints {
		warnings = append(warnings, Issue{Key: key, Source: l.source(key), Reason: hint})
	}
	schema.unknown(schema.root, l.tree, "", func(key string) {
		warnings = append(warnings, Issue{Key: key, Source: l.source(key), Reason: "is not a known key and has no effect"})
	})
	return warnings
}
