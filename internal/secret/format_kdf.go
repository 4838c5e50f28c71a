package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Lengths of bcrypt's parts in its own base64, and the size of its state.
const (
	bcryptSalt     = 22
	bcryptDigest   = 31
	bcryptMemory   = 8 << 10
	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// Ceilings of the key derivation functions; see limits for the others.
const (
	maxPBKDF2Iterations = 10_000_000
	maxScryptN          = 131_072
	maxScryptR          = 8
	maxScryptP          = 10
	maxFirescryptLog    = 17
	minArgonSalt        = 8 // RFC 9106, section 3.1
)

// Up to here a comparison takes a few milliseconds of one core, see
// parsedHash.fast.
const (
	fastBcryptCost = 6
	fastArgonWork  = 4096 // KiB times passes
	fastScryptWork = 8192 // N times r times p
	fastRounds     = 10_000
)

// parseBcrypt takes "$2b$12$" + 22 characters of salt + 31 of digest apart as
// far as it is needed: the library reads the rest.
func parseBcrypt(encoded string) (cost int, body string, err error) {
	parts, err := fields(encoded, 3)
	if err != nil {
		return 0, "", err
	}
	if !strings.HasPrefix(parts[0], "2") || len(parts[1]) != 2 || len(parts[2]) != bcryptSalt+bcryptDigest ||
		strings.Trim(parts[2], bcryptAlphabet) != "" {
		return 0, "", ErrMalformed
	}
	cost, err = strconv.Atoi(parts[1])
	if err != nil {
		return 0, "", ErrMalformed
	}
	return cost, parts[2], nil
}

func bcryptFormat(encoded string, l limits) (parsedHash, error) {
	cost, _, err := parseBcrypt(encoded)
	if err != nil {
		return parsedHash{}, err
	}
	if cost < bcrypt.MinCost || cost > l.bcryptCost {
		return parsedHash{}, ErrTooCostly
	}
	return parsedHash{
		weight:      Weight{Threads: 1, Memory: bcryptMemory},
		fast:        cost <= fastBcryptCost,
		maxPassword: BcryptMaxPassword,
		match: func(password string) (bool, error) {
			err := bcrypt.CompareHashAndPassword([]byte(encoded), []byte(password))
			if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
				return false, nil
			}
			return err == nil, err
		},
	}, nil
}

type argon2Hash struct {
	memory, time, threads uint64
	salt, key             []byte
}

func parseArgon2(encoded string) (argon2Hash, error) {
	parts, err := fields(encoded, 5)
	if err != nil {
		return argon2Hash{}, err
	}
	v, err := numbers(parts[1], "v")
	if err != nil || v[0] != argon2.Version {
		return argon2Hash{}, ErrMalformed
	}
	n, err := numbers(parts[2], "m", "t", "p")
	if err != nil {
		return argon2Hash{}, err
	}
	b, err := unbase64(base64.RawStdEncoding.Strict(), parts[3], parts[4])
	if err != nil {
		return argon2Hash{}, err
	}
	return argon2Hash{memory: n[0], time: n[1], threads: n[2], salt: b[0], key: b[1]}, checkKey(b[1])
}

func argon2Format(encoded string, l limits) (parsedHash, error) {
	h, err := parseArgon2(encoded)
	if err != nil {
		return parsedHash{}, err
	}
	if err := errors.Join(within(h.memory, l.argonMemory), within(h.time, l.argonTime), within(h.threads, l.argonThreads)); err != nil {
		return parsedHash{}, err
	}
	derive := argon2.Key
	if strings.HasPrefix(encoded, "$argon2id$") {
		derive = argon2.IDKey
	}
	return parsedHash{
		weight: Weight{Threads: int(h.threads), Memory: int64(h.memory) * 1024},
		fast:   h.memory*h.time <= fastArgonWork,
		match: func(password string) (bool, error) {
			key := derive([]byte(password), h.salt, uint32(h.time), uint32(h.memory), uint8(h.threads), uint32(len(h.key)))
			return match(key, h.key), nil
		},
	}, nil
}

// pbkdf2Digest chooses the digest by the digits of "$pbkdf2-sha…$": 224 and 384
// mean SHA-3, and what is not known means SHA-256; both are the contract's.
func pbkdf2Digest(digits string) func() hash.Hash {
	switch digits {
	case "1":
		return sha1.New
	case "224":
		return func() hash.Hash { return sha3.New224() }
	case "384":
		return func() hash.Hash { return sha3.New384() }
	case "512":
		return sha512.New
	default:
		return sha256.New
	}
}

