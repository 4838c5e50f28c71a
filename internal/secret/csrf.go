package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"io"
)

// CSRFSize is the length of an anti-CSRF token in bytes.
const CSRFSize = 32

const csrfCookiePrefix = "csrf_token_"

// NewCSRF makes the real token, the one the cookie carries.
func NewCSRF(rand io.Reader) []byte { return Bytes(rand, CSRFSize) }

// CSRFCookieName is the name of the anti-CSRF cookie of a server whose public
// URL is written exactly so in its configuration, trailing slash included.
func CSRFCookieName(publicURL string) string {
	sum := sha256.Sum256([]byte(publicURL))
	return csrfCookiePrefix + hex.EncodeToString(sum[:])
}

// EncodeCSRF is the real token as the cookie carries it: 44 characters.
func EncodeCSRF(real []byte) string { return base64.StdEncoding.EncodeToString(real) }

// DecodeCSRF reads the cookie; false for anything but 32 bytes.
func DecodeCSRF(cookie string) ([]byte, bool) {
	token, ok := UnmaskCSRF(cookie)
	return token, ok && len(cookie) == base64.StdEncoding.EncodedLen(CSRFSize)
}

// MaskCSRF is the token as forms carry it: base64 of a one-time pad and the
// token XOR the pad, 88 characters that differ in every answer. A compressed
// answer would otherwise give the token away byte by byte (the BREACH attack).
// A token that is not 32 bytes long has no mask: the answer is "".
func MaskCSRF(rand io.Reader, real []byte) string {
	if len(real) != CSRFSize {
		return ""
	}
	var b [2 * CSRFSize]byte
	fill(rand, b[:CSRFSize])
	subtle.XORBytes(b[CSRFSize:], b[:CSRFSize], real)
	return base64.StdEncoding.EncodeToString(b[:])
}

// UnmaskCSRF reads a token as a client sends it, masked (64 bytes) or as it is
// in the cookie (32 bytes).
func UnmaskCSRF(s string) ([]byte, bool) {
	var b [2*CSRFSize + 2]byte
	if len(s) > base64.StdEncoding.EncodedLen(2*CSRFSize) {
		return nil, false
	}
	n, err := base64.StdEncoding.Decode(b[:], []byte(s))
	if err != nil {
		return nil, false
	}
	real := make([]byte, CSRFSize)
	switch n {
	case CSRFSize:
		copy(real, b[:CSRFSize])
	case 2 * CSRFSize:
		subtle.XORBytes(real, b[:CSRFSize], b[CSRFSize:2*CSRFSize])
	default:
		return nil, false
	}
	return real, true
}

// EqualCSRF compares two real tokens in constant time; anything that is not 32
// bytes long equals nothing.
func EqualCSRF(a, b []byte) bool {
	return len(a) == CSRFSize && subtle.ConstantTimeCompare(a, b) == 1
}
