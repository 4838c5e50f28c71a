package totp_test

import (
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/method/totp"
)

func TestAPhoneReadsTheKeyThatIsShown(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		c := newServer(t, "").Client(k)
		c.SignUp("ann@ex.org", cardeatest.Password)
		form := c.Start("settings", "").Answer
		src, _ := form.Node("totp_qr").Attributes["src"].(string)
		text, err := cardeatest.ReadQR(src)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != secretOf(t, form) || u.Query().Get("issuer") != "Wombats" {
			t.Errorf("the picture says %q: %v", text, err)
		}
	})
}

// The picture is read by a decoder that shares nothing with what draws it.
func TestThePictureReadsAsTheKey(t *testing.T) {
	for _, size := range []int{1, 20, 40, 60, 100} {
		text := "otpauth://totp/Wombats:" + strings.Repeat("a", size) + "?algorithm=SHA1&digits=6&issuer=Wombats&period=30&secret=" + strings.Repeat("A", 32)
		if got, err := cardeatest.ReadQR(totp.Picture(text)); err != nil || got != text {
			t.Errorf("a name of %d characters: read %q: %v", size, got, err)
		}
	}
}
