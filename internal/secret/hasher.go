package secret

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

const (
	// BcryptMaxPassword is the longest password that bcrypt can tell from a longer
	// one with the same start, in bytes.
	BcryptMaxPassword = 72
	// MaxPassword bounds every other password, in bytes: long enough for every
	// human and generator, short enough that its length is no way to buy work.
	MaxPassword = 4096
)

// Errors of comparing and importing. None of them carries the hash.
var (
	ErrMismatch      = errors.New("the password does not match")
	ErrUnknownFormat = errors.New("the hash is in no known format")
	ErrMalformed     = errors.New("the hash cannot be decoded")
	ErrTooCostly     = errors.New("the hash's cost is out of bounds")
	ErrTooLong       = errors.New("the password is too long")
)

// TooLongError is ErrTooLong with its numbers, in bytes.
type TooLongError struct{ Max, Actual int }

// Error tells the numbers.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("%v: %d bytes of at most %d", ErrTooLong, e.Actual, e.Max)
}

// Unwrap makes it ErrTooLong.
func (e *TooLongError) Unwrap() error { return ErrTooLong }

func checkLength(password string, limit int) error {
	if len(password) > limit {
		return &TooLongError{Max: limit, Actual: len(password)}
	}
	return nil
}

// Hasher makes the hashes of new passwords: Bcrypt or Argon2id.
type Hasher interface {
	// Hash encodes a password with a fresh salt. ErrTooLong.
	Hash(rand io.Reader, password string) (string, error)
	// Decoy is an encoded hash with the same parameters that no password matches:
	// comparing with it is the same work as comparing with a real one.
	Decoy() string
	// Weight is what one hash takes from a pool.
	Weight() Weight

	outdated(encoded string) bool
	raise(limits) limits
}

// Bcrypt hashes with bcrypt, prefix $2a$. Its library draws the salt from the
// system itself.
type Bcrypt struct {
	Cost int // 4 to 31, the logarithm of the rounds
}

// Hash refuses passwords above BcryptMaxPassword with ErrTooLong.
func (b Bcrypt) Hash(_ io.Reader, password string) (string, error) {
	if err := checkLength(password, BcryptMaxPassword); err != nil {
		return "", err
	}
	if b.Cost < bcrypt.MinCost {
		return "", bcrypt.InvalidCostError(b.Cost) // the library would quietly take another one
	}
	out, err := bcrypt.GenerateFromPassword([]byte(password), b.Cost)
	return string(out), err
}

// Decoy has an all-zero salt and digest.
func (b Bcrypt) Decoy() string {
	return fmt.Sprintf("$2a$%02d$%s", b.Cost, strings.Repeat(".", bcryptSalt+bcryptDigest))
}

// Weight is one thread and next to no memory.
func (b Bcrypt) Weight() Weight { return Weight{Threads: 1, Memory: bcryptMemory} }

func (b Bcrypt) outdated(encoded string) bool {
	cost, _, err := parseBcrypt(encoded)
	return err != nil || cost < b.Cost
}

func (b Bcrypt) raise(l limits) limits {
	l.bcryptCost = max(l.bcryptCost, b.Cost)
	return l
}

// Argon2id hashes with Argon2id version 1.3 (RFC 9106) in the PHC string format.
type Argon2id struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
	SaltLength  int // bytes
	KeyLength   uint32
}

// Hash refuses passwords above MaxPassword with ErrTooLong.
func (a Argon2id) Hash(rand io.Reader, password string) (string, error) {
	if err := checkLength(password, MaxPassword); err != nil {
		return "", err
	}
	if a.Iterations < 1 || a.Parallelism < 1 || a.KeyLength < minKey || a.SaltLength < minArgonSalt {
		return "", errors.New("the parameters of argon2 are out of range")
	}
	salt := Bytes(rand, a.SaltLength)
	return a.encode(salt, argon2.IDKey([]byte(password), salt, a.Iterations, a.MemoryKiB, a.Parallelism, a.KeyLength)), nil
}

func (a Argon2id) encode(salt, key []byte) string {
	raw := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		a.MemoryKiB, a.Iterations, a.Parallelism, raw.EncodeToString(salt), raw.EncodeToString(key))
}

// Decoy has an all-zero salt and key.
func (a Argon2id) Decoy() string {
	return a.encode(make([]byte, a.SaltLength), make([]byte, a.KeyLength))
}

// Weight is its lanes and its memory.
func (a Argon2id) Weight() Weight {
	return Weight{Threads: int(a.Parallelism), Memory: int64(a.MemoryKiB) * 1024}
}

func (a Argon2id) outdated(encoded string) bool {
	if !strings.HasPrefix(encoded, "$argon2id$") {
		return true
	}
	h, err := parseArgon2(encoded)
	return err != nil || uint64(h.memory)*uint64(h.time) < uint64(a.MemoryKiB)*uint64(a.Iterations)
}

func (a Argon2id) raise(l limits) limits {
	l.argonMemory = max(l.argonMemory, uint64(a.MemoryKiB))
	l.argonTime = max(l.argonTime, uint64(a.Iterations))
	return l
}

// NeedsRehash says whether a hash that has just matched should be replaced: when
// it is of another family than the current hasher's (argon2i is another one than
// argon2id; all prefixes of bcrypt are one), and when it took strictly less work
// than a new one would.
//
// The second rule goes beyond the compared server, which never raises a cost:
// with it, raising the cost protects everyone who signs in, and lowering it
// weakens nobody. It only ever goes up, so replicas with different
// configurations do not rewrite each other's hashes. The work of argon2 is its
// memory times its passes; more lanes are not more work.
func NeedsRehash(encoded string, current Hasher) bool { return current.outdated(encoded) }

// match compares two digests in constant time. An empty digest matches nothing,
// or a truncated hash would let everybody in.
func match(computed, stored []byte) bool {
	return len(stored) > 0 && subtle.ConstantTimeCompare(computed, stored) == 1
}
