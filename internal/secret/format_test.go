package secret

import (
	"errors"
	"strings"
	"testing"

	"cardea/internal/problem"
)

func TestVectorsMatchTheirPasswordOnly(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			if err := CheckImport(v.encoded); err != nil {
				t.Errorf("the hash is not importable: %v", err)
			}
			if err := Compare(t.Context(), v.password, v.encoded); err != nil {
				t.Errorf("the password does not match: %v", err)
			}
			for _, wrong := range []string{"", v.password + "x", v.password[1:]} {
				if err := Compare(t.Context(), wrong, v.encoded); !errors.Is(err, ErrMismatch) {
					t.Errorf("%q: got %v, want ErrMismatch", wrong, err)
				}
			}
		})
	}
}

func TestEveryPrefixOfTheTableHasAVector(t *testing.T) {
	for _, f := range formats() {
		for _, p := range f.prefixes {
			if p == "$2$" || p == "$2z$" {
				continue // covered below: no other implementation makes them any more
			}
			found := false
			for _, v := range vectors() {
				found = found || strings.HasPrefix(v.encoded, p)
			}
			if !found {
				t.Errorf("there is no vector for %s", p)
			}
		}
	}
}

func TestOldBcryptPrefixesCompareLikeTheOthers(t *testing.T) {
	made, err := Bcrypt{Cost: 4}.Hash(nil, interop)
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"$2$", "$2a$", "$2b$", "$2y$", "$2z$"} {
		if err := Compare(t.Context(), interop, prefix+strings.TrimPrefix(made, "$2a$")); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

func TestCheckImport(t *testing.T) {
	const (
		bcryptBody = "$abcdefghijklmnopqrstuum51fpTr3HTv9xYSshArKI0g5AevBi/y"
		key        = "GVOviDs7TCYi4PdducrIBDQnM4qC4urr8LP0E1mpFKs"
		rawSalt    = "MDEyMzQ1Njc4OWFiY2RlZg"
		salt       = rawSalt + "=="
	)
	tests := []struct {
		name, encoded string
		want          error
	}{
		{"empty", "", ErrUnknownFormat},
		{"plain text", "hunter2", ErrUnknownFormat},
		{"argon2d", "$argon2d$v=19$m=64,t=2,p=1$" + rawSalt + "$" + key, ErrUnknownFormat},
		{"bcrypt 2x", "$2x$05" + bcryptBody, ErrUnknownFormat},
		{"native md5-crypt", "$1$saltsalt$bV2Ewe/2sjX1NtiR6UUSP/", ErrUnknownFormat},
		{"native sha256-crypt", "$5$saltsalt$x", ErrUnknownFormat},
		{"native sha512-crypt", "$6$saltsalt$x", ErrUnknownFormat},
		{"unsalted LDAP", "{SHA}oN9x36NwNTBsKOeJkGKSH26loLQ=", ErrUnknownFormat},
		{"unknown hmac", "$hmac-sha3$YQ==$YQ==", ErrUnknownFormat},
		{"pbkdf2 without digits", "$pbkdf2-sha$i=1,l=32$" + rawSalt + "$" + key, ErrUnknownFormat},
		{"pbkdf2 with four digits", "$pbkdf2-sha2560$i=1,l=32$" + rawSalt + "$" + key, ErrUnknownFormat},
		{"longer than any hash", "$md5$" + strings.Repeat("A", maxEncoded), ErrUnknownFormat},

		{"bcrypt at the ceiling", "$2b$15" + bcryptBody, nil},
		{"bcrypt above the ceiling", "$2b$16" + bcryptBody, ErrTooCostly},
		{"bcrypt below the floor", "$2b$03" + bcryptBody, ErrTooCostly},
		{"bcrypt cut short", "$2b$05" + bcryptBody[:52], ErrMalformed},
		{"bcrypt with a tail", "$2b$05" + bcryptBody + "x", ErrMalformed},
		{"bcrypt with a foreign character", "$2b$05" + bcryptBody[:53] + "!", ErrMalformed},
		{"bcrypt without cost", "$2b$xx" + bcryptBody, ErrMalformed},

		{"argon2 at the ceiling", "$argon2id$v=19$m=1048576,t=10,p=16$" + rawSalt + "$" + key, nil},
		{"argon2 with too much memory", "$argon2id$v=19$m=1048577,t=1,p=1$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 with too many passes", "$argon2id$v=19$m=64,t=11,p=1$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 with too many lanes", "$argon2id$v=19$m=64,t=1,p=17$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 without memory", "$argon2id$v=19$m=0,t=1,p=1$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 without passes", "$argon2id$v=19$m=64,t=0,p=1$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 without lanes", "$argon2id$v=19$m=64,t=1,p=0$" + rawSalt + "$" + key, ErrTooCostly},
		{"argon2 of an old version", "$argon2id$v=16$m=64,t=1,p=1$" + rawSalt + "$" + key, ErrMalformed},
		{"argon2 with padding", "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key, ErrMalformed},
		{"argon2 without salt field", "$argon2id$v=19$m=64,t=1,p=1$" + key, ErrMalformed},
		{"argon2 without key", "$argon2id$v=19$m=64,t=1,p=1$" + rawSalt + "$", ErrMalformed},
		{"argon2 with a key of one byte", "$argon2id$v=19$m=64,t=1,p=1$" + rawSalt + "$AA", ErrMalformed},
		{"argon2 with parameters in disorder", "$argon2id$v=19$t=1,m=64,p=1$" + rawSalt + "$" + key, ErrMalformed},

		{"pbkdf2 at the ceiling", "$pbkdf2-sha256$i=10000000,l=32$" + rawSalt + "$" + key, nil},
		{"pbkdf2 above the ceiling", "$pbkdf2-sha256$i=10000001,l=32$" + rawSalt + "$" + key, ErrTooCostly},
		{"pbkdf2 without iterations", "$pbkdf2-sha256$i=0,l=32$" + rawSalt + "$" + key, ErrTooCostly},
		{"pbkdf2 whose length is wrong", "$pbkdf2-sha256$i=1,l=99$" + rawSalt + "$" + key, nil},
		{"pbkdf2 with padding", "$pbkdf2-sha256$i=1,l=32$" + salt + "$" + key, ErrMalformed},
		{"pbkdf2 with a key that multiplies the cost", "$pbkdf2-sha256$i=1,l=32$" + rawSalt + "$" + strings.Repeat("AAAA", 43), ErrMalformed},

		{"scrypt at the ceiling", "$scrypt$ln=131072,r=8,p=10$" + salt + "$" + key + "=", nil},
		{"scrypt above the ceiling", "$scrypt$ln=262144,r=8,p=1$" + salt + "$" + key + "=", ErrTooCostly},
		{"scrypt with too large blocks", "$scrypt$ln=1024,r=9,p=1$" + salt + "$" + key + "=", ErrTooCostly},
		{"scrypt with too many lanes", "$scrypt$ln=1024,r=8,p=11$" + salt + "$" + key + "=", ErrTooCostly},
		{"scrypt that is no power of two", "$scrypt$ln=1000,r=8,p=1$" + salt + "$" + key + "=", ErrMalformed},
		{"scrypt without padding", "$scrypt$ln=1024,r=8,p=1$" + salt + "$" + key, ErrMalformed},

		{"firescrypt at the ceiling", "$firescrypt$ln=17,r=8,p=10$" + salt + "$" + key + "=$Bw==$" + key + "=", nil},
		{"firescrypt above the ceiling", "$firescrypt$ln=18,r=8,p=1$" + salt + "$" + key + "=$Bw==$" + key + "=", ErrTooCostly},
		{"firescrypt without hash", "$firescrypt$ln=10,r=8,p=1$" + salt + "$$Bw==$", ErrMalformed},

		{"undecodable digests pass", "$sha256$what$ever", nil},
		{"undecodable LDAP digests pass", "{SSHA512}!", nil},
		{"sha-crypt at the ceiling", "$sha512-crypt$rounds=1000000$saltsalt$x", nil},
		{"sha-crypt above the ceiling", "$sha512-crypt$rounds=1000001$saltsalt$x", ErrTooCostly},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckImport(tt.encoded)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if p := problem.As(err); tt.want != nil && (p == nil || p.Status != 400 || p.Reason == "") {
				t.Errorf("got %v, want a 400 with a reason", err)
			}
			if tt.want == nil || len(tt.encoded) < 8 {
				return
			}
			if strings.Contains(err.Error(), tt.encoded[5:]) {
				t.Error("the error contains the hash")
			}
			if err := Compare(t.Context(), interop, tt.encoded); err == nil {
				t.Error("a hash that is refused matches a password")
			}
		})
	}
}

