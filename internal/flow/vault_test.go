package flow_test

import (
	"crypto/rand"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

func TestWhatCredentialsKeepOutlivesTheSecretsOfCookies(t *testing.T) {
	owner := uuid.New()
	for name, c := range map[string]struct {
		before, after string
		opens         bool
	}{
		"another secret for cookies": {
			"secrets: {cookie: [the-first-secret-for-cookies]}", "secrets: {cookie: [the-second-secret-for-cookies]}", true,
		},
		"a secret for credentials comes": {"", "secrets: {cipher: [a-cipher-secret-of-32-bytes-long]}", true},
		"a secret for credentials comes, others go": {
			"secrets: {cipher: [a-cipher-secret-of-32-bytes-long]}",
			"secrets: {default: [quite-another-secret-for-tests], cipher: [a-new-cipher-secret-32-byte-long, a-cipher-secret-of-32-bytes-long]}", true,
		},
		"nothing is left": {"", "secrets: {default: [quite-another-secret-for-tests]}", false},
	} {
		sealed, err := compile(t, c.before).Vault(rand.Reader).Seal(identity.ProviderToken, owner, "a token")
		if err != nil {
			t.Fatal(err)
		}
		text, ok := compile(t, c.after).Vault(nil).Open(identity.ProviderToken, owner, sealed)
		if ok != c.opens || ok && text != "a token" {
			t.Errorf("%s: opens %v, want %v", name, ok, c.opens)
		}
	}
}
