package oidc

import (
	"encoding/json"
	"testing"

	"cardea/internal/identity"
)

// FuzzMapping feeds what programs make of claims.
func FuzzMapping(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"identity":{"traits":{"email":"a@b.test"}}}`, `{"identity":{"traits":{},"metadata_public":[],"metadata_admin":{"a":1}}}`,
		`{"identity":{"traits":{},"verified_addresses":[{"via":"email","value":" A@B.test "},{"via":"sms","value":"+49 30 1"}]}}`, `{"identity":{"traits":{},"verified_addresses":{}}}`,
		`{"identity":{"traits":"x"}}`, `{"identity":{"traits":{},"verified_addresses":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		m, err := readMapping(json.RawMessage(out))
		if (m == nil) == (err == nil) {
			t.Fatalf("%q is %v and %v", out, m, err)
		}
		if err != nil {
			return
		}
		if m.traits == nil {
			t.Errorf("%q has no traits", out)
		}
		for _, a := range m.verified {
			if again := identity.NormalizeIdentifier(a.Value); again != a.Value {
				t.Errorf("%q verifies %q, which is looked up as %q", out, a.Value, again)
			}
		}
	})
}

// FuzzClaims feeds what providers say of people.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"sub":"x","email_verified":"true"}`, `{"sub":1}`, `{"sub":"x","email_verified":1,"locale":{"language":"de"}}`, `{"sub":"x","sub":"y","aud":["a"],"exp":1e400}`, `{"email_verified":"TRUE "}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := readClaims(raw, true)
		if err != nil && c != nil {
			t.Errorf("%q cannot be read and says %v", raw, c)
		}
		if err == nil {
			if few, err := readClaims(raw, false); err != nil || few.Subject != c.Subject || few.EmailVerified != c.EmailVerified {
				t.Errorf("%q says one thing in full and another in short (%v)", raw, err)
			}
		}
	})
}
