package secret

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"
)

const (
	cookieLabel     Label = "session cookie"
	cookieVersion         = 'A'
	maxCookieToken        = 128
	cookieHead            = 16                                                 // two times of 8 bytes
	maxCookieSealed       = 41 + cookieHead + maxCookieToken                   // see Keyring.Seal
	maxCookieLength       = 1 + (maxCookieSealed*8+5)/6                        // base64 without padding
	minCookieTime         = math.MinInt64 / int64(time.Second/time.Nanosecond) // the range of UnixNano in seconds
	maxCookieTime         = math.MaxInt64 / int64(time.Second/time.Nanosecond)
)

// ErrCookie is a cookie value that was not made with any listed secret for this
// cookie's name, or that is older than allowed.
var ErrCookie = errors.New("the session cookie is not valid")

// CookieValue is what a session cookie says.
type CookieValue struct {
	Token     string    // the session token, at most 128 bytes
	IssuedAt  time.Time // when the cookie was written
	ExpiresAt time.Time // the session's end as it was then; zero when it was not known
}

// SessionCookie writes and reads the value of the session cookie: version, then
// base64url of the sealed times and token. It is 129 characters for a token of
// the usual length. The cookie's name is associated data, so the value of one
// cookie is worthless under another name. Values of other servers do not decode.
type SessionCookie struct {
	ring *Keyring
	name []byte
}

// NewSessionCookie makes the codec of the cookie with this name.
func NewSessionCookie(ring *Keyring, name string) *SessionCookie {
	return &SessionCookie{ring: ring, name: []byte("cookie " + name)}
}

// Encode makes the cookie's value.
func (c *SessionCookie) Encode(rand io.Reader, v CookieValue) (string, error) {
	if v.Token == "" || len(v.Token) > maxCookieToken {
		return "", errors.New("the session token does not fit into a cookie")
	}
	var buf [cookieHead + maxCookieToken]byte
	putTime(buf[0:8], v.IssuedAt)
	putTime(buf[8:16], v.ExpiresAt)
	n := cookieHead + copy(buf[cookieHead:], v.Token)
	sealed, err := c.ring.Seal(rand, cookieLabel, buf[:n], c.name)
	if err != nil {
		return "", err
	}
	out := make([]byte, 1, maxCookieLength)
	out[0] = cookieVersion
	return string(base64.RawURLEncoding.AppendEncode(out, sealed)), nil
}

// Decode reads a cookie's value. It is refused with ErrCookie when it was issued
// more than maxAge before now; a maxAge of zero or less refuses everything.
func (c *SessionCookie) Decode(value string, now time.Time, maxAge time.Duration) (CookieValue, error) {
	if len(value) < 2 || len(value) > maxCookieLength || value[0] != cookieVersion {
		return CookieValue{}, ErrCookie
	}
	var buf [maxCookieSealed + 2]byte
	n, err := base64.RawURLEncoding.Decode(buf[:], []byte(value[1:]))
	if err != nil {
		return CookieValue{}, ErrCookie
	}
	plain, err := c.ring.Open(cookieLabel, buf[:n], c.name)
	if err != nil || len(plain) <= cookieHead {
		return CookieValue{}, ErrCookie
	}
	v := CookieValue{
		IssuedAt:  getTime(plain[0:8]),
		ExpiresAt: getTime(plain[8:16]),
		Token:     string(plain[cookieHead:]),
	}
	if maxAge <= 0 || now.Sub(v.IssuedAt) > maxAge {
		return CookieValue{}, ErrCookie
	}
	return v, nil
}

// putTime keeps nanoseconds: with less, the cookie's idea of the session's end
// would always lie before the session's own, and every answer would renew the
// cookie. A time outside of the years 1678 to 2262 is kept as the zero time.
func putTime(b []byte, t time.Time) {
	nanos := int64(math.MinInt64)
	if s := t.Unix(); s > minCookieTime && s < maxCookieTime {
		nanos = t.UnixNano()
	}
	binary.BigEndian.PutUint64(b, uint64(nanos))
}

func getTime(b []byte) time.Time {
	nanos := int64(binary.BigEndian.Uint64(b))
	if nanos == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
