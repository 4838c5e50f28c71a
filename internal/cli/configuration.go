package cli

import (
	"os"
	"path/filepath"
	"strings"

	"cardea/internal/app"
	"cardea/internal/config"
)

// dataDirName is the folder of the embedded development database and of
// generated secrets, below the working directory.
const dataDirName = "cardea-data"

// source says where a command's configuration comes from.
type source struct {
	files []string
	flags config.Flags
	skip  bool
}

// load reads the configuration; it can be called again for a reload.
func (s source) load(env Env) (*config.Snapshot, error) {
	dir, err := dataDir(env.Environ)
	if err != nil {
		return nil, err
	}
	return config.Load(config.Options{
		Files: s.files, Environ: env.Environ, Flags: s.flags, SkipValidation: s.skip,
		Defaults: config.Development(dir),
		PersistedSecrets: func(configured string) ([]string, error) {
			if configured == "" {
				configured = dir
			}
			return app.PersistedSecrets(configured)
		},
	})
}

// dataDir is CARDEA_DATA_DIR, else a folder below the working directory.
func dataDir(environ []string) (string, error) {
	for _, pair := range environ {
		if dir, ok := strings.CutPrefix(pair, "CARDEA_DATA_DIR="); ok && dir != "" {
			return filepath.Abs(dir)
		}
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.Join(wd, dataDirName), nil
}
