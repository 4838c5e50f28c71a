package identity_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// anything is an importer that takes every hash.
type anything struct{}

func (anything) Hash(context.Context, string) (string, error) { return "$hash", nil }
func (anything) CheckImport(string) error                     { return nil }

// FuzzPatch feeds patches of operators: whatever they say, what is protected stays.
func FuzzPatch(f *testing.F) {
	for _, seed := range [][3]string{
		{"replace", "/traits/email", `"x@cardea.test"`}, {"add", "/metadata_public/a/b/-", "1"}, {"remove", "/credentials/oidc", "null"}, {"replace", "/ID", `"x"`}, {"replace", "/", "{}"}, {"replace", "", "{}"},
		{"add", "/credentials/password/config/hashed_password", `"x"`}, {"replace", "/state", `"gone"`}, {"add", "/verifiable_addresses/99999999999", "{}"}, {"remove", "/~2", ""}, {"add", "/credentials//", "[]"}, {"test", "/x", "1"},
	} {
		f.Add(seed[0], seed[1], []byte(seed[2]))
	}
	id, now := uuid.MustParse("11111111-1111-4111-8111-111111111111"), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, op, path string, value []byte) {
		if !json.Valid(value) {
			value = nil
		}
		i := identity.New(id, "default", now)
		i.Traits = json.RawMessage(`{"email":"ann@cardea.test"}`)
		i.Credentials[identity.OIDC] = identity.Credential{Type: identity.OIDC, Identifiers: []string{"acme:ann"}, Config: json.RawMessage(`{"providers":[{"provider":"acme","subject":"ann"}]}`)}
		err := i.Patch([]identity.PatchOperation{{Op: op, Path: path, Value: value}}, anything{}, now.Add(time.Hour), uuid.New)
		if err != nil {
			return
		}
		c := i.Credentials[identity.OIDC]
		if i.ID != id || !i.CreatedAt.Equal(now) || len(c.Identifiers) != 1 || c.Identifiers[0] != "acme:ann" {
			t.Errorf("%s %q %s changes what is protected: %s %v", op, path, value, i.ID, c)
		}
		if i.State != identity.Active && i.State != identity.Inactive {
			t.Errorf("%s %q %s makes the state %q", op, path, value, i.State)
		}
	})
}

// FuzzTOTPKey feeds keys of authenticator apps from other systems.
func FuzzTOTPKey(f *testing.F) {
	for _, seed := range []string{
		"otpauth://totp/Old:ann?secret=JBSWY3DPEHPK3PXP&issuer=Old", "otpauth://totp/?secret=JBSWY3DPEHPK3PXP&digits=8&period=60&algorithm=sha512", "otpauth://hotp/?secret=AA", "otpauth://totp/?secret=", "otpauth://totp?period=-1&secret=AAAA", "", "%", "otpauth://totp/x?secret=AAAAAAAA&digits=99",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		k, err := identity.ParseTOTPKey(uri)
		if err != nil {
			if secret := "JBSWY3DPEHPK3PXP"; strings.Contains(uri, secret) && strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the key: %s", err)
			}
			return
		}
		if k.Digits < 6 || k.Digits > 8 || k.Period < 10 || k.Period > 300 || k.Secret == "" {
			t.Errorf("%q is %+v", uri, k)
		}
	})
}