// pbkdf2Format reads $pbkdf2-sha256$i=1000,l=32$salt$key. The length in l is not
// used: the key's own is what was stored.
func pbkdf2Format(encoded string, _ limits) (parsedHash, error) {
	parts, err := fields(encoded, 4)
	if err != nil {
		return parsedHash{}, err
	}
	digits := strings.TrimPrefix(parts[0], "pbkdf2-sha")
	if len(digits) < 1 || len(digits) > 3 || strings.Trim(digits, "0123456789") != "" {
		return parsedHash{}, ErrUnknownFormat
	}
	n, err := numbers(parts[1], "i", "l")
	if err != nil {
		return parsedHash{}, err
	}
	b, err := unbase64(base64.RawStdEncoding.Strict(), parts[2], parts[3])
	if err != nil {
		return parsedHash{}, err
	}
	salt, key := b[0], b[1]
	if err := errors.Join(checkKey(key), within(n[0], maxPBKDF2Iterations)); err != nil {
		return parsedHash{}, err
	}
	return parsedHash{
		weight: Weight{Threads: 1},
		fast:   n[0] <= fastRounds,
		match: func(password string) (bool, error) {
			got, err := pbkdf2.Key(pbkdf2Digest(digits), password, salt, int(n[0]), len(key))
			return match(got, key), err
		},
	}, nil
}

// checkScrypt holds the parameters of scrypt (RFC 7914) against their ceilings.
// n must be a power of two above one, or there is no such hash.
func checkScrypt(n, r, p uint64) error {
	if err := errors.Join(within(n, maxScryptN), within(r, maxScryptR), within(p, maxScryptP)); err != nil {
		return err
	}
	if n < 2 || n&(n-1) != 0 {
		return ErrMalformed
	}
	return nil
}

func scryptWeight(n, r uint64) Weight { return Weight{Threads: 1, Memory: int64(128 * n * r)} }

// scryptFormat reads $scrypt$ln=1024,r=8,p=1$salt$key, where ln is N itself and
// not its logarithm.
func scryptFormat(encoded string, _ limits) (parsedHash, error) {
	parts, err := fields(encoded, 4)
	if err != nil {
		return parsedHash{}, err
	}
	n, err := numbers(parts[1], "ln", "r", "p")
	if err != nil {
		return parsedHash{}, err
	}
	b, err := unbase64(base64.StdEncoding.Strict(), parts[2], parts[3])
	if err != nil {
		return parsedHash{}, err
	}
	salt, key := b[0], b[1]
	if err := errors.Join(checkScrypt(n[0], n[1], n[2]), checkKey(key)); err != nil {
		return parsedHash{}, err
	}
	return parsedHash{
		weight: scryptWeight(n[0], n[1]),
		fast:   n[0]*n[1]*n[2] <= fastScryptWork,
		match: func(password string) (bool, error) {
			got, err := scrypt.Key([]byte(password), salt, int(n[0]), int(n[1]), int(n[2]), len(key))
			return match(got, key), err
		},
	}, nil
}

// firescryptFormat reads Firebase's modified scrypt,
// $firescrypt$ln=14,r=8,p=1$salt$hash$separator$signerkey, where ln is the
// logarithm of N: the derived key encrypts the project's signer key.
func firescryptFormat(encoded string, _ limits) (parsedHash, error) {
	parts, err := fields(encoded, 6)
	if err != nil {
		return parsedHash{}, err
	}
	n, err := numbers(parts[1], "ln", "r", "p")
	if err != nil {
		return parsedHash{}, err
	}
	b, err := unbase64(base64.StdEncoding.Strict(), parts[2:]...)
	if err != nil {
		return parsedHash{}, err
	}
	salt, stored, signer := append(b[0], b[2]...), b[1], b[3]
	if err := errors.Join(checkKey(stored), within(n[0], maxFirescryptLog)); err != nil {
		return parsedHash{}, err
	}
	cost := uint64(1) << n[0]
	if err := checkScrypt(cost, n[1], n[2]); err != nil {
		return parsedHash{}, err
	}
	return parsedHash{
		weight: scryptWeight(cost, n[1]),
		fast:   cost*n[1]*n[2] <= fastScryptWork,
		match: func(password string) (bool, error) {
			key, err := scrypt.Key([]byte(password), salt, int(cost), int(n[1]), int(n[2]), 32)
			if err != nil {
				return false, err
			}
			block, err := aes.NewCipher(key)
			if err != nil {
				return false, err
			}
			got := make([]byte, len(signer))
			cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(got, signer)
			return match(got, stored), nil
		},
	}, nil
}
