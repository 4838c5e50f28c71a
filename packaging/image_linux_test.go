package packaging_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The user of the image.
const imageUser = 65532

// TestTheProgramRunsInAnEmptyImage puts what the Dockerfile copies into a folder, makes
// that the root of a process without privileges, and lets the program migrate, serve
// and check its own health there. It stands in for an image where nothing can build one.
func TestTheProgramRunsInAnEmptyImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root of a process")
	}
	root := t.TempDir()
	temporary := filepath.Clean(os.TempDir())
	for dir := root; len(dir) > len(temporary); dir = filepath.Dir(dir) { // the way there has to be open to others
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(temporary); err != nil || info.Mode().Perm()&1 == 0 {
		t.Skipf("nobody else may enter %s", temporary)
	}
	for dir, mode := range map[string]os.FileMode{"etc/cardea": 0o755, "etc/ssl/certs": 0o755, "tmp": 0o777, "var/lib/cardea": 0o700} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	// What a container gives to every process: where its program is.
	if err := os.MkdirAll(filepath.Join(root, "proc/self"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/cardea", filepath.Join(root, "proc/self/exe")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(root, "var/lib/cardea"), imageUser, imageUser); err != nil {
		t.Skip(err) // root of a namespace without others
	}
	for _, name := range []string{"cardea.yml", "identity.schema.json"} {
		if err := os.WriteFile(filepath.Join(root, "etc/cardea", name), []byte(read(t, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(root, "cardea"), "../cmd/cardea")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	public, admin := freePort(t), freePort(t)
	inside := func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, "/cardea", args...)
		c.Dir = "/var/lib/cardea"
		c.Env = []string{
			"DSN=sqlite:///var/lib/cardea/cardea.db", "SECRETS_DEFAULT_0=a-secret-for-tests-only-0123456789",
			"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT=" + public, "SERVE_ADMIN_PORT=" + admin,
		}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}}
		return c
	}
	if said, err := inside(t.Context(), "migrate", "sql", "up", "-e", "--yes", "-c", "/etc/cardea/cardea.yml").CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, said)
	}
	var log strings.Builder
	server := inside(context.Background(), "serve", "-c", "/etc/cardea/cardea.yml")
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	healthy := false
	for end := time.Now().Add(time.Minute); !healthy && time.Now().Before(end); {
		healthy = inside(t.Context(), "remote", "status", "--endpoint", "http://127.0.0.1:"+admin).Run() == nil
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	err := <-ended
	if !healthy || err != nil {
		t.Errorf("healthy: %v; the server ended with %v and said %s", healthy, err, &log)
	}
	if inside(t.Context(), "remote", "status", "--endpoint", "http://127.0.0.1:"+admin).Run() == nil {
		t.Error("a server that is gone is healthy")
	}
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
