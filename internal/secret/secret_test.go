package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	oldSecret = "an old secret of decent length"
	newSecret = "a new secret of decent length!"
)

func ring(t testing.TB, secrets ...string) *Keyring {
	t.Helper()
	k, err := NewKeyring(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTokensHaveTheirShape(t *testing.T) {
	for want, got := range map[string]string{
		`^ory_st_[A-Za-z0-9]{32}$`: Token(rand.Reader, SessionTokenPrefix, TokenLength),
		`^ory_lo_[A-Za-z0-9]{32}$`: Token(rand.Reader, LogoutTokenPrefix, TokenLength),
		`^[A-Za-z0-9]{300}$`:       Token(rand.Reader, "", 300),
		`^[0-9]{6}$`:               Code(rand.Reader, 6),
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q does not match %s", got, want)
		}
	}
}

// everyByte yields all byte values over and over.
type everyByte struct{ next byte }

func (e *everyByte) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.next
		e.next++
	}
	return len(b), nil
}

func TestTokensAreDrawnWithoutBias(t *testing.T) {
	for name, text := range map[string]string{
		alphanumerics: Token(&everyByte{}, "", 62*4*10),
		digits:        Code(&everyByte{}, 10*25*10),
	} {
		want := len(text) / len(name)
		for _, letter := range name {
			if got := strings.Count(text, string(letter)); got != want {
				t.Errorf("%c was drawn %d times of %d, want %d", letter, got, len(text), want)
			}
		}
	}
}

func TestTokensDoNotComeWithoutRandomness(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a token was made without randomness")
		}
	}()
	Token(strings.NewReader("too short"), "", 32)
}

func TestKeyringRefusesWeakSecrets(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {newSecret, "fifteen bytes!!"}} {
		if _, err := NewKeyring(secrets...); err == nil {
			t.Errorf("%q is a keyring", secrets)
		}
	}
}

func TestKeyringNeverPrintsItsSecrets(t *testing.T) {
	k := ring(t, newSecret, oldSecret)
	k.MAC("x", nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "keyring of 2" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestSealedValuesOpenOnlyWhereTheyBelong(t *testing.T) {
	const label = Label("test")
	plain, ad := []byte("the plaintext"), []byte("row 1")
	sealed, err := ring(t, oldSecret).Seal(rand.Reader, label, plain, ad)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed) != len(plain)+41 {
		t.Errorf("sealing adds %d bytes", len(sealed)-len(plain))
	}
	flip := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	tests := []struct {
		name   string
		ring   *Keyring
		label  Label
		sealed []byte
		ad     []byte
		opens  bool
	}{
		{"with its secret", ring(t, oldSecret), label, sealed, ad, true},
		{"after a rotation", ring(t, newSecret, oldSecret), label, sealed, ad, true},
		{"not when the secret is gone", ring(t, newSecret), label, sealed, ad, false},
		{"not under another label", ring(t, oldSecret), "other", sealed, ad, false},
		{"not in another place", ring(t, oldSecret), label, sealed, []byte("row 2"), false},
		{"not in no place", ring(t, oldSecret), label, sealed, nil, false},
		{"not with another version", ring(t, oldSecret), label, flip(0), ad, false},
		{"not with another nonce", ring(t, oldSecret), label, flip(1), ad, false},
		{"not with another text", ring(t, oldSecret), label, flip(25), ad, false},
		{"not with another tag", ring(t, oldSecret), label, flip(len(sealed) - 1), ad, false},
		{"not when cut", ring(t, oldSecret), label, sealed[:40], ad, false},
		{"not when empty", ring(t, oldSecret), label, nil, ad, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.ring.Open(tt.label, tt.sealed, tt.ad)
			if tt.opens && (err != nil || !bytes.Equal(got, plain)) {
				t.Errorf("got %q, %v", got, err)
			}
			if !tt.opens && !errors.Is(err, ErrSealed) {
				t.Errorf("got %q, %v, want ErrSealed", got, err)
			}
		})
	}
}

func TestSealingNeedsAssociatedData(t *testing.T) {
	if _, err := ring(t, newSecret).Seal(rand.Reader, "test", []byte("x"), nil); err == nil {
		t.Error("a value was sealed without its place")
	}
}

