package captcha

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cardea/internal/secret"
)

// algorithm is the one hash that challenges are made with.
const algorithm = "SHA-256"

// Challenge is a puzzle in the wire format of ALTCHA, version 1
// (https://altcha.org/docs/v1/server-integration/): find the number, from 0 to
// MaxNumber, whose decimal text behind the salt has the SHA-256 hash Challenge.
// Signature is the HMAC-SHA-256 of the hexadecimal text of that hash.
type Challenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int    `json:"maxnumber"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// Terms are what a challenge is good for. They are part of its salt.
type Terms struct {
	Flow    string
	Expires time.Time
	Max     int // the number is below; half of that is what has to be tried on average
}

// Keys sign challenges: see secret.Keyring.
type Keys interface {
	MAC(label secret.Label, msg []byte) []byte
	VerifyMAC(label secret.Label, msg, mac []byte) bool
}

// Label separates the signatures of challenges from all else that is made with the
// same secrets.
const Label secret.Label = "proof of work"

// saltSize is how many random bytes make two challenges of one flow different.
const saltSize = 12

// Make draws a challenge.
func Make(rand io.Reader, keys Keys, t Terms) Challenge {
	var draw [8]byte
	copy(draw[:], secret.Bytes(rand, len(draw)))
	// The remainder is as good as even: Max is far below 2^64.
	number := binary.BigEndian.Uint64(draw[:]) % uint64(max(1, t.Max))
	terms := url.Values{"expires": {strconv.FormatInt(t.Expires.Unix(), 10)}, "flow": {t.Flow}, "max": {strconv.Itoa(t.Max)}}
	// What ends the salt keeps its last digits from being taken for those of the number.
	salt := hex.EncodeToString(secret.Bytes(rand, saltSize)) + "?" + terms.Encode() + "&"
	c := Challenge{Algorithm: algorithm, MaxNumber: t.Max, Salt: salt, Challenge: hashOf(salt, int64(number))}
	c.Signature = hex.EncodeToString(keys.MAC(Label, []byte(c.Challenge)))
	return c
}

func hashOf(salt string, number int64) string {
	sum := sha256.Sum256(strconv.AppendInt([]byte(salt), number, 10))
	return hex.EncodeToString(sum[:])
}

// solution is what a client sends, as Base64 of JSON.
type solution struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	Number    *int64 `json:"number"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// maxAnswer is how long an answer may be, in bytes.
const maxAnswer = 4096

// Proof is work that was done.
type Proof struct {
	Terms
	// Key is the same for everything that solves one challenge, however it is written.
	Key []byte
}

// Check judges an answer. It says nothing about whether it was used before. Errors are
// those of this package.
func Check(keys Keys, answer, flow string, now time.Time) (*Proof, error) {
	if answer == "" {
		return nil, ErrMissing
	}
	s, err := read(answer)
	if err != nil {
		return nil, ErrWrong
	}
	mac, err := hex.DecodeString(s.Signature)
	if err != nil || !keys.VerifyMAC(Label, []byte(s.Challenge), mac) {
		return nil, ErrWrong
	}
	if subtle.ConstantTimeCompare([]byte(hashOf(s.Salt, *s.Number)), []byte(s.Challenge)) != 1 {
		return nil, ErrWrong
	}
	t, err := termsOf(s.Salt)
	switch {
	case err != nil, *s.Number >= int64(max(1, t.Max)):
		return nil, ErrWrong
	case t.Flow != flow:
		return nil, ErrForeign
	case !now.Before(t.Expires):
		return nil, ErrExpired
	}
	key := sha256.Sum256([]byte(s.Challenge))
	return &Proof{Terms: t, Key: key[:]}, nil
}

var errUnreadable = errors.New("this is no solution")

// read decodes an answer. Widgets send standard Base64, with or without padding.
func read(answer string) (*solution, error) {
	if len(answer) > maxAnswer {
		return nil, errUnreadable
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(answer, "="))
	if err != nil {
		return nil, err
	}
	var s solution
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.Algorithm != algorithm || s.Number == nil || *s.Number < 0 {
		return nil, errUnreadable
	}
	return &s, nil
}

// termsOf reads a salt whose hash this server has signed.
func termsOf(salt string) (t Terms, err error) {
	_, query, ok := strings.Cut(salt, "?")
	if !ok || !strings.HasSuffix(query, "&") {
		return t, errUnreadable
	}
	q, err := url.ParseQuery(strings.TrimSuffix(query, "&"))
	if err != nil {
		return t, err
	}
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil {
		return t, err
	}
	t = Terms{Flow: q.Get("flow"), Expires: time.Unix(expires, 0)}
	t.Max, err = strconv.Atoi(q.Get("max"))
	return t, err
}
