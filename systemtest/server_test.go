package systemtest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	readyTimeout = 20 * time.Second
	stopTimeout  = 35 * time.Second // the server gives requests under way 30 s
	logTail      = 4 << 10          // bytes of the server's log that a failure shows

	returnHost = "app.cardea.test" // of the one allowed return address
	uiHost     = "ui.cardea.test"  // of the pages
)

// schema is a person with an e-mail address.
const schema = `{
  "$id": "https://schemas.cardea.test/person.schema.json",
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"traits": {"type": "object", "properties": {
    "email": {"type": "string", "format": "email", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}},
      "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    "name": {"type": "string"}
  }, "required": ["email"], "additionalProperties": false}}}`

// options change an installation; the zero value is what most tests use.
type options struct {
	Dir        string // where the files are; "" for a folder of the test
	DSN        string // of a database that is not a file of the server's
	DSNQuery   string // appended to the address of the database file
	BcryptCost int    // 0 for 4, the least there is
	Config     string // a configuration file that is laid over the first
}

// server is an installation: files, addresses, and a process while it runs.
type server struct {
	PublicURL, AdminURL string
	dir                 string
	dsn                 string // of its database
	binary              string // that it runs; "" for the one under test
	publicAddr          string
	files               []string
	log                 *os.File
	process             *exec.Cmd // nil while it does not run
	gone                chan struct{}
}

// install writes the files of a server and makes its tables.
func install(t testing.TB, o options) *server {
	t.Helper()
	s := &server{dir: o.Dir}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if o.BcryptCost == 0 {
		o.BcryptCost = 4
	}
	public, admin := freePort(t), freePort(t)
	s.publicAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(public))
	s.PublicURL = "http://" + s.publicAddr
	s.AdminURL = "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(admin))
	s.files = []string{s.write(t, "cardea.yml", s.config(o, public, admin))}
	if o.Config != "" {
		s.files = append(s.files, s.write(t, "more.yml", o.Config))
	}
	var err error
	if s.log, err = os.Create(filepath.Join(t.TempDir(), "server.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill(t)
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.logTail())
		}
		_ = s.log.Close()
	})
	if err := s.command("migrate", "sql", "-e", "-y").Run(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, s.logTail())
	}
	return s
}

// start is install with a server that runs.
func start(t testing.TB, o options) *server {
	t.Helper()
	s := install(t, o)
	s.start(t)
	return s
}

func (s *server) database() string { return filepath.Join(s.dir, "cardea.db") }

func (s *server) config(o options, public, admin int) string {
	if s.dsn = o.DSN; s.dsn == "" {
		s.dsn = "sqlite://" + filepath.ToSlash(s.database()) + "?_fk=true" + o.DSNQuery
	}
	return fmt.Sprintf(`
dsn: %q
serve:
  public: {base_url: %q, host: 127.0.0.1, port: %d}
  admin: {base_url: %q, host: 127.0.0.1, port: %d}
log: {level: error}
secrets:
  default: [a-secret-for-tests-only-0123456789]
hashers: {algorithm: bcrypt, bcrypt: {cost: %d}}
identity:
  default_schema_id: default
  schemas: [{id: default, url: "base64://%s"}]
selfservice:
  default_browser_return_url: "https://%[8]s/home"
  allowed_return_urls: ["https://%[9]s/inside"]
  methods: {password: {config: {haveibeenpwned_enabled: false}}}
  flows:
    error: {ui_url: "https://%[8]s/error"}
    login: {ui_url: "https://%[8]s/login"}
    registration:
      ui_url: "https://%[8]s/registration"
      style: unified
      after: {password: {hooks: [{hook: session}]}}
    settings: {ui_url: "https://%[8]s/settings"}
    recovery: {ui_url: "https://%[8]s/recovery"}
    verification: {ui_url: "https://%[8]s/verification"}
`, s.dsn,
		s.PublicURL+"/", public, s.AdminURL+"/", admin, o.BcryptCost,
		base64.StdEncoding.EncodeToString([]byte(schema)), uiHost, returnHost)
}

func (s *server) write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort finds a loopback port that nobody listens on. It lies below the range
// that systems take for outgoing connections, so that none of those is in the way
// when a server comes back to its port.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 12000 + rand.IntN(18000)
		if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no free port was found")
	return 0
}

// command is a run of the binary with the server's files. The environment is not
// inherited: variables override configuration.
func (s *server) command(args ...string) *exec.Cmd {
	for _, f := range s.files {
		args = append(args, "-c", f)
	}
	program := s.binary
	if program == "" {
		program = binary
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, s.log, s.log
	cmd.Env = []string{"HOME=" + s.dir, "TMPDIR=" + os.TempDir()}
	return cmd
}

// start runs the server and returns how long it took until it was ready.
func (s *server) start(t testing.TB) time.Duration {
	t.Helper()
	cmd, gone := s.command("serve", "--dev"), make(chan struct{})
	bindToParent(cmd)
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by its ProcessState
		close(gone)
	}()
	s.process, s.gone = cmd, gone
	return s.awaitReady(t, begun)
}

func (s *server) awaitReady(t testing.TB, begun time.Time) time.Duration {
	t.Helper()
	client := &http.Client{Timeout: readyTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		if res, err := client.Get(s.PublicURL + "/health/ready"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(begun)
			}
		}
		if time.Since(begun) > readyTimeout {
			t.Fatalf("the server was not ready within %s\n%s", readyTimeout, s.logTail())
		}
		select {
		case <-s.gone:
			t.Fatalf("the server ended by itself: %s\n%s", s.process.ProcessState, s.logTail())
		case <-poll.C:
		}
	}
}

// kill ends the process as a crash would: at once, wherever it is.
func (s *server) kill(t testing.TB) { s.end(t, syscall.SIGKILL) }

// stop asks the process to end.
func (s *server) stop(t testing.TB) { s.end(t, syscall.SIGTERM) }

func (s *server) end(t testing.TB, signal os.Signal) {
	t.Helper()
	if s.process == nil {
		return
	}
	select {
	case <-s.gone:
		t.Errorf("the server had ended by itself: %s", s.process.ProcessState)
	default:
		if err := s.process.Process.Signal(signal); err != nil {
			t.Errorf("end the server: %v", err)
		}
	}
	select {
	case <-s.gone:
	case <-time.After(stopTimeout):
		t.Errorf("the server did not end within %s", stopTimeout)
		_ = s.process.Process.Kill()
		<-s.gone
	}
	s.process = nil
}

func (s *server) logTail() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-logTail):])
}
