package courier

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small SMTP server that behaves as badly as it is told.
type mailServer struct {
	extensions []string          // offered besides STARTTLS
	noStartTLS bool              // not offered
	implicit   bool              // TLS from the first byte
	replies    map[string]string // instead of the usual ones, by verb; "greeting" and "content" too
	refuse     string            // a recipient that gets a 550
	hang       string            // the verb that is never answered
	drop       string            // the verb at which the connection breaks

	address  string
	tls      *tls.Config
	roots    *x509.CertPool
	done     chan struct{}
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
	commands []string
	mails    []received
	clients  []*x509.Certificate
	quits    chan struct{}
}

// received is a mail that the server took.
type received struct {
	from, content   string
	to              []string
	user            string
	encrypted, utf8 bool
}

func (s *mailServer) start(t *testing.T) *mailServer {
	t.Helper()
	certificate, roots := selfSigned(t)
	s.tls, s.roots = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert}, roots
	s.done, s.quits = make(chan struct{}), make(chan struct{}, 100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer conn.Close()
				(&mailSession{server: s, conn: conn}).serve()
			})
		}
	})
	t.Cleanup(func() {
		close(s.done)
		listener.Close()
		s.breakAll()
		s.wg.Wait()
	})
	return s
}

// breakAll closes every connection.
func (s *mailServer) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

func (s *mailServer) saw(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.commands {
		if strings.HasPrefix(strings.ToUpper(c), verb) {
			n++
		}
	}
	return n
}

func (s *mailServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *mailServer) taken(t *testing.T, n int) []received {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) != n {
		t.Fatalf("the server took %d mails, want %d", len(s.mails), n)
	}
	return slices.Clone(s.mails)
}

type mailSession struct {
	server *mailServer
	conn   net.Conn
	r      *bufio.Reader
	mail   received
	user   string
	tls    bool
}

func (c *mailSession) serve() {
	if c.server.implicit {
		c.encrypt()
	}
	c.r = bufio.NewReader(c.conn)
	if !c.answer("greeting", "220 test ESMTP") {
		return
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		c.server.mu.Lock()
		c.server.commands = append(c.server.commands, line)
		c.server.mu.Unlock()
		verb, argument, _ := strings.Cut(line, " ")
		if !c.command(strings.ToUpper(verb), argument) {
			return
		}
	}
}

// answer says a line for a verb; false ends the session.
func (c *mailSession) answer(verb, usual string) bool {
	switch {
	case c.server.hang == verb:
		<-c.server.done
		return false
	case c.server.drop == verb:
		return false
	}
	if other, ok := c.server.replies[verb]; ok {
		usual = other
	}
	_, err := fmt.Fprintf(c.conn, "%s\r\n", usual)
	return err == nil
}

func (c *mailSession) command(verb, argument string) bool {
	switch verb {
	case "EHLO":
		lines := []string{"test"}
		if !c.server.noStartTLS && !c.tls {
			lines = append(lines, "STARTTLS")
		}
		lines = append(lines, c.server.extensions...)
		for i := range lines {
			lines[i] = "250-" + lines[i]
		}
		lines = append(lines, "250 PIPELINING")
		return c.answer(verb, strings.Join(lines, "\r\n"))
	case "STARTTLS":
		if !c.answer(verb, "220 go") {
			return false
		}
		c.encrypt()
		c.r = bufio.NewReader(c.conn)
		return true
	case "AUTH":
		return c.authenticate(argument)
	case "MAIL":
		from, rest, _ := strings.Cut(strings.TrimPrefix(argument, "FROM:"), " ")
		c.mail = received{from: from, user: c.user, encrypted: c.tls, utf8: strings.Contains(rest, "SMTPUTF8")}
		return c.answer(verb, "250 ok")
	case "RCPT":
		to := strings.TrimPrefix(argument, "TO:")
		if c.server.refuse != "" && to == c.server.refuse {
			return c.answer("refused", "550 5.1.1 nobody")
		}
		c.mail.to = append(c.mail.to, to)
		return c.answer(verb, "250 ok")
	case "DATA":
		return c.answer(verb, "354 go") && c.content()
	case "QUIT":
		c.answer(verb, "221 bye")
		c.server.quits <- struct{}{}
		return false
	}
	return c.answer(verb, "250 ok")
}

func (c *mailSession) encrypt() {
	conn := tls.Server(c.conn, c.server.tls)
	if err := conn.Handshake(); err != nil {
		return
	}
	c.server.mu.Lock()
	c.server.clients = append(c.server.clients, conn.ConnectionState().PeerCertificates...)
	c.server.mu.Unlock()
	c.conn, c.tls = conn, true
}

func (c *mailSession) authenticate(argument string) bool {
	mechanism, initial, _ := strings.Cut(argument, " ")
	if mechanism == "LOGIN" {
		var words []string
		for _, prompt := range []string{"Username:", "Password:"} {
			fmt.Fprintf(c.conn, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte(prompt)))
			line, _ := c.r.ReadString('\n')
			word, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
			words = append(words, string(word))
		}
		c.user = strings.Join(words, ":")
		return c.answer("AUTH", "235 ok")
	}
	raw, _ := base64.StdEncoding.DecodeString(initial)
	c.user = strings.TrimPrefix(strings.ReplaceAll(string(raw), "\x00", ":"), ":")
	return c.answer("AUTH", "235 ok")
}

func (c *mailSession) content() bool {
	var b strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		if c.server.drop == "content" {
			return false
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	c.mail.content = b.String()
	if _, refused := c.server.replies["content"]; !refused && c.server.hang != "content" {
		c.server.mu.Lock()
		c.server.mails = append(c.server.mails, c.mail)
		c.server.mu.Unlock()
	}
	return c.answer("content", "250 queued")
}

// selfSigned makes a certificate for mail.test and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, DNSNames: []string{"mail.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, roots
}

// pemFiles writes a certificate and its key.
func pemFiles(t *testing.T, c tls.Certificate) (certPath, keyPath string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certPath, keyPath = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certPath: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, keyPath: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certPath, keyPath
}
