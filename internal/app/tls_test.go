package app

import (
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
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardea/internal/config"
)

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
