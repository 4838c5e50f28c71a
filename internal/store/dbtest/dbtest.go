// Package dbtest owns the database servers that tests run against: a PostgreSQL and
// a MariaDB of this machine, each in a temporary folder, on loopback, whose
// files survive their end but not the machine's, and gone with the test.
//
// A test that finds no server is skipped by name. A server that is there and does
// not start is a failure.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the drivers by name
	_ "github.com/jackc/pgx/v5/stdlib"
)

// Server is one database server that runs. Its databases end with it.
type Server struct {
	driver  string
	admin   string // the driver's address of a database that is always there
	address func(database string) string
	made    int

	as      identity
	dir     string
	command []string
	power   os.Signal // ends the server and all of its processes at once
	process *exec.Cmd
	gone    chan struct{}
}

// startsWithin is how long a server may take, on a slow and busy machine.
const startsWithin = 90 * time.Second

// Conflicts are settings with which a PostgreSQL finds conflicts wherever it may:
// everything is serializable, and who reads a row has read its table.
var Conflicts = []string{"default_transaction_isolation=serializable", "max_pred_locks_per_page=0", "max_pred_locks_per_relation=0"}

// Postgres starts a PostgreSQL with the settings given, each as name=value.
func Postgres(t testing.TB, settings ...string) *Server {
	t.Helper()
	initdb, postgres := find("initdb", "/usr/lib/postgresql/*/bin"), find("postgres", "/usr/lib/postgresql/*/bin")
	if initdb == "" || postgres == "" {
		t.Skip("needs PostgreSQL: Debian's package is postgresql")
	}
	as, dir := owner(t, "postgres")
	data := filepath.Join(dir, "data")
	run(t, as, initdb, "-D", data, "-U", "cardea", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	port := freePort(t)
	args := []string{"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir,
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	address := func(database string) string {
		return "postgres://cardea@127.0.0.1:" + port + "/" + database + "?sslmode=disable"
	}
	s := &Server{driver: "pgx", admin: address("postgres"), address: address, as: as, dir: dir, command: append([]string{postgres}, args...),
		power: syscall.SIGQUIT} // killed, it would leave processes behind that keep its files busy
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Standby starts a copy of a PostgreSQL that follows it, and lets nothing be
// acknowledged from now on that the copy does not have.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	backup := find("pg_basebackup", "/usr/lib/postgresql/*/bin")
	if backup == "" {
		t.Skip("needs pg_basebackup: Debian's package is postgresql")
	}
	dir, err := os.MkdirTemp("", "cardea-db-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if s.as.other {
		if err := os.Chown(dir, int(s.as.uid), int(s.as.gid)); err != nil {
			t.Fatal(err)
		}
	}
	data, port := filepath.Join(dir, "data"), freePort(t)
	run(t, s.as, backup, "-d", s.admin, "-D", data, "-R", "--no-sync", "--checkpoint=fast")
	address := func(database string) string {
		return "postgres://cardea@127.0.0.1:" + port + "/" + database + "?sslmode=disable"
	}
	copied := &Server{driver: s.driver, admin: address("postgres"), address: address, as: s.as, dir: dir, power: s.power,
		command: []string{s.command[0], "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir,
			"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"}}
	copied.Start(t)
	t.Cleanup(copied.Stop)
	s.exec(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	s.exec(t, "SELECT pg_reload_conf()")
	s.until(t, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
	return copied
}

// Promote makes a standby the primary.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.exec(t, "SELECT pg_promote()")
	s.until(t, "SELECT NOT pg_is_in_recovery()")
}

// DSN is the address of a database that another server's Database made, on this one.
func (s *Server) DSN(t testing.TB, of string) string {
	t.Helper()
	u, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	return s.address(strings.TrimPrefix(u.Path, "/"))
}

func (s *Server) exec(t testing.TB, query string) {
	t.Helper()
	db := s.connect(t)
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// until waits for a query to answer true.
func (s *Server) until(t testing.TB, query string) {
	t.Helper()
	db := s.connect(t)
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for yes := false; !yes; {
		if err := db.QueryRowContext(ctx, query).Scan(&yes); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		<-poll.C
	}
}

// MariaDB starts a MariaDB.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	install, mariadbd := find("mariadb-install-db", "/usr/bin"), find("mariadbd", "/usr/sbin")
	if install == "" || mariadbd == "" {
		t.Skip("needs MariaDB: Debian's package is mariadb-server")
	}
	as, dir := owner(t, "mysql")
	data := filepath.Join(dir, "data")
	run(t, as, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	port := freePort(t)
	address := func(database string) string { return "root@tcp(127.0.0.1:" + port + ")/" + database + "?timeout=30s" }
	s := &Server{driver: "mysql", admin: address("mysql"), as: as, dir: dir, power: os.Kill,
		address: func(database string) string { return "mysql://" + address(database) }}
	s.command = []string{mariadbd, "--no-defaults", "--datadir=" + data, "--port=" + port, "--bind-address=127.0.0.1",
		// A MariaDB that starts deletes what it finds in the folder for temporary tables.
		"--tmpdir=" + dir, "--socket=" + filepath.Join(dir, "s"), "--pid-file=" + filepath.Join(dir, "pid"), "--skip-log-bin", "--max-connections=200",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"}
	s.Start(t)
	t.Cleanup(s.Stop)
	return s
}

// Database makes an empty database and gives its DSN.
func (s *Server) Database(t testing.TB) (dsn string) {
	t.Helper()
	s.made++
	name := "cardea" + strconv.Itoa(s.made)
	db := s.connect(t)
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return s.address(name)
}

func (s *Server) connect(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(s.driver, s.admin)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Start starts the server, again after Stop, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.process, s.gone = exec.Command(s.command[0], s.command[1:]...), make(chan struct{})
	s.process.Stdout, s.process.Stderr = log, log
	s.as.apply(s.process)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func(gone chan struct{}) {
		defer close(gone)
		_ = s.process.Wait()
		_ = log.Close()
	}(s.gone)
	if err := s.answers(t); err != nil {
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("%s does not answer: %v\n%s", filepath.Base(s.command[0]), err, said)
	}
}

// Stop ends the server at once, as a loss of power would. What it had acknowledged
// is still there when it starts again: the files are the system's.
func (s *Server) Stop() {
	_ = s.process.Process.Signal(s.power)
	<-s.gone
}

func (s *Server) answers(t testing.TB) error {
	t.Helper()
	db := s.connect(t)
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-s.gone:
			return errors.Join(errors.New("it has ended"), err)
		case <-ctx.Done():
			return err
		}
	}
}

// find looks for a program, in the path and where Debian puts it.
func find(name, folder string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob(filepath.Join(folder, name))
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// owner gives who runs a server, and a folder of theirs. Servers refuse to be root,
// so that a test of root's runs them as the user of their package.
func owner(t testing.TB, name string) (as identity, dir string) {
	t.Helper()
	// Not t.TempDir: the paths of sockets are short, and its parents are the tester's.
	dir, err := os.MkdirTemp("", "cardea-db-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return as, dir
	}
	who, err := user.Lookup(name)
	if err != nil {
		t.Skipf("needs the user %s: servers do not run as root", name)
	}
	uid, err1 := strconv.ParseUint(who.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(who.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
		t.Fatal(err)
	}
	return identity{other: true, uid: uint32(uid), gid: uint32(gid), home: dir}, dir
}

// identity is who runs a process; zero for whoever runs the test.
type identity struct {
	other    bool
	uid, gid uint32
	home     string
}

func run(t testing.TB, as identity, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	as.apply(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}