func TestTruncatedHashesMatchNoPassword(t *testing.T) {
	for _, encoded := range []string{
		"$md5$", "$md5$pf=e1BBU1NXT1JEfQ==$$", "$sha1$pf=e1BBU1NXT1JEfQ==$$", "$hmac-sha256$$a2V5", "{SSHA}", "{SSHA}oN9x36NwNTBsKOeJkGKSH26loLQ=",
		"$md5-crypt$saltsalt$", "$md5-crypt$", "$sha256-crypt$saltsalt$", "$sha512-crypt$rounds=5000$saltsalt$", "$sha512-crypt$rounds=1$a$b", "$2a$05$",
		"$argon2id$v=19$m=64,t=1,p=1$$", "$pbkdf2-sha256$i=1,l=0$$", "$scrypt$ln=2,r=1,p=1$$", "$firescrypt$ln=1,r=1,p=1$$$$",
	} {
		for _, password := range []string{"", interop} {
			if err := Compare(t.Context(), password, encoded); err == nil {
				t.Errorf("%q matches %q", encoded, password)
			}
		}
	}
}

func TestAnEmptyDigestMatchesNothing(t *testing.T) {
	if match(nil, nil) || match([]byte{}, []byte{}) {
		t.Error("nothing matches nothing")
	}
}

