package cardeatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Authenticator is a security key in software together with the browser in front of
// it: ES256 keys, attestation "none" or "packed", discoverable credentials, a signature counter.
// Change its fields to make it misbehave.
type Authenticator struct {
	// Origin is where the page is, as the browser tells.
	Origin string
	// CrossOrigin says that the page is in a frame of another one; TopOrigin, if not "",
	// where that is.
	CrossOrigin bool
	TopOrigin   string
	// RelyingParty is signed in place of the one that the options name; "" for that one.
	RelyingParty string
	// Count is the signature counter; Step is added to it with every answer. Zero for
	// both is an authenticator that does not count.
	Count, Step uint32
	// Present, Verified, BackupEligible and BackedUp are the flags of its answers.
	Present, Verified, BackupEligible, BackedUp bool
	// AAGUID is its model.
	AAGUID [16]byte
	// Maker vouches for new keys; nil for nobody.
	Maker *Maker
	// Silent authenticators do not tell the user handle.
	Silent bool

	t    testing.TB
	keys []*SoftKey
}

// SoftKey is a credential of an Authenticator.
type SoftKey struct {
	ID     []byte
	Handle []byte // of the user
	RPID   string

	private *ecdsa.PrivateKey
}

// NewAuthenticator makes one whose user is always there and verified.
func NewAuthenticator(t testing.TB, origin string) *Authenticator {
	return &Authenticator{Origin: origin, Step: 1, Present: true, Verified: true, t: t}
}

// Keys are the credentials it has, the newest last.
func (a *Authenticator) Keys() []*SoftKey { return a.keys }

// ceremonyOptions are the parts of the options that an authenticator looks at.
type ceremonyOptions struct {
	Challenge string `json:"challenge"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	RPID string `json:"rpId"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Allow   []descriptor `json:"allowCredentials"`
	Exclude []descriptor `json:"excludeCredentials"`
}

type descriptor struct {
	ID string `json:"id"`
}

// options reads what a node's value says, as it is or inside credentialOptions.
func (a *Authenticator) options(text string) ceremonyOptions {
	a.t.Helper()
	var value struct {
		PublicKey *ceremonyOptions `json:"publicKey"`
		Wrapped   struct {
			PublicKey *ceremonyOptions `json:"publicKey"`
		} `json:"credentialOptions"`
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		a.t.Fatalf("read the options of a ceremony %q: %v", text, err)
	}
	if value.PublicKey == nil {
		value.PublicKey = value.Wrapped.PublicKey
	}
	if value.PublicKey == nil {
		a.t.Fatalf("options without publicKey: %s", text)
	}
	return *value.PublicKey
}

// Create makes a key as navigator.credentials.create does and gives its answer as a
// page sends it.
func (a *Authenticator) Create(options string) string {
	a.t.Helper()
	o := a.options(options)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	k := &SoftKey{ID: id, Handle: a.bytes(o.User.ID), RPID: o.RP.ID, private: private}
	if slices.ContainsFunc(o.Exclude, func(d descriptor) bool { return a.find(a.bytes(d.ID)) != nil }) {
		a.t.Fatal("the authenticator has a key for this account already")
	}
	a.keys = append(a.keys, k)
	return a.Attest(k, options)
}

// Attest is the answer of Create for a key that is there.
func (a *Authenticator) Attest(k *SoftKey, options string) string {
	a.t.Helper()
	o := a.options(options)
	attested := slices.Concat(a.AAGUID[:], binary.BigEndian.AppendUint16(nil, uint16(len(k.ID))), k.ID, a.cose(k))
	data := a.authenticatorData(o.RP.ID, 0x40, attested)
	client := a.clientData("webauthn.create", o.Challenge)
	// The map {"fmt": format, "attStmt": statement, "authData": data} in CBOR.
	statement := []byte("\x64none\x67attStmt\xa0")
	if a.Maker != nil {
		statement = a.Maker.statement(a.t, data, client)
	}
	object := slices.Concat([]byte("\xa3\x63fmt"), statement, []byte("\x68authData"), cborBytes(data))
	return a.answer(k, map[string]any{
		"attestationObject": base64.RawURLEncoding.EncodeToString(object),
		"clientDataJSON":    base64.RawURLEncoding.EncodeToString(client),
	})
}

