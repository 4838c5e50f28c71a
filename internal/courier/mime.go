package courier

import (
	"bytes"
	"fmt"
	"net/mail"

	gomail "github.com/wneessen/go-mail"
)

// mail writes a letter as it goes over the wire: multipart/alternative, the plain
// text first (RFC 2046, section 5.1.4). Every attempt to send a message has the
// same id and date, so that a mail that came twice can be told from two mails.
func (s sender) mail(e Envelope, to mailbox, l Letter) ([]byte, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	m.FromMailAddress(s.from.header(s.name))
	if recipient := to.header(""); isAddrSpec(recipient.Address) {
		m.SetGenHeader("To", recipient.Address) // as it is shown, without angle brackets
	} else {
		m.ToMailAddress(recipient)
	}
	if len(s.cc) > 0 {
		m.CcMailAddress(s.cc...)
	}
	if len(s.replyTo) > 0 {
		m.ReplyToMailAddress(s.replyTo...)
	}
	m.Subject(oneLine(l.Subject)) // the one place where it becomes a header
	m.SetDateWithValue(e.CreatedAt)
	m.SetMessageIDWithValue(e.ID.String() + "@" + s.from.domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no absence notices, please
	for name, value := range s.headers {
		m.SetGenHeader(gomail.Header(name), value)
	}
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	if l.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err)
	}
	return b.Bytes(), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isAddrSpec says whether an address may stand alone: in ASCII, and a dot-atom
// before the "@" (RFC 5322, section 3.4.1).
func isAddrSpec(address string) bool {
	bare, err := mail.ParseAddress(address)
	return err == nil && bare.Address == address && isASCII(address)
}
