package schema

import (
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/net/idna"

	"cardea/internal/identity"
)

// lateFormats are asserted beside the other keywords, so that a value that is
// both malformed and too short is told so twice. The validator library stops
// at a failed format of its own.
var lateFormats = map[string]func(string) error{
	"email":       checkEmail,
	"email_loose": checkLooseEmail,
	"tel":         func(s string) error { _, err := identity.StrictPhone(s); return err },
}

// otherFormats are those that the library does not know or knows by another name.
var otherFormats = map[string]func(string) error{
	"ip-address": func(s string) error {
		addr, err := netip.ParseAddr(s)
		if err == nil && !addr.Is4() {
			return errors.New("not an IPv4 address")
		}
		return err
	},
	"uriref": func(s string) error { _, err := url.Parse(s); return err },
}

// looseFormats are known to the library, but identity schemas have always had
// them as mere notes; asserting them would shut out existing people.
var looseFormats = []string{"uuid", "duration", "period", "semver", "no-validate"}

// registerFormats makes the compiler's formats those of identity schemas. A
// format that nobody knows is ignored.
func registerFormats(c *jsonschema.Compiler) {
	pass := func(any) error { return nil }
	for name := range lateFormats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: pass})
	}
	for _, name := range looseFormats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: pass})
	}
	for name, check := range otherFormats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}})
	}
	c.AssertFormat()
	c.AssertContent()
}

// Validate asserts a late format.
func (f *facts) Validate(ctx *jsonschema.ValidatorContext, v any) {
	s, ok := v.(string)
	if f.check == nil || !ok {
		return
	}
	if err := f.check(s); err != nil {
		ctx.AddError(&kind.Format{Got: v, Want: f.format, Err: err})
	}
}

var errEmailFormat = errors.New("not an e-mail address")

// checkEmail is the format "email": an address of RFC 5322 within the lengths
// of RFC 5321 section 4.5.3.1, at an ASCII host name.
func checkEmail(s string) error {
	local, domain, ok := cutLast(s, '@')
	if !ok || len(s) > 254 || len(local) > 64 || !hostname(domain) {
		return errEmailFormat
	}
	return mailbox(s)
}

// LooseEmail says whether a text could be an e-mail address, by the generous
// rule for addresses that are only looked up.
func LooseEmail(s string) bool { return checkLooseEmail(s) == nil }

// checkLooseEmail is the format "email_loose": any local part, an international
// domain, at most 320 characters.
func checkLooseEmail(s string) error {
	local, domain, ok := cutLast(s, '@')
	if !ok || local == "" || utf8.RuneCountInString(s) > 320 {
		return errEmailFormat
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !hostname(ascii) {
		return errEmailFormat
	}
	return mailbox(s)
}

// mailbox wants the whole text to be one bare address.
func mailbox(s string) error {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || strings.ContainsAny(s, "<>") {
		return errEmailFormat
	}
	return nil
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// hostname follows RFC 1123 section 2.1: letters, digits and inner hyphens.
func hostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i] | 0x20
			if !(c >= 'a' && c <= 'z' || label[i] >= '0' && label[i] <= '9' || label[i] == '-') {
				return false
			}
		}
	}
	return true
}