// Get uses a key as navigator.credentials.get does: the newest of those that the
// options allow.
func (a *Authenticator) Get(options string) string {
	a.t.Helper()
	o := a.options(options)
	for _, k := range slices.Backward(a.keys) {
		if k.RPID == o.RPID && (len(o.Allow) == 0 || slices.ContainsFunc(o.Allow, func(d descriptor) bool { return string(a.bytes(d.ID)) == string(k.ID) })) {
			return a.Sign(k, options)
		}
	}
	a.t.Fatalf("the authenticator has no key for %s", options)
	return ""
}

// Sign is the answer of Get with a key of choice.
func (a *Authenticator) Sign(k *SoftKey, options string) string {
	a.t.Helper()
	o := a.options(options)
	a.Count += a.Step
	data, client := a.authenticatorData(o.RPID, 0, nil), a.clientData("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	response := map[string]any{
		"authenticatorData": base64.RawURLEncoding.EncodeToString(data),
		"clientDataJSON":    base64.RawURLEncoding.EncodeToString(client),
		"signature":         base64.RawURLEncoding.EncodeToString(signature),
		"userHandle":        "",
	}
	if !a.Silent {
		response["userHandle"] = base64.RawURLEncoding.EncodeToString(k.Handle)
	}
	return a.answer(k, response)
}

// PublicKey is a key as rows store it: a COSE key (RFC 9052 section 7).
func (a *Authenticator) PublicKey(k *SoftKey) []byte { return a.cose(k) }

// NewKey makes a key that the authenticator brings along from elsewhere.
func (a *Authenticator) NewKey(relyingParty string, handle []byte) *SoftKey {
	a.t.Helper()
	a.Create(`{"publicKey":{"rp":{"id":"` + relyingParty + `"},"user":{"id":"` + base64.RawURLEncoding.EncodeToString(handle) + `"}}}`)
	return a.keys[len(a.keys)-1]
}

func (a *Authenticator) find(id []byte) *SoftKey {
	for _, k := range a.keys {
		if string(k.ID) == string(id) {
			return k
		}
	}
	return nil
}

func (a *Authenticator) bytes(text string) []byte {
	a.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		a.t.Fatalf("%q is not base64url: %v", text, err)
	}
	return raw
}

func (a *Authenticator) answer(k *SoftKey, response map[string]any) string {
	a.t.Helper()
	id := base64.RawURLEncoding.EncodeToString(k.ID)
	raw, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(raw)
}

// clientData is what the browser adds (WebAuthn section 5.8.1).
func (a *Authenticator) clientData(ceremony, challenge string) []byte {
	said := map[string]any{"type": ceremony, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.CrossOrigin}
	if a.TopOrigin != "" {
		said["topOrigin"] = a.TopOrigin
	}
	raw, err := json.Marshal(said)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

// authenticatorData is what the authenticator says and signs (section 6.1).
func (a *Authenticator) authenticatorData(relyingParty string, flags byte, attested []byte) []byte {
	if a.RelyingParty != "" {
		relyingParty = a.RelyingParty
	}
	for bit, set := range map[byte]bool{0x01: a.Present, 0x04: a.Verified, 0x08: a.BackupEligible, 0x10: a.BackedUp} {
		if set {
			flags |= bit
		}
	}
	hash := sha256.Sum256([]byte(relyingParty))
	return slices.Concat(hash[:], []byte{flags}, binary.BigEndian.AppendUint32(nil, a.Count), attested)
}

// cose is the public key as the map {1: 2, 3: -7, -1: 1, -2: x, -3: y} in CBOR.
func (a *Authenticator) cose(k *SoftKey) []byte {
	a.t.Helper()
	public, err := k.private.PublicKey.ECDH()
	if err != nil {
		a.t.Fatal(err)
	}
	point := public.Bytes() // 4, x, y
	return slices.Concat([]byte("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"), point[1:33], []byte("\x22\x58\x20"), point[33:])
}
