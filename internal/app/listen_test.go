package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
func pair(t *testing.T, name string) (key, cert []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"cardea.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func inline(key, cert []byte) config.TLS {
	b64 := base64.StdEncoding.EncodeToString
	return config.TLS{Key: config.PEMSource{Base64: b64(key)}, Cert: config.PEMSource{Base64: b64(cert)}}
}

func files(t *testing.T, key, cert []byte) config.TLS {
	t.Helper()
	dir := t.TempDir()
	s := config.TLS{Key: config.PEMSource{Path: filepath.Join(dir, "key.pem")}, Cert: config.PEMSource{Path: filepath.Join(dir, "cert.pem")}}
	overwrite(t, s, key, cert)
	return s
}

func overwrite(t *testing.T, s config.TLS, key, cert []byte) {
	t.Helper()
	for path, text := range map[string][]byte{s.Key.Path: key, s.Cert.Path: cert} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serveTLS serves on a socket and gives a way to reach it.
func serveTLS(t *testing.T, source config.TLS) func(network, address string) (net.Conn, error) {
	t.Helper()
	path := filepath.Join(socketDir(t), "s")
	ln, err := hear(config.Endpoint{Host: "unix:" + path, TLS: source})
	if err != nil {
		t.Fatal(err)
	}
	s := server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }), publicTimeouts)
	s.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return func(string, string) (net.Conn, error) { return net.Dial("unix", path) }
}

func TestTLSIsModernAndSpeaksHTTP2(t *testing.T) {
	key, cert := pair(t, "first")
	for name, source := range map[string]config.TLS{"inline": inline(key, cert), "files": files(t, key, cert)} {
		dial := serveTLS(t, source)
		for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			raw, err := dial("", "")
			if err != nil {
				t.Fatal(err)
			}
			c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if err := c.Handshake(); (err == nil) != want {
				t.Errorf("%s: version %x is accepted: %t (%v)", name, version, err == nil, err)
			}
			_ = c.Close()
		}
		transport := &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(_ context.Context, network, address string) (net.Conn, error) { return dial(network, address) },
		}
		res, err := (&http.Client{Transport: transport}).Get("https://cardea.test/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != "HTTP/2.0" {
			t.Errorf("%s: the server speaks %s", name, body)
		}
	}
}

func TestAPairThatDoesNotFitIsRefused(t *testing.T) {
	key, cert := pair(t, "first")
	other, _ := pair(t, "second")
	missing := files(t, key, cert)
	missing.Key.Path += ".missing"
	for name, source := range map[string]config.TLS{
		"another key": inline(other, cert), "another key in a file": files(t, other, cert), "no PEM": inline([]byte("x"), cert),
		"a missing file": missing, "no base64": {Key: config.PEMSource{Base64: "%"}, Cert: config.PEMSource{Base64: "%"}},
		"no base64 for the key": {Key: config.PEMSource{Base64: "%"}, Cert: inline(key, cert).Cert},
	} {
		path := filepath.Join(socketDir(t), "s")
		if ln, err := hear(config.Endpoint{Host: "unix:" + path, TLS: source}); err == nil {
			_ = ln.Close()
			t.Errorf("%s is served", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the port stays open", name)
		}
	}
}

func TestAPairInTheConfigurationWinsOverFiles(t *testing.T) {
	key, cert := pair(t, "inline")
	fileKey, fileCert := pair(t, "files")
	source := files(t, fileKey, fileCert)
	source.Key.Base64, source.Cert.Base64 = inline(key, cert).Key.Base64, inline(key, cert).Cert.Base64
	c, err := newCertificates(source)
	if err != nil {
		t.Fatal(err)
	}
	if got := served(t, c); got != "inline" {
		t.Errorf("the pair of %q is served", got)
	}
}

// served is the name on the certificate in force.
func served(t *testing.T, c *certificates) string {
	t.Helper()
	pair, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}

func TestACertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	key, cert := pair(t, "first")
	source := files(t, key, cert)
	c, err := newCertificates(source)
	if err != nil {
		t.Fatal(err)
	}
	// later is what time does: the files may be looked at again.
	later := func() { c.checked = time.Time{} }
	if got := served(t, c); got != "first" {
		t.Fatalf("the pair of %q is served", got)
	}
	secondKey, secondCert := pair(t, "second and longer")
	overwrite(t, source, key, secondCert)
	later()
	if got := served(t, c); got != "first" {
		t.Errorf("half of a new pair: %q is served, want the old one", got)
	}
	overwrite(t, source, secondKey, secondCert)
	if got := served(t, c); got != "first" {
		t.Errorf("the files were looked at twice within %s", certificateCheck)
	}
	later()
	if got := served(t, c); got != "second and longer" {
		t.Errorf("%q is served, want the new one", got)
	}
	if err := os.Remove(source.Cert.Path); err != nil {
		t.Fatal(err)
	}
	later()
	if got := served(t, c); got != "second and longer" {
		t.Errorf("without a file %q is served", got)
	}
}

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
