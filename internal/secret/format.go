package secret

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"cardea/internal/problem"
)

// maxEncoded bounds a hash string, in bytes; the longest known format, that of
// Firebase, takes about 250.
const maxEncoded = 4096

// Key lengths of the key derivation formats, in bytes. Below, a guess matches by
// chance; above, the length multiplies the cost of PBKDF2.
const (
	minKey = 8
	maxKey = 128
)

// limits are the ceilings of the formats whose cost is a parameter. The rest of
// the ceilings are constants next to their format.
type limits struct {
	bcryptCost   int
	argonMemory  uint64 // KiB
	argonTime    uint64
	argonThreads uint64
}

// importLimits hold for hashes that come from outside: each is about a second
// of one core, which is what an administrator may burden the server with.
var importLimits = limits{bcryptCost: 15, argonMemory: 1 << 20, argonTime: 10, argonThreads: 16}

// storedLimits hold for hashes that are compared. Lanes do not add work, and
// the default of new hashes grows with the machine: a hash made on a machine of
// 32 cores must still match on one of four.
var storedLimits = limits{bcryptCost: 15, argonMemory: 1 << 20, argonTime: 10, argonThreads: 255}

// parsedHash is an encoded hash, decoded and within its limits.
type parsedHash struct {
	weight      Weight
	fast        bool // takes a few milliseconds at most, less than a hash of today
	maxPassword int  // bytes; 0 means MaxPassword
	match       func(password string) (bool, error)
}

func (h parsedHash) compare(password string) error {
	if err := checkLength(password, h.maxPassword); err != nil {
		return err
	}
	switch ok, err := h.match(password); {
	case err != nil:
		return errors.Join(ErrMalformed, err)
	case !ok:
		return ErrMismatch
	}
	return nil
}

// format is one family of encoded hashes.
type format struct {
	prefixes []string
	parse    func(encoded string, l limits) (parsedHash, error)
	// lenient formats are imported without a look at what follows the prefix, as
	// the contract has it; what cannot be decoded then never matches.
	lenient bool
}

// formats returns the table of all families. No prefix is the start of another.
func formats() []format {
	return []format{
		{prefixes: []string{"$2$", "$2a$", "$2b$", "$2y$", "$2z$"}, parse: bcryptFormat},
		{prefixes: []string{"$argon2id$", "$argon2i$"}, parse: argon2Format},
		{prefixes: []string{"$pbkdf2-sha"}, parse: pbkdf2Format},
		{prefixes: []string{"$scrypt$"}, parse: scryptFormat},
		{prefixes: []string{"$firescrypt$"}, parse: firescryptFormat},
		{prefixes: []string{"{SSHA}", "{SSHA256}", "{SSHA512}"}, parse: sshaFormat, lenient: true},
		{prefixes: []string{"$sha1$", "$sha256$", "$sha512$", "$md5$"}, parse: templateFormat, lenient: true},
		{prefixes: hmacPrefixes(), parse: hmacFormat, lenient: true},
		{prefixes: []string{"$md5-crypt$"}, parse: md5CryptFormat, lenient: true},
		{prefixes: []string{"$sha256-crypt$", "$sha512-crypt$"}, parse: shaCryptFormat, lenient: true},
	}
}

func formatOf(encoded string) (format, bool) {
	if len(encoded) > maxEncoded {
		return format{}, false
	}
	for _, f := range formats() {
		for _, p := range f.prefixes {
			if strings.HasPrefix(encoded, p) {
				return f, true
			}
		}
	}
	return format{}, false
}

func parse(encoded string, l limits) (parsedHash, error) {
	f, ok := formatOf(encoded)
	if !ok {
		return parsedHash{maxPassword: MaxPassword}, ErrUnknownFormat
	}
	h, err := f.parse(encoded, l)
	if h.maxPassword == 0 {
		h.maxPassword = MaxPassword
	}
	return h, err
}

// Compare checks a password against a hash of any known format, at once and
// without a pool; see Passwords.Compare for the errors. Costs are held against
// the ceilings of imported hashes.
func Compare(ctx context.Context, password, encoded string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h, err := parse(encoded, storedLimits)
	if err != nil {
		return err
	}
	return h.compare(password)
}

// CheckImport says whether a hash from outside may be stored. What it answers
// is a problem with status 400 whose cause is ErrUnknownFormat, ErrMalformed or
// ErrTooCostly.
func CheckImport(encoded string) error {
	f, ok := formatOf(encoded)
	if !ok {
		return problem.BadRequest("The hashed password does not match a known format.").With(ErrUnknownFormat)
	}
	_, err := f.parse(encoded, importLimits)
	switch {
	case err == nil, f.lenient && !errors.Is(err, ErrTooCostly):
		return nil
	case errors.Is(err, ErrTooCostly):
		return problem.BadRequest("The cost of the hashed password is outside of the allowed bounds.").With(err)
	default:
		return problem.BadRequest("The hashed password cannot be decoded.").With(err)
	}
}

// fields splits "$name$a$b" into ["name", "a", "b"], which must be n.
func fields(encoded string, n int) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(encoded, "$"), "$")
	if len(parts) != n {
		return nil, ErrMalformed
	}
	return parts, nil
}

// numbers reads "a=1,b=2" with exactly these names in this order.
func numbers(s string, names ...string) ([]uint64, error) {
	parts := strings.Split(s, ",")
	if len(parts) != len(names) {
		return nil, ErrMalformed
	}
	values := make([]uint64, len(names))
	for i, name := range names {
		digits, ok := strings.CutPrefix(parts[i], name+"=")
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return nil, ErrMalformed
		}
		values[i] = v
	}
	return values, nil
}

// within holds a parameter against its ceiling; below one is out of bounds too.
func within(v, ceiling uint64) error {
	if v < 1 || v > ceiling {
		return ErrTooCostly
	}
	return nil
}

// unbase64 decodes all of parts or none.
func unbase64(enc *base64.Encoding, parts ...string) ([][]byte, error) {
	out := make([][]byte, len(parts))
	for i, p := range parts {
		b, err := enc.DecodeString(p)
		if err != nil {
			return nil, ErrMalformed
		}
		out[i] = b
	}
	return out, nil
}

// checkKey refuses keys that are too short to mean anything or so long that
// they multiply the cost.
func checkKey(key []byte) error {
	if len(key) < minKey || len(key) > maxKey {
		return ErrMalformed
	}
	return nil
}
