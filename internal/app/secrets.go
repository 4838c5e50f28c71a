package app

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cardea/internal/secret"
)

// secretsFile keeps the secrets an installation made for itself, one a line, the
// first of them writes.
const secretsFile = "secrets"

// generatedLength is how long a generated secret is, in characters.
const generatedLength = 43

// PersistedSecrets reads the secrets of a data directory, and makes them when
// there are none yet. The directory and the file are for the owner alone.
func PersistedSecrets(dir string) ([]string, error) {
	path := filepath.Join(dir, secretsFile)
	text, err := os.ReadFile(path)
	if err == nil {
		if lines := strings.Fields(string(text)); len(lines) > 0 {
			return lines, nil
		}
		return nil, fmt.Errorf("%s is empty", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	fresh := secret.Token(rand.Reader, "", generatedLength)
	return keepFirst(path, fresh)
}

// keepFirst writes the file unless another process was faster; then its secrets
// are the ones. A link makes a complete file appear at once.
func keepFirst(path, fresh string) ([]string, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), secretsFile+".*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(fresh + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := bytes.Fields(kept)
	secrets := make([]string, len(lines))
	for i, line := range lines {
		secrets[i] = string(line)
	}
	return secrets, nil
}
