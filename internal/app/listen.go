package app

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"cardea/internal/config"
)

// graceful is how long requests under way may take when the server ends.
const graceful = 30 * time.Second

// timeouts of the ports: header, read, write, idle.
type timeouts struct{ header, read, write, idle time.Duration }

var (
	publicTimeouts = timeouts{5 * time.Second, 15 * time.Second, 60 * time.Second, 120 * time.Second}
	adminTimeouts  = timeouts{5 * time.Second, 30 * time.Second, 120 * time.Second, 600 * time.Second}
)

// Background does until ctx is done what is to be done beside serving: messages,
// errands to other systems, old rows, changed configurations.
func (a *App) Background(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { a.watchConfig(ctx) })
	all.Go(func() { a.watchPlaces(ctx) })
	all.Go(func() { a.tasks.Run(ctx) })
	all.Go(func() { a.feed.Run(ctx) })
	all.Go(func() { a.writeUses(ctx) })
	all.Go(func() { a.writeFailures(ctx) })
	all.Go(func() { a.errands.worker.Run(ctx) })
	if a.spans != nil {
		all.Go(func() { a.spans.Run(ctx) })
	}
	if sendsMessages(a.config.Current()) {
		all.Go(func() { a.post.worker.Run(ctx) })
	}
}

// Run serves both ports until ctx is done, then lets requests end. ready is
// called once both ports accept connections; it may be nil.
func (a *App) Run(ctx context.Context, ready func()) error {
	s := a.config.Current()
	if err := a.checkAdmin(ctx, s); err != nil {
		return err
	}
	publicLn, err := listen(s.Serve.Public.Endpoint, "")
	if err != nil {
		return fmt.Errorf("serve.public: %w", err)
	}
	adminLn, err := listen(s.Serve.Admin, s.Cardea.Admin.ClientCA)
	if err != nil {
		return errors.Join(fmt.Errorf("serve.admin: %w", err), publicLn.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { a.Background(ctx) })

	servers := []*http.Server{
		server(a.Public, publicTimeouts), server(a.Admin, adminTimeouts),
	}
	for _, s := range servers { // what clients do wrong before they have asked anything
		s.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)
	}
	failed := make(chan error, len(servers))
	for i, ln := range []net.Listener{publicLn, adminLn} {
		go func() { failed <- servers[i].Serve(ln) }()
	}
	if ready != nil {
		ready()
	}
	go func() { // what only the start and the first round of the background needed
		a.clock.SleepUntil(ctx, a.clock.Now().Add(settled))
		debug.FreeOSMemory()
		giveBackCode()
	}()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	a.leaving.Store(true)
	a.drain()
	stop()
	err = errors.Join(err, shutdown(servers))
	background.Wait()
	return err
}

// settled is when nothing of the start is under way any more.
const settled = time.Second

// shutdown closes all ports at once and gives all requests the same time to end.
func shutdown(servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(func() { errs[i] = s.Shutdown(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func server(h http.Handler, t timeouts) *http.Server {
	return &http.Server{
		Handler: unambiguous(h), ReadHeaderTimeout: t.header, ReadTimeout: t.read, WriteTimeout: t.write, IdleTimeout: t.idle,
		MaxHeaderBytes: 64 << 10,
	}
}

// unambiguous ends the connection after a chunked HTTP/1 request. One that names
// a length besides can be read in two ways, and what a proxy takes for its body
// would be answered as the next request (RFC 9112, section 6.1). The library
// hides the length, so all chunked requests are treated alike.
func unambiguous(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// listen opens an endpoint: a TCP port or a Unix socket, with TLS when a pair is
// configured. clientCA is the file of the authorities whose client certificates are
// verified; "" for none.
func listen(e config.Endpoint, clientCA string) (net.Listener, error) {
	ln, err := open(e)
	if err != nil || !e.TLS.Enabled() {
		return ln, err
	}
	certs, err := newCertificates(e.TLS)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls: %w", err), ln.Close())
	}
	setup := &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"},
	}
	if clientCA != "" {
		// Whoever shows a certificate has to show a good one. Who needs to is decided
		// by route: probes of the health need none.
		setup.ClientAuth = tls.VerifyClientCertIfGiven
		if setup.ClientCAs, err = authorities(clientCA); err != nil {
			return nil, errors.Join(err, ln.Close())
		}
	}
	return tls.NewListener(ln, setup), nil
}

func open(e config.Endpoint) (net.Listener, error) {
	path, ok := strings.CutPrefix(e.Host, "unix:")
	if !ok {
		return net.Listen("tcp", net.JoinHostPort(e.Host, strconv.Itoa(e.Port)))
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := secureSocket(path, e.Socket); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return nil
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("somebody already listens on %s", path)
	case !errors.Is(err, syscall.ECONNREFUSED): // not ours to judge, so not ours to remove
		return err
	}
	return os.Remove(path)
}

// secureSocket gives a socket the configured owner and mode.
func secureSocket(path string, s config.Socket) error {
	if s.Mode != 0 {
		if err := os.Chmod(path, s.Mode); err != nil {
			return err
		}
	}
	uid, gid := -1, -1
	if s.Owner != "" {
		u, err := user.Lookup(s.Owner)
		if err != nil {
			return err
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return err
		}
	}
	if s.Group != "" {
		g, err := user.LookupGroup(s.Group)
		if err != nil {
			return err
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	if uid < 0 && gid < 0 {
		return nil
	}
	return os.Chown(path, uid, gid)
}

// certificates keeps a key pair and reads it again when its files change.
type certificates struct {
	source config.TLS

	mu      sync.Mutex
	current *tls.Certificate
	checked time.Time
	stamp   string
}

// certificateCheck is how often the files are looked at, at most.
const certificateCheck = 10 * time.Second

func newCertificates(source config.TLS) (*certificates, error) {
	c := &certificates{source: source}
	var err error
	c.current, err = c.load()
	c.stamp = c.files()
	return c, err
}

func (c *certificates) inline() bool { return c.source.Key.Base64 != "" && c.source.Cert.Base64 != "" }

func (c *certificates) load() (*tls.Certificate, error) {
	if !c.inline() {
		pair, err := tls.LoadX509KeyPair(c.source.Cert.Path, c.source.Key.Path)
		return &pair, err
	}
	cert, err := base64.StdEncoding.DecodeString(c.source.Cert.Base64)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(c.source.Key.Base64)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	return &pair, err
}

// files is a text that changes with the files.
func (c *certificates) files() string {
	var b strings.Builder
	for _, path := range []string{c.source.Cert.Path, c.source.Key.Path} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprint(&b, info.ModTime().UnixNano(), " ", info.Size(), " ")
		}
	}
	return b.String()
}

// get is the pair in force. A pair that cannot be read leaves the old one.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inline() || time.Since(c.checked) < certificateCheck {
		return c.current, nil
	}
	c.checked = time.Now()
	if stamp := c.files(); stamp != c.stamp {
		if fresh, err := c.load(); err == nil {
			c.current, c.stamp = fresh, stamp
		}
	}
	return c.current, nil
}
