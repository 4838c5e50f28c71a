package courier

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxMailbox is the length of an address in characters: 64 for the local part,
// 255 for the domain and the @ (RFC 5321, section 4.5.3.1).
const maxMailbox = 320

var errRecipient = errors.New("nothing can be delivered to the recipient's address")

// mailbox is an address that mail is delivered to.
type mailbox struct {
	local, domain string // the domain as it is in the DNS
	quoted        bool   // the local part has to be quoted, in the envelope too
}

// parseMailbox takes addresses of RFC 5322 without a display name, and those that
// are none only because of their dots: providers have given such addresses out
// (a..b@example.org), and deliver to them.
func parseMailbox(s string) (mailbox, error) {
	if utf8.RuneCountInString(s) > maxMailbox || strings.ContainsFunc(s, unicode.IsControl) {
		return mailbox{}, errRecipient
	}
	m := mailbox{}
	if parsed, err := mail.ParseAddress(s); err == nil && (parsed.Address == s || strings.HasPrefix(s, `"`)) && parsed.Name == "" {
		i := strings.LastIndexByte(parsed.Address, '@')
		m.local, m.domain = parsed.Address[:i], parsed.Address[i+1:]
		m.quoted = strings.HasPrefix(s, `"`)
	} else if i := strings.LastIndexByte(s, '@'); i > 0 {
		m.local, m.domain = s[:i], s[i+1:]
	}
	if m.local == "" || !m.quoted && strings.ContainsFunc(m.local, notAtext) {
		return mailbox{}, errRecipient
	}
	ascii, err := idna.Lookup.ToASCII(m.domain)
	if err != nil || ascii == "" || strings.ContainsAny(ascii, " <>[]()\"\\,;:@") {
		return mailbox{}, errRecipient
	}
	m.domain = ascii
	return m, nil
}

// notAtext finds what an unquoted local part cannot have, dots aside (RFC 5322,
// section 3.2.3, and RFC 6532 for letters outside of ASCII).
func notAtext(r rune) bool {
	if r >= utf8.RuneSelf {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
}

// path is the address in the commands of SMTP (RFC 5321, section 4.1.2).
func (m mailbox) path() string {
	local := m.local
	if m.quoted {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	return "<" + local + "@" + m.domain + ">"
}

// header is the address in a header, where a local part with odd dots is quoted.
func (m mailbox) header(name string) *mail.Address {
	return &mail.Address{Name: name, Address: m.local + "@" + m.domain}
}

// international says whether the envelope needs SMTPUTF8 (RFC 6531).
func (m mailbox) international() bool {
	return strings.ContainsFunc(m.local, func(r rune) bool { return r >= utf8.RuneSelf })
}
