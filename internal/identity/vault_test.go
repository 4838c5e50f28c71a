package identity_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/secret"
)

// vault is a vault whose first secret writes; more are read.
func vault(t *testing.T, secrets ...string) identity.Vault {
	t.Helper()
	keys, err := secret.NewKeyring(append(secrets, "a-secret-of-some-length")...)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Vault{Keys: keys, Rand: rand.Reader}
}

// enrolled is an account with an authenticator app and two backup codes.
func enrolled(t *testing.T, n uint64) *identity.Identity {
	t.Helper()
	i := &identity.Identity{ID: id(n)}
	if err := i.SetTOTPApps(vault(t), identity.TOTPApp{URL: "otpauth://totp/x?secret=JBSWY3DP", LastStep: 7}); err != nil {
		t.Fatal(err)
	}
	if err := i.SetLookupCodes(vault(t), []identity.LookupCode{{Code: "firstone", UsedAt: &born}, {Code: "other"}}); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestRowsShowNoSecondFactor(t *testing.T) {
	i := enrolled(t, 1)
	stored := fmt.Sprintf("%s %s", i.Credentials[identity.TOTP].Config, i.Credentials[identity.LookupSecret].Config)
	for _, secret := range []string{"otpauth", "JBSWY3DP", "firstone", "other"} {
		if strings.Contains(stored, secret) {
			t.Errorf("the row shows %s", secret)
		}
	}
}

func TestSecondFactorsOpenForTheirOwner(t *testing.T) {
	i := enrolled(t, 1)
	if d := cmp.Diff([]identity.TOTPApp{{URL: "otpauth://totp/x?secret=JBSWY3DP", LastStep: 7}}, i.TOTPApps(vault(t))); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]identity.LookupCode{{Code: "firstone", UsedAt: &born}, {Code: "other"}}, i.LookupCodes(vault(t))); d != "" {
		t.Error(d)
	}
}

func TestSecondFactorsDoNotOpenInAnotherAccount(t *testing.T) {
	thief := &identity.Identity{ID: id(2), Credentials: enrolled(t, 1).Credentials}
	if apps := thief.TOTPApps(vault(t)); len(apps) > 0 {
		t.Errorf("apps: %d", len(apps))
	}
	for _, c := range thief.LookupCodes(vault(t)) {
		if c.Code != "" {
			t.Error("a backup code opened")
		}
	}
}

func TestSecondFactorsMoveToANewSecretWhenTheyAreWritten(t *testing.T) {
	const fresh = "another-secret-of-length"
	i, both := enrolled(t, 1), vault(t, fresh)
	if err := i.SetTOTPApps(both, i.TOTPApps(both)...); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeyring(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if apps := i.TOTPApps(identity.Vault{Keys: keys}); len(apps) != 1 {
		t.Error("the app is lost with the old secret")
	}
}

func TestSecondFactorsCountWhileTheyAreThere(t *testing.T) {
	i := enrolled(t, 1)
	for _, ct := range []identity.CredentialType{identity.TOTP, identity.LookupSecret} {
		if !i.Credentials[ct].Usable() {
			t.Errorf("%s does not count", ct)
		}
	}
	if err := i.SetTOTPApps(vault(t)); err != nil {
		t.Fatal(err)
	}
	if err := i.SetLookupCodes(vault(t), nil); err != nil {
		t.Fatal(err)
	}
	if len(i.Credentials) > 0 {
		t.Errorf("left: %v", i.Credentials)
	}
}

func TestTOTPKeysOfOtherSystems(t *testing.T) {
	for uri, want := range map[string]identity.TOTPKey{
		"otpauth://totp/x?secret=JBSWY3DP":                                       {Secret: "JBSWY3DP", Algorithm: "SHA1", Digits: 6, Period: 30},
		"otpauth://totp/x?secret=jbswy3dpeh%3D%3D%3D&algorithm=sha256":           {Secret: "JBSWY3DPEH", Algorithm: "SHA256", Digits: 6, Period: 30},
		"otpauth://totp/x:y?secret=JBSWY3DP&algorithm=SHA512&digits=8&period=60": {Secret: "JBSWY3DP", Algorithm: "SHA512", Digits: 8, Period: 60},
		" otpauth://totp/x?secret=JBSWY3DP&issuer=z&image=https://ex.org/logo ":  {Secret: "JBSWY3DP", Algorithm: "SHA1", Digits: 6, Period: 30},
	} {
		got, err := identity.ParseTOTPKey(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", uri, d)
		}
	}
}

func TestARefusedTOTPKeyIsNotRepeated(t *testing.T) {
	_, err := identity.ParseTOTPKey("otpauth://totp/x?secret=JBSWY3DP&digits=99")
	if err == nil || strings.Contains(fmt.Sprintf("%+v %v", err, err), "JBSWY3DP") {
		t.Error(err)
	}
	_, err = identity.ParseTOTPKey("otpauth://totp/%zz?secret=JBSWY3DP")
	if err == nil || strings.Contains(fmt.Sprintf("%+v %v", err, err), "JBSWY3DP") {
		t.Error(err)
	}
}

func TestAnImportedZeroTimeOfUseIsNone(t *testing.T) {
	i := &identity.Identity{ID: id(1)}
	if err := bring(t, i, identity.Imports{LookupSecret: []identity.LookupCode{{Code: "c", UsedAt: &time.Time{}}}}); err != nil {
		t.Fatal(err)
	}
	if codes := i.LookupCodes(vault(t)); codes[0].UsedAt != nil {
		t.Error("it counts as used")
	}
}
