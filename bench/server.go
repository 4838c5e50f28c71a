package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	readyTimeout   = 30 * time.Second
	migrateTimeout = 2 * time.Minute
	readyInterval  = time.Millisecond // how often a starting server is asked
	logTail        = 2 << 10          // bytes of its log that an error shows
)

//go:embed config.yml
var configTemplate string

//go:embed identity.schema.json
var identitySchema []byte

// A server is one installation of a binary under test: its directory with
// configuration, database and log, its addresses, and its process while it runs.
type server struct {
	binary  string
	dir     string
	addr    string // of the public API
	admin   string // of the admin API
	dsn     string // of its database
	variant variant
	log     *os.File
	process *process
}

// install writes a server's files into dir and prepares its database, which is an
// SQLite file there unless a DSN names another.
func install(ctx context.Context, binary, dir, dsn string) (*server, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	addrs, err := freeAddrs(2)
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary, dir: dir, addr: addrs[0], admin: addrs[1], dsn: dsn}
	if dsn == "" {
		s.dsn = "sqlite://" + s.path("db.sqlite") + "?_fk=true"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.configure(usual); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.path("identity.schema.json"), identitySchema, 0o600); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(s.path("server.log")); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		s.log.Close()
		return nil, err
	}
	return s, nil
}

// close ends the server for good. Its directory belongs to the caller.
func (s *server) close() error {
	return errors.Join(s.stop(), s.log.Close())
}

// configure writes the configuration, which counts from the next start on.
func (s *server) configure(v variant) error {
	s.variant = v
	return os.WriteFile(s.path("config.yml"), []byte(renderConfig(s.dsn, s.dir, s.addr, s.admin, v)), 0o600)
}

// use makes the server run with a variant of its configuration.
func (s *server) use(ctx context.Context, v variant) error {
	if s.variant == v {
		return nil
	}
	if err := errors.Join(s.stop(), s.configure(v)); err != nil {
		return err
	}
	_, err := s.start(ctx)
	return err
}

func renderConfig(dsn, dir, public, admin string, v variant) string {
	publicHost, publicPort, _ := net.SplitHostPort(public)
	adminHost, adminPort, _ := net.SplitHostPort(admin)
	return strings.NewReplacer(
		"${dsn}", dsn, "${dir}", dir, "${public}", public, "${admin}", admin,
		"${public_host}", publicHost, "${public_port}", publicPort,
		"${admin_host}", adminHost, "${admin_port}", adminPort,
		"${cost}", strconv.Itoa(v.cost), "${cache}", strconv.FormatBool(v.cache), "${totp}", strconv.FormatBool(v.totp),
	).Replace(configTemplate)
}

// freeAddrs finds loopback addresses that nobody listens on. They are held
// together, so that they differ.
func freeAddrs(n int) ([]string, error) {
	addrs := make([]string, n)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs[i] = l.Addr().String()
	}
	return addrs, nil
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *server) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	cmd := s.command(ctx, "migrate", "sql", "-e", "--yes", "-c", s.path("config.yml"))
	bindToParent(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("migrate: %w\n%s", err, s.logTail())
	}
	return nil
}

// start runs the server and returns how long it took from there until it said
// that it is ready.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	// Not bound to ctx, which would kill it: a server is to end by being asked.
	cmd := s.command(context.WithoutCancel(ctx), "serve", "-c", s.path("config.yml"), "--dev")
	begun := time.Now()
	p, err := startProcess(cmd)
	if err != nil {
		return 0, err
	}
	s.process = p
	if err := s.awaitReady(ctx, begun.Add(readyTimeout)); err != nil {
		s.stop()
		return 0, fmt.Errorf("serve: %w\n%s", err, s.logTail())
	}
	return time.Since(begun), nil
}

func (s *server) awaitReady(ctx context.Context, deadline time.Time) error {
	c := newClient(ctx, s.addr, deadline)
	defer c.close()
	request := get(s.addr, "/health/ready")
	for {
		_, err := c.expect(200, request)
		switch {
		case err == nil:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("not ready within %s: %w", readyTimeout, err)
		}
		select {
		case <-s.process.gone:
			return errors.New("the server ended by itself: " + s.process.cmd.ProcessState.String())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyInterval):
		}
	}
}

// stop ends the server's process, if there is one.
func (s *server) stop() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop()
	s.process = nil
	return err
}

// command prepares a run of the binary with the server's directory, log and
// environment. The environment is not inherited, because variables override
// configuration keys; only the Go runtime's own settings pass.
func (s *server) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + os.TempDir(), "DSN=" + s.dsn}
	for _, name := range []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

func (s *server) logTail() string {
	log, err := os.ReadFile(s.path("server.log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-logTail):])
}

// build compiles the server of this module into dir.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "cardea")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "cardea/cmd/cardea")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}
