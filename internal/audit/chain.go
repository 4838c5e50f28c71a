package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Link is a row with its place in the chain: 1 for the first of all.
type Link struct {
	Entry
	Seq  int64
	Hash []byte
}

// Head is the end of a chain, and where it begins: rows up to Anchor are gone because
// they were kept long enough, and AnchorHash is the hash of the last of them. A chain
// that was never cut begins behind 0, with a hash of zeros.
type Head struct {
	Tenant     int64
	Seq        int64
	Hash       []byte
	Anchor     int64
	AnchorHash []byte
	SealedAt   time.Time
	Key        string // the name of the key that signed; see KeyName
	Signature  []byte
}

// NewHead is the head of an empty chain, not signed.
func NewHead(tenant int64) Head {
	return Head{Tenant: tenant, Hash: make([]byte, sha256.Size), AnchorHash: make([]byte, sha256.Size)}
}

// field writes a field so that no other fields give the same bytes: its length in four
// bytes, the highest first, and its bytes.
func field[T string | []byte](h hash.Hash, value T) {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(value)))
	h.Write(size[:])
	h.Write([]byte(value))
}

func number(h hash.Hash, n int64) {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(n))
	field(h, raw[:])
}

func optional(h hash.Hash, id uuid.UUID) {
	if id == uuid.Nil {
		field(h, "")
		return
	}
	field(h, id[:])
}

// Next is the hash of a row at a place, behind a row with the hash before.
func Next(before []byte, tenant, seq int64, e *Entry) []byte {
	h := sha256.New()
	field(h, "cardea audit row 1")
	field(h, before)
	number(h, tenant)
	number(h, seq)
	field(h, e.ID[:])
	number(h, e.At.UnixMicro())
	field(h, string(e.Action))
	field(h, string(e.Outcome))
	field(h, e.Actor)
	optional(h, e.Identity)
	optional(h, e.Session)
	field(h, e.Request)
	field(h, e.IP)
	field(h, e.UserAgent)
	number(h, e.Times)
	field(h, e.Details)
	return h.Sum(nil)
}

// signed is what the signature of a head is about.
func (h *Head) signed() []byte {
	d := sha256.New()
	field(d, "cardea audit head 1")
	number(d, h.Tenant)
	number(d, h.Seq)
	field(d, h.Hash)
	number(d, h.Anchor)
	field(d, h.AnchorHash)
	number(d, h.SealedAt.UnixMicro())
	return d.Sum(nil)
}

// Keys sign heads, and check them: the first signs, all check.
type Keys struct {
	private []ed25519.PrivateKey
	public  []ed25519.PublicKey
}

// NewKeys takes the seeds of keys, 32 bytes each, and public keys that only check.
func NewKeys(seeds [][]byte, others ...ed25519.PublicKey) Keys {
	var k Keys
	for _, seed := range seeds {
		key := ed25519.NewKeyFromSeed(seed)
		k.private = append(k.private, key)
		k.public = append(k.public, key.Public().(ed25519.PublicKey))
	}
	k.public = append(k.public, others...)
	return k
}

// KeyName names a public key: the first eight bytes of its SHA-256.
func KeyName(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// With is the keys and one more that only checks.
func (k Keys) With(key ed25519.PublicKey) Keys {
	k.public = append(slices.Clip(k.public), key)
	return k
}

// Public are the public keys, that of the key that signs first.
func (k Keys) Public() []ed25519.PublicKey { return slices.Clone(k.public) }

// Current is the name of the key that signs.
func (k Keys) Current() string { return KeyName(k.public[0]) }

// Sign signs a head as it is at a moment.
func (k Keys) Sign(h *Head, now time.Time) {
	h.SealedAt, h.Key = now.Truncate(time.Microsecond), k.Current()
	h.Signature = ed25519.Sign(k.private[0], h.signed())
}

// Verify says whether one of the keys has signed a head.
func (k Keys) Verify(h *Head) bool {
	for _, key := range k.public {
		if KeyName(key) == h.Key && ed25519.Verify(key, h.signed(), h.Signature) {
			return true
		}
	}
	return false
}

// ParseKey reads a public key as Spell writes it: the base64 of its 32 bytes. Nil for
// what is none.
func ParseKey(text string) ed25519.PublicKey {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil
	}
	return raw
}

// Spell writes a public key for people to keep.
func Spell(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// extends makes links of entries that follow a head, and moves the head to the last.
func (h *Head) extend(entries []Entry) []Link {
	links := make([]Link, len(entries))
	for n := range entries {
		h.Seq++
		h.Hash = Next(h.Hash, h.Tenant, h.Seq, &entries[n])
		links[n] = Link{Entry: entries[n], Seq: h.Seq, Hash: h.Hash}
	}
	return links
}
