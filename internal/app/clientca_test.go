package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardea/internal/config"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func (a authority) sign(t *testing.T, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "somebody"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: a.key}
}

func writePEM(t *testing.T, path, kind string, raw []byte) config.PEMSource {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.PEMSource{Path: path}
}

func TestOnlyCertificatesOfTheAuthorityAreVerified(t *testing.T) {
	ours, others, dir := newAuthority(t), newAuthority(t), t.TempDir()
	own := ours.sign(t, x509.ExtKeyUsageServerAuth)
	key, err := x509.MarshalECPrivateKey(ours.key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "ca.pem")
	writePEM(t, ca, "CERTIFICATE", ours.cert.Raw)
	ln, err := listen(config.Endpoint{Host: "127.0.0.1", TLS: config.TLS{
		Key: writePEM(t, filepath.Join(dir, "key.pem"), "EC PRIVATE KEY", key), Cert: writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", own.Certificate[0]),
	}}, ca)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) == 0 {
			w.WriteHeader(401)
		}
	}), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	for about, tc := range map[string]struct {
		shown  []tls.Certificate
		status int // 0: the handshake fails
	}{
		"no certificate":                  {nil, 401},
		"a certificate of ours":           {[]tls.Certificate{ours.sign(t, x509.ExtKeyUsageClientAuth)}, 200},
		"a certificate of others":         {[]tls.Certificate{others.sign(t, x509.ExtKeyUsageClientAuth)}, 0},
		"a certificate that is no client": {[]tls.Certificate{ours.sign(t, x509.ExtKeyUsageServerAuth)}, 0},
	} {
		setup := &tls.Config{RootCAs: roots, ServerName: "localhost", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(tc.shown) == 0 {
				return &tls.Certificate{}, nil
			}
			return &tc.shown[0], nil
		}}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: setup, DisableKeepAlives: true}}
		status := 0
		if res, err := client.Get("https://" + ln.Addr().String() + "/"); err == nil {
			status = res.StatusCode
			_ = res.Body.Close()
		}
		if status != tc.status {
			t.Errorf("%s: %d, want %d", about, status, tc.status)
		}
	}
}

func TestAFileWithoutAuthoritiesIsNotServed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + ".none"} {
		if _, err := authorities(path); err == nil {
			t.Errorf("%s was taken", filepath.Base(path))
		}
	}
}
