package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"cardea/internal/config"
)

// socketDir is a folder whose path is short enough for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cardea")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// hear listens as a port does that asks nobody for a certificate.
func hear(e config.Endpoint) (net.Listener, error) { return listen(e, "") }

func TestASocketHasTheConfiguredModeAndOwner(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o755} {
		path := filepath.Join(socketDir(t), "s")
		ln, err := hear(config.Endpoint{Host: "unix:" + path, Socket: config.Socket{Mode: mode, Owner: me.Username, Group: group.Name}})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode || info.Mode().Type() != fs.ModeSocket {
			t.Errorf("the socket is %s, want mode %o", info.Mode(), mode)
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the socket is left behind: %v", err)
		}
	}
}

func TestASocketOfNobodyIsNotServed(t *testing.T) {
	for name, s := range map[string]config.Socket{"owner": {Owner: "nobody-has-this-name"}, "group": {Group: "nobody-has-this-name"}} {
		path := filepath.Join(socketDir(t), "s")
		if ln, err := hear(config.Endpoint{Host: "unix:" + path, Socket: s}); err == nil {
			_ = ln.Close()
			t.Errorf("an unknown %s is served", name)
		}
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close()
			t.Errorf("the socket of an unknown %s stays open", name)
		}
	}
}

func TestASocketThatNobodyListensOnIsReplaced(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	endpoint := config.Endpoint{Host: "unix:" + path}
	if ln, err := hear(endpoint); err == nil {
		_ = ln.Close()
		t.Fatal("a socket that somebody listens on was taken over")
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Fatalf("the one who listened was cut off: %v", err)
	} else {
		_ = c.Close()
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	ln, err := hear(endpoint)
	if err != nil {
		t.Fatalf("a socket that was left behind is in the way: %v", err)
	}
	_ = ln.Close()
}

func TestWhatIsNoStreamSocketIsNotRemoved(t *testing.T) {
	dir := socketDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	datagrams := filepath.Join(dir, "datagrams")
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagrams, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for name, path := range map[string]string{"a file": file, "another program's socket": datagrams, "a folder": dir} {
		if ln, err := hear(config.Endpoint{Host: "unix:" + path}); err == nil {
			_ = ln.Close()
			t.Errorf("%s was replaced", name)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}

// pair makes a key and a certificate with a name, in PEM.
// serveTLS serves on a socket and gives a way to reach it.
// served is the name on the certificate in force.
func TestARunningRequestMayEndBeforeTheServerDoes(t *testing.T) {
	a, _ := start(t, nil, Options{Migrate: true}, sockets(t))
	arrived, release := make(chan bool), make(chan bool)
	a.Public = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		fmt.Fprint(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	ended, ready := make(chan error, 1), make(chan bool)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	<-ready
	client := over(a.config.Current().Serve.Public.Endpoint)
	type outcome struct {
		body string
		err  error
	}
	got := make(chan outcome, 1)
	go func() {
		res, err := client.Get("http://cardea.test/")
		if err != nil {
			got <- outcome{err: err}
			return
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		got <- outcome{string(body), err}
	}()
	<-arrived
	stop()
	admin := over(a.config.Current().Serve.Admin)
	for { // the ports close at once
		res, err := admin.Get("http://cardea.test/health/alive")
		if err != nil {
			break
		}
		_ = res.Body.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("the server ended with a request under way: %v", err)
	default:
	}
	close(release)
	if o := <-got; o.err != nil || o.body != "done" {
		t.Errorf("the request was answered %q, %v", o.body, o.err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	yaml := sockets(t)
	a, _ := start(t, nil, Options{Migrate: true}, yaml)
	for name, e := range map[string]config.Endpoint{"serve.public": a.config.Current().Serve.Public.Endpoint, "serve.admin": a.config.Current().Serve.Admin} {
		ln, err := hear(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("with %s taken the server says %v", name, err)
		}
		_ = ln.Close()
	}
	for _, e := range []config.Endpoint{a.config.Current().Serve.Public.Endpoint, a.config.Current().Serve.Admin} {
		ln, err := hear(e)
		if err != nil {
			t.Errorf("a port stays open: %v", err)
			continue
		}
		_ = ln.Close()
	}
}

// over is a client that reaches an endpoint's socket.
func over(e config.Endpoint) *http.Client {
	path := strings.TrimPrefix(e.Host, "unix:")
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
}

// sockets lets both ports listen on sockets.
func sockets(t *testing.T) string {
	t.Helper()
	dir := socketDir(t)
	return fmt.Sprintf("serve: {public: {host: %q}, admin: {host: %q}}", "unix:"+filepath.Join(dir, "p"), "unix:"+filepath.Join(dir, "a"))
}

func TestAChunkedRequestEndsItsConnection(t *testing.T) {
	a, _ := start(t, nil, Options{Migrate: true}, sockets(t))
	ctx, stop := context.WithCancel(t.Context())
	ended, ready := make(chan error, 1), make(chan bool)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	<-ready
	for name, c := range map[string]struct {
		body io.Reader
		ends bool
	}{"chunked": {struct{ io.Reader }{bytes.NewReader([]byte("{}"))}, true}, "with a length": {bytes.NewReader([]byte("{}")), false}} {
		client := over(a.config.Current().Serve.Public.Endpoint)
		client.Transport.(*http.Transport).DisableKeepAlives = false
		res, err := client.Post("http://cardea.test/sessions/whoami", "application/json", c.body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.Close != c.ends {
			t.Errorf("a request %s ends its connection: %t", name, res.Close)
		}
		client.CloseIdleConnections()
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
