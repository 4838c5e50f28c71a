package courier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"cardea/internal/config"
)

// Ports of mail submission (RFC 8314, section 3), for addresses without one.
const (
	submissionPort    = "587"
	submissionTLSPort = "465"
)

// endpoint is a mail server and how to talk to it.
type endpoint struct {
	host, address  string // address is host:port
	user, password string // no user: no authentication
	localName      string
	implicitTLS    bool // from the first byte (RFC 8314)
	startTLS       bool // required before anything else
	tls            *tls.Config
}

var errNoServer = errors.New("courier.smtp.connection_uri is not set")

// newEndpoint reads courier.smtp.connection_uri. Its errors do not quote it,
// because there is a password in it.
func newEndpoint(c config.SMTP, roots *x509.CertPool) (endpoint, error) {
	if c.ConnectionURI == "" {
		return endpoint{}, errNoServer
	}
	u, err := url.Parse(c.ConnectionURI)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return endpoint{}, errors.New("courier.smtp.connection_uri has to be smtp://user:password@host:port or smtps://…, with special characters percent-encoded")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"smtp": submissionPort, "smtps": submissionTLSPort}[u.Scheme]
	}
	q := u.Query() // legacy_ssl is known from old samples and means nothing
	e := endpoint{
		host: u.Hostname(), address: net.JoinHostPort(u.Hostname(), port), localName: c.LocalName,
		implicitTLS: u.Scheme == "smtps", startTLS: u.Scheme == "smtp" && !isTrue(q, "disable_starttls"),
		tls: &tls.Config{
			MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), RootCAs: roots,
			InsecureSkipVerify: isTrue(q, "skip_ssl_verify"), //nolint:gosec // the operator's explicit choice
		},
	}
	if u.User != nil {
		e.user = u.User.Username()
		e.password, _ = u.User.Password()
	}
	if e.localName == "" {
		e.localName = "localhost"
	}
	if name := q.Get("server_name"); name != "" {
		e.tls.ServerName = name
	}
	if c.ClientCertPath != "" || c.ClientKeyPath != "" {
		pair, err := tls.LoadX509KeyPair(c.ClientCertPath, c.ClientKeyPath)
		if err != nil {
			return endpoint{}, fmt.Errorf("courier.smtp.client_cert_path and client_key_path: %w", err)
		}
		e.tls.Certificates = []tls.Certificate{pair}
	}
	return e, nil
}

func isTrue(q url.Values, key string) bool { return strings.EqualFold(q.Get(key), "true") }

// sender is what the configuration adds to every mail.
type sender struct {
	from    mailbox
	name    string
	headers map[string]string // by canonical name, without those below
	replyTo []*mail.Address
	cc, bcc []*mail.Address
}

// ours are the headers that a configuration cannot set: they belong to the
// message or have a key of their own.
func ours() []string {
	return []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Auto-Submitted"}
}

func newSender(c config.SMTP) (sender, error) {
	from, err := parseMailbox(c.FromAddress)
	if err != nil {
		return sender{}, errors.New("courier.smtp.from_address is not an address")
	}
	s := sender{from: from, name: c.FromName, headers: map[string]string{}}
	for name, value := range c.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		key := "courier.smtp.headers, " + canonical
		addresses := map[string]*[]*mail.Address{"Reply-To": &s.replyTo, "Cc": &s.cc, "Bcc": &s.bcc}
		switch list, ok := addresses[canonical]; {
		case !headerName(name) || strings.ContainsFunc(value, unicode.IsControl):
			return sender{}, errors.New("courier.smtp.headers: not the name and value of a header")
		case slices.Contains(ours(), canonical) || strings.HasPrefix(canonical, "Content-"):
			return sender{}, fmt.Errorf("%s: this header cannot be set", key)
		case ok:
			if *list, err = mail.ParseAddressList(value); err != nil {
				return sender{}, fmt.Errorf("%s: not a list of addresses", key)
			}
		default:
			s.headers[canonical] = value
		}
	}
	return s, nil
}

// headerName says whether a header can have the name (RFC 5322, section 2.2).
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' })
}

// copies are the addresses that get every mail besides the recipient.
func (s sender) copies() []mailbox {
	var out []mailbox
	for _, a := range slices.Concat(s.cc, s.bcc) {
		if m, err := parseMailbox(a.Address); err == nil {
			out = append(out, m)
		}
	}
	return out
}
