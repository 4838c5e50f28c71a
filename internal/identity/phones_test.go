package identity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
)

func TestPhoneNumbersGetTheFormTheyAreLookedUpBy(t *testing.T) {
	const written, form = "+49 (0)151 234-567 89", "+4915123456789"
	i := &identity.Identity{
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Code:     {Identifiers: []string{written, "Ann@Cardea.test"}},
			identity.Password: {Identifiers: []string{"12345"}},
			identity.OIDC:     {Identifiers: []string{"acme:" + written}},
		},
		VerifiableAddresses: []identity.VerifiableAddress{{Via: identity.SMS, Value: written}, {Via: identity.Email, Value: written}},
		RecoveryAddresses:   []identity.RecoveryAddress{{Via: identity.SMS, Value: form}},
	}
	if n := identity.NormalizePhones(i); n != 2 {
		t.Errorf("%d values changed, want 2", n)
	}
	got := []any{
		i.Credentials[identity.Code].Identifiers, i.Credentials[identity.Password].Identifiers, i.Credentials[identity.OIDC].Identifiers,
		i.VerifiableAddresses[0].Value, i.VerifiableAddresses[1].Value, i.RecoveryAddresses[0].Value,
	}
	if diff := cmp.Diff([]any{[]string{form, "Ann@Cardea.test"}, []string{"12345"}, []string{"acme:" + written}, form, written, form}, got); diff != "" {
		t.Error(diff)
	}
	if n := identity.NormalizePhones(i); n != 0 {
		t.Errorf("a second time %d values changed", n)
	}
}