func TestATemplateReplacesInOnePass(t *testing.T) {
	// {SALT}.{PASSWORD} with the salt "salt", made for the literal password "salt".
	made := "$md5$pf=e1NBTFR9LntQQVNTV09SRH0=$c2FsdA==$" + b64(digest(digestOf("md5"), []byte("salt.salt")))
	if err := Compare(t.Context(), "salt", made); err != nil {
		t.Fatal(err)
	}
	if err := Compare(t.Context(), "{SALT}", made); !errors.Is(err, ErrMismatch) {
		t.Errorf("a placeholder in the password was replaced: %v", err)
	}
}

func TestTooLongPasswordsAreRefused(t *testing.T) {
	long := strings.Repeat("x", 73)
	made, err := Bcrypt{Cost: 4}.Hash(nil, long[:72])
	if err != nil {
		t.Fatal(err)
	}
	if err := Compare(t.Context(), long, made); !errors.Is(err, ErrTooLong) {
		t.Errorf("bcrypt compares 73 bytes as if they were 72: %v", err)
	}
	var tooLong *TooLongError
	if _, err := (Bcrypt{Cost: 4}).Hash(nil, long); !errors.As(err, &tooLong) || tooLong.Max != 72 || tooLong.Actual != 73 {
		t.Errorf("bcrypt hashes 73 bytes: %v", err)
	}
	for _, v := range vectors() {
		if err := Compare(t.Context(), strings.Repeat("x", MaxPassword+1), v.encoded); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s compares more than %d bytes: %v", v.name, MaxPassword, err)
		}
		if strings.Contains(v.name, "-crypt") {
			if err := Compare(t.Context(), strings.Repeat("x", maxCryptPassword+1), v.encoded); !errors.Is(err, ErrTooLong) {
				t.Errorf("%s compares more than %d bytes: %v", v.name, maxCryptPassword, err)
			}
		}
	}
}
