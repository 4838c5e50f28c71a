package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"cardea/internal/flow"
	"cardea/internal/identity/schema"
)

// lastGood keeps the last good copy of documents that come over the network, so that
// neither a reload nor a restart depends on another server being there. Copies are in
// memory and, where there is a data folder, in files.
type lastGood struct {
	source flow.Load
	dir    string // "" for memory only
	log    *slog.Logger

	mu     sync.Mutex
	copies map[string][]byte
}

// keepLastGood keeps copies below the data folder.
func keepLastGood(load flow.Load, dataDir string, log *slog.Logger) *lastGood {
	k := &lastGood{source: load, log: log, copies: map[string][]byte{}}
	if dataDir != "" {
		k.dir = filepath.Join(dataDir, "schemas")
	}
	return k
}

// load loads an identity schema, or its last good copy. A server that answers with
// nonsense is as good as one that is away.
func (k *lastGood) load(ctx context.Context, address string) ([]byte, error) {
	raw, err := k.source(ctx, address)
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return raw, err
	}
	if err == nil {
		_, err = schema.Compile(address, raw, schema.Options{})
	}
	if err == nil {
		k.keep(address, raw)
		return raw, nil
	}
	kept, keptErr := k.copy(address)
	if keptErr != nil {
		return nil, err
	}
	k.log.WarnContext(ctx, "an identity schema cannot be fetched: its last good copy stays in force", "url", address, "error", err)
	return kept, nil
}

// keep remembers a copy. One that cannot be written to disk is a loss only after a
// restart.
func (k *lastGood) keep(address string, raw []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.copies[address] = raw
	if k.dir == "" {
		return
	}
	if err := k.write(address, raw); err != nil {
		k.log.Warn("the copy of an identity schema could not be kept", "error", err)
	}
}

func (k *lastGood) write(address string, raw []byte) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	// A half-written copy must never be found: the name appears with all of it.
	f, err := os.CreateTemp(k.dir, "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), k.file(address))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (k *lastGood) copy(address string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if raw, ok := k.copies[address]; ok {
		return raw, nil
	}
	if k.dir == "" {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(k.file(address))
}

func (k *lastGood) file(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(k.dir, hex.EncodeToString(sum[:])+".json")
}
