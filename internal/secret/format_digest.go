package secret

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	//lint:ignore SA1019 old hashes are keyed with it; they are replaced at the first sign-in
	"golang.org/x/crypto/md4"
)

// Ceilings of the crypt(3) families. Their work grows with the password's length
// as well, which is bounded as in libxcrypt.
const (
	maxCryptPassword   = 512 // bytes
	minCryptRounds     = 1000
	defaultCryptRounds = 5000
	maxCryptRounds     = 1_000_000
)

func digestOf(name string) func() hash.Hash {
	switch name {
	case "md4":
		return md4.New
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha224":
		return sha256.New224
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

func digest(newHash func() hash.Hash, parts ...[]byte) []byte {
	h := newHash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// fastHash is a format whose comparison is one digest.
func fastHash(stored []byte, compute func(password string) []byte) parsedHash {
	return parsedHash{weight: Weight{Threads: 1}, fast: true, match: func(password string) (bool, error) {
		return match(compute(password), stored), nil
	}}
}

// sshaFormat reads LDAP's salted digests, {SSHA256}base64(digest ‖ salt). The
// base64 may have loose trailing bits, as LDAP servers write it.
func sshaFormat(encoded string, _ limits) (parsedHash, error) {
	name, body, _ := strings.Cut(strings.TrimPrefix(encoded, "{"), "}")
	newHash := map[string]func() hash.Hash{"SSHA": sha1.New, "SSHA256": sha256.New, "SSHA512": sha512.New}[name]
	b, err := unbase64(base64.StdEncoding, body)
	if err != nil {
		return parsedHash{}, err
	}
	size := newHash().Size()
	if len(b[0]) <= size {
		return parsedHash{}, ErrMalformed // without salt it is {SHA}, which is not supported
	}
	stored, salt := b[0][:size], b[0][size:]
	return fastHash(stored, func(password string) []byte { return digest(newHash, []byte(password), salt) }), nil
}

// templateFormat reads $sha256$pf=template$salt$digest, where the template says
// how salt and password are put together, and the bare $md5$digest.
func templateFormat(encoded string, _ limits) (parsedHash, error) {
	parts := strings.Split(strings.TrimPrefix(encoded, "$"), "$")
	newHash := digestOf(parts[0])
	strict := base64.StdEncoding.Strict()
	if len(parts) == 2 && parts[0] == "md5" {
		b, err := unbase64(strict, parts[1])
		if err != nil {
			return parsedHash{}, err
		}
		return fastHash(b[0], func(password string) []byte { return digest(newHash, []byte(password)) }), nil
	}
	if len(parts) != 4 {
		return parsedHash{}, ErrMalformed
	}
	template, ok := strings.CutPrefix(parts[1], "pf=")
	if !ok {
		return parsedHash{}, ErrMalformed
	}
	b, err := unbase64(strict, template, parts[2], parts[3])
	if err != nil {
		return parsedHash{}, err
	}
	return fastHash(b[2], func(password string) []byte {
		// One pass: a password that contains {SALT} stays what it is.
		text := strings.NewReplacer("{SALT}", string(b[1]), "{PASSWORD}", password).Replace(string(b[0]))
		return digest(newHash, []byte(text))
	}), nil
}

func hmacPrefixes() []string {
	var out []string
	for _, name := range []string{"md4", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"} {
		out = append(out, "$hmac-"+name+"$")
	}
	return out
}

// hmacFormat reads $hmac-sha256$mac$key, where mac is base64 of the lower-case
// hexadecimal text of the MAC of the password.
func hmacFormat(encoded string, _ limits) (parsedHash, error) {
	parts, err := fields(encoded, 3)
	if err != nil {
		return parsedHash{}, err
	}
	b, err := unbase64(base64.StdEncoding.Strict(), parts[1], parts[2])
	if err != nil {
		return parsedHash{}, err
	}
	newHash := digestOf(strings.TrimPrefix(parts[0], "hmac-"))
	return fastHash(b[0], func(password string) []byte {
		mac := hmac.New(newHash, b[1])
		mac.Write([]byte(password))
		return hex.AppendEncode(nil, mac.Sum(nil))
	}), nil
}

// md5CryptFormat reads $md5-crypt$salt$hash, crypt(3)'s $1$ under another name.
func md5CryptFormat(encoded string, _ limits) (parsedHash, error) {
	return cryptHash(0, "$1$"+strings.TrimPrefix(encoded, "$md5-crypt$"), md5crypt.Decode)
}

// shaCryptFormat reads $sha256-crypt$[rounds=n$]salt$hash and its 512 sibling,
// crypt(3)'s $5$ and $6$ under other names.
func shaCryptFormat(encoded string, _ limits) (parsedHash, error) {
	native, body := "$5$", strings.TrimPrefix(encoded, "$sha256-crypt$")
	if rest, ok := strings.CutPrefix(encoded, "$sha512-crypt$"); ok {
		native, body = "$6$", rest
	}
	rounds := uint64(defaultCryptRounds)
	if parameter, _, ok := strings.Cut(body, "$"); ok && strings.HasPrefix(parameter, "rounds=") {
		n, err := strconv.ParseUint(strings.TrimPrefix(parameter, "rounds="), 10, 32)
		rounds = n
		switch {
		case err != nil, rounds < minCryptRounds: // crypt(3) never writes less
			return parsedHash{}, ErrMalformed
		case rounds > maxCryptRounds:
			return parsedHash{}, ErrTooCostly
		}
	}
	return cryptHash(rounds, native+body, shacrypt.Decode)
}

func cryptHash(rounds uint64, native string, decode func(string) (algorithm.Digest, error)) (parsedHash, error) {
	d, err := decode(native)
	if err != nil || len(d.Key()) == 0 {
		return parsedHash{}, ErrMalformed
	}
	return parsedHash{
		weight: Weight{Threads: 1}, fast: rounds <= fastRounds, maxPassword: maxCryptPassword, match: d.MatchAdvanced,
	}, nil
}
