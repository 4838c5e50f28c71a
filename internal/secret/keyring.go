package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// MinSecretLength is the least length of a listed secret in bytes.
const MinSecretLength = 16

// MACSize is the length of what MAC returns, in bytes.
const MACSize = sha256.Size

// sealVersion starts everything sealed, so that the construction can change
// while old values still open.
const sealVersion = 1

// Errors of opening. They say nothing of the reason, which only an attacker
// would want to know.
var (
	ErrSealed = errors.New("the sealed value does not open")
	errNoAD   = errors.New("sealing needs associated data")
)

// Label names one use of a keyring. Every label has keys of its own, so that
// what is made for one use is worthless in another. Labels are constants of the
// code: a keyring keeps the keys of each label it has met.
type Label string

// Keyring seals and authenticates with a list of secrets: the first writes, all
// read. Rotating means to put a new one in front and to drop old ones when
// everything made with them has expired. Safe for concurrent use.
type Keyring struct {
	secrets [][]byte
	derived sync.Map // Label -> *keys
}

// keys are what a label uses, in the order of the list.
type keys struct {
	aeads []cipher.AEAD
	macs  [][]byte
}

// NewKeyring takes the list of secrets, at least one and each of at least
// MinSecretLength bytes.
func NewKeyring(secrets ...string) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("a keyring needs at least one secret")
	}
	k := &Keyring{}
	for i, s := range secrets {
		if len(s) < MinSecretLength {
			return nil, fmt.Errorf("secret %d of the list is shorter than %d bytes", i+1, MinSecretLength)
		}
		k.secrets = append(k.secrets, []byte(s))
	}
	return k, nil
}

// Format prints how many secrets there are and never what they are, whatever
// the verb.
func (k *Keyring) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "keyring of %d", len(k.secrets))
}

// Seal encrypts and authenticates plaintext with XChaCha20-Poly1305 under the
// first secret. The associated data is required: it is what ties the value to
// its place (a row's id, a cookie's name), so that it cannot be moved to another.
// The result is 41 bytes longer than the plaintext.
func (k *Keyring) Seal(rand io.Reader, label Label, plaintext, ad []byte) ([]byte, error) {
	if len(ad) == 0 {
		return nil, errNoAD
	}
	aead := k.keys(label).aeads[0]
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plaintext)+aead.Overhead())
	out[0] = sealVersion
	nonce := out[1:]
	fill(rand, nonce)
	return aead.Seal(out, nonce, plaintext, ad), nil
}

// Open is the way back from Seal, with any listed secret. Every failure is
// ErrSealed.
func (k *Keyring) Open(label Label, sealed, ad []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(ad) == 0 || len(sealed) < head+chacha20poly1305.Overhead || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	for _, aead := range k.keys(label).aeads {
		if plain, err := aead.Open(nil, sealed[1:head], sealed[head:], ad); err == nil {
			return plain, nil
		}
	}
	return nil, ErrSealed
}

// MAC is HMAC-SHA-256 of a message under the first secret: what is stored of
// a one-time code, and what a logout token is made of.
func (k *Keyring) MAC(label Label, msg []byte) []byte {
	return sum(k.keys(label).macs[0], msg)
}

// MACs is MAC under every listed secret, the writing one first: what to look
// for when a stored MAC has to be found.
func (k *Keyring) MACs(label Label, msg []byte) [][]byte {
	all := make([][]byte, 0, len(k.secrets))
	for _, key := range k.keys(label).macs {
		all = append(all, sum(key, msg))
	}
	return all
}

// VerifyMAC says whether mac is that of msg under any listed secret, in
// constant time.
func (k *Keyring) VerifyMAC(label Label, msg, mac []byte) bool {
	ok := false
	for _, key := range k.keys(label).macs {
		ok = hmac.Equal(sum(key, msg), mac) || ok
	}
	return ok
}

func sum(key, msg []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(msg)
	return h.Sum(nil)
}

// Seeds are the seeds of signing keys for a label, 32 bytes each, one for every listed
// secret in the order of the list.
func (k *Keyring) Seeds(label Label) [][]byte {
	var all [][]byte
	for _, s := range k.secrets {
		all = append(all, derive(s, "sign", label))
	}
	return all
}

// keys derives a label's keys once: HKDF-SHA256 (RFC 5869) with the label and
// the use as context.
func (k *Keyring) keys(label Label) *keys {
	if v, ok := k.derived.Load(label); ok {
		return v.(*keys)
	}
	made := &keys{}
	for _, s := range k.secrets {
		aead, err := chacha20poly1305.NewX(derive(s, "seal", label))
		if err != nil {
			panic(err) // only for a key of the wrong length
		}
		made.aeads = append(made.aeads, aead)
		made.macs = append(made.macs, derive(s, "mac", label))
	}
	v, _ := k.derived.LoadOrStore(label, made)
	return v.(*keys)
}

func derive(secret []byte, use string, label Label) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "cardea/"+use+"/"+string(label), chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for more than 255 blocks of output
	}
	return key
}