func TestTheFirstSecretWrites(t *testing.T) {
	sealed, err := ring(t, newSecret, oldSecret).Seal(rand.Reader, "test", []byte("x"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring(t, newSecret).Open("test", sealed, []byte("ad")); err != nil {
		t.Errorf("sealed with another than the first secret: %v", err)
	}
}

func TestMACsVerifyWithEveryListedSecret(t *testing.T) {
	msg := []byte("123456")
	mac := ring(t, oldSecret).MAC("codes", msg)
	both := ring(t, newSecret, oldSecret)
	if len(mac) != MACSize || !both.VerifyMAC("codes", msg, mac) {
		t.Error("a MAC of an old secret does not verify")
	}
	if diff := cmp.Diff([][]byte{both.MAC("codes", msg), mac}, both.MACs("codes", msg)); diff != "" {
		t.Errorf("all MACs (-want +got):\n%s", diff)
	}
	for name, ok := range map[string]bool{
		"of a dropped secret": ring(t, newSecret).VerifyMAC("codes", msg, mac),
		"of another label":    both.VerifyMAC("links", msg, mac),
		"of another message":  both.VerifyMAC("codes", []byte("123457"), mac),
		"that is cut":         both.VerifyMAC("codes", msg, mac[:31]),
		"that is empty":       both.VerifyMAC("codes", msg, nil),
	} {
		if ok {
			t.Errorf("a MAC %s verifies", name)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.UTC)
	want := CookieValue{Token: Token(rand.Reader, SessionTokenPrefix, TokenLength), IssuedAt: now, ExpiresAt: now.Add(24*time.Hour + 1)}
	value, err := NewSessionCookie(ring(t, oldSecret), "ory_kratos_session").Encode(rand.Reader, want)
	if err != nil {
		t.Fatal(err)
	}
	if len(value) >= 300 || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(value) {
		t.Errorf("%q (%d characters) is no short cookie value", value, len(value))
	}
	// A flipped bit inside, and one in the unused bits of the last character.
	broken := value[:60] + string(value[60]^1) + value[61:]
	tests := []struct {
		name    string
		ring    *Keyring
		cookie  string
		value   string
		now     time.Time
		maxAge  time.Duration
		decodes bool
	}{
		{"decodes", ring(t, oldSecret), "ory_kratos_session", value, now, time.Hour, true},
		{"decodes after a rotation", ring(t, newSecret, oldSecret), "ory_kratos_session", value, now, time.Hour, true},
		{"decodes until its age", ring(t, oldSecret), "ory_kratos_session", value, now.Add(time.Hour), time.Hour, true},
		{"decodes when another replica's clock is behind", ring(t, oldSecret), "ory_kratos_session", value, now.Add(-time.Minute), time.Hour, true},
		{"is refused after it", ring(t, oldSecret), "ory_kratos_session", value, now.Add(time.Hour + 1), time.Hour, false},
		{"is refused without an age", ring(t, oldSecret), "ory_kratos_session", value, now, 0, false},
		{"is refused when the secret is gone", ring(t, newSecret), "ory_kratos_session", value, now, time.Hour, false},
		{"is refused under another name", ring(t, oldSecret), "other", value, now, time.Hour, false},
		{"is refused when changed", ring(t, oldSecret), "ory_kratos_session", broken, now, time.Hour, false},
		{"is refused when cut", ring(t, oldSecret), "ory_kratos_session", value[:len(value)-4], now, time.Hour, false},
		{"is refused in another version", ring(t, oldSecret), "ory_kratos_session", "B" + value[1:], now, time.Hour, false},
		{"is refused when empty", ring(t, oldSecret), "ory_kratos_session", "", now, time.Hour, false},
		{"is refused when it is no base64", ring(t, oldSecret), "ory_kratos_session", "A" + strings.Repeat("!", 128), now, time.Hour, false},
		{"is refused when it is huge", ring(t, oldSecret), "ory_kratos_session", "A" + strings.Repeat("A", 1<<16), now, time.Hour, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewSessionCookie(tt.ring, tt.cookie).Decode(tt.value, tt.now, tt.maxAge)
			if tt.decodes {
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			if !errors.Is(err, ErrCookie) {
				t.Errorf("got %v, want ErrCookie", err)
			}
		})
	}
}

func TestSessionCookieKeepsAnUnknownEndAndTheLongestToken(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	c := NewSessionCookie(ring(t, newSecret), "s")
	want := CookieValue{Token: strings.Repeat("x", 128), IssuedAt: now}
	value, err := c.Encode(rand.Reader, want)
	if err != nil || len(value) >= 300 {
		t.Fatalf("%d characters, %v", len(value), err)
	}
	got, err := c.Decode(value, now, time.Hour)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, token := range []string{"", strings.Repeat("x", 129)} {
		if _, err := c.Encode(rand.Reader, CookieValue{Token: token, IssuedAt: now}); err == nil {
			t.Errorf("a token of %d bytes is encoded", len(token))
		}
	}
}

func TestCSRFCookieName(t *testing.T) {
	const want = "csrf_token_aaebcc6169261a75a6d2ab9e869864dec1097099e428379c6590e4ef3a263083"
	if got := CSRFCookieName("http://127.0.0.1:14430/"); got != want {
		t.Errorf("got %s", got)
	}
}

func TestCSRFMasks(t *testing.T) {
	real := NewCSRF(rand.Reader)
	a, b := MaskCSRF(rand.Reader, real), MaskCSRF(rand.Reader, real)
	if a == b || len(a) != 88 {
		t.Errorf("masks %q and %q are not two of 88 characters", a, b)
	}
	for _, sent := range []string{a, b, EncodeCSRF(real)} {
		got, ok := UnmaskCSRF(sent)
		if !ok || !EqualCSRF(got, real) {
			t.Errorf("%q is not the token", sent)
		}
	}
	other, _ := UnmaskCSRF(MaskCSRF(rand.Reader, NewCSRF(rand.Reader)))
	if EqualCSRF(other, real) {
		t.Error("another token is the same")
	}
	for _, bad := range []string{"", "x", "====", EncodeCSRF(real[:31]), EncodeCSRF(append(bytes.Clone(real), 0)), a[:84], a + "AAAA", strings.Repeat("A", 1<<16)} {
		if _, ok := UnmaskCSRF(bad); ok {
			t.Errorf("%d characters are a token", len(bad))
		}
	}
	if MaskCSRF(rand.Reader, real[:31]) != "" {
		t.Error("a token of 31 bytes has a mask")
	}
}

func TestCSRFCookieIsTheBareToken(t *testing.T) {
	real := NewCSRF(rand.Reader)
	if got, ok := DecodeCSRF(EncodeCSRF(real)); !ok || !bytes.Equal(got, real) {
		t.Error("the cookie does not decode")
	}
	if _, ok := DecodeCSRF(MaskCSRF(rand.Reader, real)); ok {
		t.Error("a masked token is taken for a cookie")
	}
	for _, pair := range [][2][]byte{{nil, nil}, {real, nil}, {real[:31], real[:31]}} {
		if EqualCSRF(pair[0], pair[1]) {
			t.Errorf("tokens of %d and %d bytes are equal", len(pair[0]), len(pair[1]))
		}
	}
}

func BenchmarkSessionCookie(b *testing.B) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	c := NewSessionCookie(ring(b, newSecret, oldSecret), "ory_kratos_session")
	v := CookieValue{Token: Token(rand.Reader, SessionTokenPrefix, TokenLength), IssuedAt: now, ExpiresAt: now}
	value, err := c.Encode(rand.Reader, v)
	if err != nil {
		b.Fatal(err)
	}
	rotated, err := NewSessionCookie(ring(b, oldSecret), "ory_kratos_session").Encode(rand.Reader, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Encode(rand.Reader, v)
		}
	})
	for name, value := range map[string]string{"decode": value, "decode with the second secret": rotated} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Decode(value, now, time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCSRF(b *testing.B) {
	real := NewCSRF(rand.Reader)
	masked := MaskCSRF(rand.Reader, real)
	b.Run("mask", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = io.WriteString(io.Discard, MaskCSRF(rand.Reader, real))
		}
	})
	b.Run("unmask", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, _ := UnmaskCSRF(masked); !EqualCSRF(got, real) {
				b.Fatal("not the token")
			}
		}
	})
}

func TestUnmaskedTextIsNotTheMask(t *testing.T) {
	real := bytes.Repeat([]byte{7}, CSRFSize)
	if raw, _ := base64.StdEncoding.DecodeString(MaskCSRF(rand.Reader, real)); bytes.Contains(raw, real) {
		t.Error("the token stands in its mask as it is")
	}
}
