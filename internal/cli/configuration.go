package cli

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"cardea/internal/app"
	"cardea/internal/config"
	"cardea/internal/secret"
)

// dataDirName is the folder of the embedded development database and of
// generated secrets, below the working directory.
const dataDirName = "cardea-data"

// source says where a command's configuration comes from.
type source struct {
	files []string
	flags config.Flags
	skip  bool
	// secrets gives those that the installation has made for itself; nil makes and
	// keeps new ones when there are none.
	secrets func(dir string) ([]string, error)
}

// load reads the configuration; it can be called again for a reload.
func (s source) load(env Env) (*config.Snapshot, error) {
	dir, err := dataDir(env.Environ)
	if err != nil {
		return nil, err
	}
	secrets := s.secrets
	if secrets == nil {
		secrets = app.PersistedSecrets
	}
	return config.Load(config.Options{
		Files: s.files, Environ: env.Environ, Flags: s.flags, SkipValidation: s.skip,
		Defaults: config.Development(dir),
		PersistedSecrets: func(configured string) ([]string, error) {
			if configured == "" {
				configured = dir
			}
			return secrets(configured)
		},
	})
}

// readOnlySecrets reads generated secrets for a command that must not make any. It
// stands in with one that goes with the process when there are none, and tells that
// it was asked.
func readOnlySecrets(asked *bool) func(dir string) ([]string, error) {
	return func(dir string) ([]string, error) {
		*asked = true
		kept, err := app.KeptSecrets(dir)
		if err != nil || len(kept) > 0 {
			return kept, err
		}
		return []string{secret.Token(rand.Reader, "", secret.TokenLength)}, nil
	}
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
