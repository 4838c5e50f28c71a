package cardeatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"
)

// Maker vouches for authenticators of one model: a root, an authority below it, and the
// certificate that signs packed attestations (WebAuthn section 8.2). Change Chain to
// make it misbehave.
type Maker struct {
	// Root is the certificate (PEM) that others have to trust.
	Root []byte
	// Chain are the certificates (DER) that come with an attestation, the one that signs
	// first. None is an authenticator that vouches for itself.
	Chain [][]byte

	private *ecdsa.PrivateKey
}

// NewMaker makes one that vouches for a model. Its certificates are good for a day
// before and after now.
func NewMaker(t testing.TB, model [16]byte) *Maker {
	t.Helper()
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "Test Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authority := &x509.Certificate{Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	value, err := asn1.Marshal(model[:])
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{ // section 8.2.1
		Subject:               pkix.Name{Country: []string{"DE"}, Organization: []string{"Test"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Test Key"},
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: value}}, // id-fido-gen-ce-aaguid
	}
	rootKey, authorityKey, leafKey := newKey(t), newKey(t), newKey(t)
	rootDER := issue(t, root, root, rootKey, rootKey)
	m := &Maker{Root: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), private: leafKey}
	m.Chain = [][]byte{issue(t, leaf, authority, leafKey, authorityKey), issue(t, authority, root, authorityKey, rootKey)}
	return m
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a certificate, as DER.
func issue(t testing.TB, c, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = serial, time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// statement is "packed" and {"alg": -7, "sig": signature, "x5c": chain} in CBOR.
func (m *Maker) statement(t testing.TB, data, client []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, m.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Concat([]byte("\x66packed\x67attStmt\xa3\x63alg\x26\x63sig"), cborBytes(signature), []byte("\x63x5c"), []byte{0x80 + byte(len(m.Chain))})
	for _, c := range m.Chain {
		out = append(out, cborBytes(c)...)
	}
	return out
}

// cborBytes is a byte string of at most 65,535 bytes.
func cborBytes(b []byte) []byte {
	return slices.Concat([]byte{0x59}, binary.BigEndian.AppendUint16(nil, uint16(len(b))), b)
}
