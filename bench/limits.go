package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	// Appends go round in a file of this many pages, so that a fast disk is not filled.
	syncPages, pageSize = 1024, 4096
)

// measureBare measures the load generator's own ceiling: a server that does
// nothing but HTTP.
func measureBare(ctx context.Context, connections int, d time.Duration) (measurement, error) {
	p, addr, err := startBare()
	if err != nil {
		return measurement{}, err
	}
	defer p.stop()
	request := get(addr, "/sessions/whoami", "X-Session-Token: ory_st_00000000000000000000000000000000")
	w := newWindow(d)
	tasks, done := connect(ctx, connections, addr, w, repeat(200, request))
	defer done()
	return measure(ctx, bareLimit, tasks, p.cpu, w), nil
}

// measureBcrypt measures how many passwords two cores can hash.
func measureBcrypt(ctx context.Context, d time.Duration, cost int) measurement {
	hash := func() error {
		_, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		return err
	}
	return measure(ctx, bcryptLimit, []task{hash, hash}, nil, newWindow(d))
}

// measureSync measures how often the disk under the database can promise to
// keep something. A memory file system answers at once and flatters every
// operation that writes.
func measureSync(ctx context.Context, dir string, d time.Duration) (measurement, error) {
	file, err := os.Create(filepath.Join(dir, "durable"))
	if err != nil {
		return measurement{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	page, next := make([]byte, pageSize), int64(0)
	write := func() error {
		if _, err := file.WriteAt(page, next%syncPages*pageSize); err != nil {
			return err
		}
		next++
		return file.Sync()
	}
	return measure(ctx, syncLimit, []task{write}, nil, newWindow(d)), nil
}
