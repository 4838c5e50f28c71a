package secret

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// FuzzSessionCookie looks for a text that counts as a cookie beside the one that was made,
// which is the same in every process.
func FuzzSessionCookie(f *testing.F) {
	keys, err := NewKeyring("a-secret-for-tests-only-0123456789")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	cookie := NewSessionCookie(keys, "session")
	good, err := cookie.Encode(strings.NewReader(strings.Repeat("n", 64)), CookieValue{IssuedAt: now, ExpiresAt: now.Add(time.Hour), Token: "ory_st_abcdefghijklmnopqrstuvwxyz012345"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, good)
	for _, seed := range []string{"", "A", "AA", strings.Repeat("A", 400), "B" + strings.Repeat("_", 120), "=", "\n"} {
		f.Add(3, seed)
	}
	f.Fuzz(func(t *testing.T, at int, text string) {
		for _, value := range []string{text, good[:min(max(at, 0), len(good))] + text, text + good, good + text} {
			if _, err := cookie.Decode(value, now, time.Hour); err == nil && strings.NewReplacer("\r", "", "\n", "").Replace(value) != good {
				t.Errorf("%q is a cookie", value)
			}
		}
	})
}

// FuzzCSRF feeds what forms and cookies send as anti-CSRF tokens.
func FuzzCSRF(f *testing.F) {
	real := NewCSRF(rand.Reader)
	for _, seed := range []string{"", EncodeCSRF(real), MaskCSRF(rand.Reader, real), strings.Repeat("A", 88), strings.Repeat("=", 44), strings.Repeat("/", 44)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := UnmaskCSRF(text)
		if ok != (len(token) == CSRFSize) {
			t.Errorf("%q is a token of %d bytes (%t)", text, len(token), ok)
		}
		if ok {
			if again, _ := UnmaskCSRF(MaskCSRF(rand.Reader, token)); !EqualCSRF(token, again) {
				t.Errorf("%q is another token once it was masked", text)
			}
		}
		if ok && EqualCSRF(token, NewCSRF(rand.Reader)) {
			t.Errorf("%q equals a token that was just drawn", text)
		}
		if cookie, ok := DecodeCSRF(text); ok && !EqualCSRF(cookie, token) {
			t.Errorf("%q is one token in a cookie and another in a form", text)
		}
	})
}

// FuzzImportedHash feeds what operators bring from other systems. Nothing ends the
// process, and whatever is taken costs no more than the limits say.
func FuzzImportedHash(f *testing.F) {
	for _, seed := range []string{
		"$2a$10$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=4294967295,t=4294967295,p=255$AA$AA",
		"$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI", "$scrypt$ln=16384,r=8,p=1$ZtQva9xCHzlSELH/mA7Kj5KjH2tCrkoLFOLZfYUPRkg=$pnTcXKrWVT6FwoDXqbaTrWnNX2dB0SyyKbJ4gAYcBbY=",
		"$md5$CY9rzUYh03PK3k6DJie09g==", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ==", "$sha256$pf=e3NhbHR9e3Bhc3N3b3JkfQ==$NW$5opsviYz2dFJj0tpnlL+1CVyXTHjFOl0d9/tOZHUxKc=",
		"$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==",
		"{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a", "{SHA512}x", "$6$rounds=999999999$salt$x", "$1$", "$2y$99$", "$hmac-sha1$", "", "$", "$argon2id$",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		if CheckImport(encoded) != nil {
			return
		}
		h, err := parse(encoded, importLimits)
		if err == nil && (h.weight.Memory > 1<<30+1<<20 || h.weight.Memory < 0) {
			t.Errorf("%q takes %d bytes", encoded, h.weight.Memory)
		}
	})
}
