package webauthn_test

import (
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/method/webauthn"
)

// FuzzAnswers feeds what browsers send to the decoders: JSON, base64url, CBOR and COSE.
// Nothing that anybody sends may end the process, and nothing long is even looked at.
func FuzzAnswers(f *testing.F) {
	k := cardeatest.NewAuthenticator(f, origin)
	options := `{"publicKey":{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","rp":{"id":"cardea.test"},"rpId":"cardea.test","user":{"id":"AAAA"}}}`
	f.Add(k.Create(options))
	f.Add(k.Get(options))
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"attestationObject":"n____w","clientDataJSON":"e30"}}`)
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"authenticatorData":"","clientDataJSON":"e30","signature":"","userHandle":null}}`)
	f.Add(strings.Repeat("[", 100_000))
	f.Fuzz(func(t *testing.T, text string) {
		attestation, assertion := webauthn.Readable(text)
		if len(text) > webauthn.MaxAnswer && (attestation || assertion) {
			t.Errorf("an answer of %d bytes was read", len(text))
		}
	})
}

func TestModelsHaveNames(t *testing.T) {
	for _, c := range []struct {
		name   string
		aaguid []byte
		want   string
	}{
		{"known", []byte{0xd5, 0x48, 0x82, 0x6e, 0x79, 0xb4, 0xdb, 0x40, 0xa3, 0xd8, 0x11, 0x11, 0x6f, 0x7e, 0x83, 0x49}, "Bitwarden"},
		{"hidden", make([]byte, 16), ""},
		{"unknown", []byte("0123456789abcdef"), ""},
		{"none", nil, ""},
	} {
		if got := webauthn.ModelName(c.aaguid); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
