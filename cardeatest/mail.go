package cardeatest

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Mail is a message that the server has written, sent or not.
type Mail struct {
	Recipient string `json:"recipient"`
	Template  string `json:"template_type"`
	Channel   string `json:"channel"`
	Subject   string `json:"subject"`
	Body      string `json:"body"`
}

var (
	sixDigits = regexp.MustCompile(`\b\d{6}\b`)
	address   = regexp.MustCompile(`https?://[^\s"<>]+`)
)

// Code is the one-time code in the message, "" for none.
func (m Mail) Code() string {
	return sixDigits.FindString(address.ReplaceAllString(m.Body, ""))
}

// Link is the first address below the server in the message, "" for none.
func (m Mail) Link() string { return address.FindString(m.Body) }

// Mails are the messages to a recipient, oldest first. A message is there as soon
// as the answer that it belongs to.
func (s *Server) Mails(recipient string) []Mail {
	s.t.Helper()
	a := s.Client(Native).Get(s.AdminURL + "/admin/courier/messages?" + url.Values{"recipient": {recipient}}.Encode())
	var all []Mail
	if err := json.Unmarshal(a.Body, &all); a.Status != 200 || err != nil {
		s.t.Fatalf("read the messages: %d %s (%v)", a.Status, a.Body, err)
	}
	slices.Reverse(all)
	return all
}

// LastMail is the newest message to a recipient; there has to be one.
func (s *Server) LastMail(recipient string) Mail {
	s.t.Helper()
	all := s.Mails(recipient)
	if len(all) == 0 {
		s.t.Fatalf("no message to %s", recipient)
	}
	return all[len(all)-1]
}

// WrongCode is a code that is not the given one.
func WrongCode(code string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
}
