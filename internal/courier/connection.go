package courier

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"cardea/internal/clock"
)

var (
	errNoStartTLS = errors.New("the mail server does not offer STARTTLS, and smtp:// requires it; smtps:// encrypts from the start, disable_starttls=true does not encrypt")
	errNoSMTPUTF8 = errors.New("the mail server does not take addresses with letters outside of ASCII")
)

// connection is a greeted, encrypted and authenticated SMTP connection, between
// two mails.
type connection struct {
	client *smtp.Client
	wire   *patientConn
	step   time.Duration
	expiry *time.Timer // of the wait for the next message
}

// patientConn waits a limited time for every read and write. The deadlines are
// the kernel's, so they are reckoned from the system's clock.
type patientConn struct {
	net.Conn
	patience atomic.Int64 // time.Duration
}

func (c *patientConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(c.limit()); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(c.limit()); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *patientConn) limit() time.Time {
	return clock.System{}.Now().Add(time.Duration(c.patience.Load()))
}

// connect dials, encrypts and authenticates.
func (m *mailer) connect(ctx context.Context) (*connection, error) {
	dialing, cancel := context.WithTimeout(ctx, m.stepTimeout)
	defer cancel()
	raw, err := m.dial(dialing, "tcp", m.endpoint.address)
	if err != nil {
		return nil, err
	}
	c := &connection{wire: &patientConn{Conn: raw}, step: m.stepTimeout}
	c.wire.patience.Store(int64(c.step))
	release := c.until(ctx)
	err = c.greet(m.endpoint)
	if alive := release(); err == nil && !alive {
		err = ctx.Err()
	}
	if err != nil {
		c.abandon()
		return nil, err
	}
	return c, nil
}

// greet goes from an open connection to one that takes mail.
func (c *connection) greet(e endpoint) error {
	var conn net.Conn = c.wire
	if e.implicitTLS {
		encrypted := tls.Client(c.wire, e.tls)
		if err := encrypted.Handshake(); err != nil {
			return err
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, e.host)
	if err != nil {
		return err
	}
	if err := client.Hello(e.localName); err != nil {
		return err
	}
	if e.startTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return errNoStartTLS
		}
		if err := client.StartTLS(e.tls); err != nil {
			return err
		}
	}
	c.client = client
	return c.authenticate(e)
}

// authenticate proves who we are, if there is a user and the server asks for it.
func (c *connection) authenticate(e endpoint) error {
	ok, offered := c.client.Extension("AUTH")
	if e.user == "" || !ok {
		return nil // who wants to know will refuse the mail
	}
	mechanisms := strings.Fields(offered)
	for _, a := range authentications(e) {
		if !slices.Contains(mechanisms, a.mechanism) {
			continue
		}
		err := c.client.Auth(a.auth)
		var reply *textproto.Error
		if errors.As(err, &reply) {
			// Its text can repeat what it was sent.
			return fmt.Errorf("the mail server refused the user or password of courier.smtp.connection_uri (%d)", reply.Code)
		}
		return err
	}
	return fmt.Errorf("the mail server offers no way to authenticate that is known here: %s", excerpt(offered))
}

// authentication is a SASL mechanism.
type authentication struct {
	mechanism string
	auth      smtp.Auth
}

// authentications are the mechanisms in the order of preference. On a connection
// that is not encrypted, which the operator has asked for, those that do not show
// the password come first.
func authentications(e endpoint) []authentication {
	unencrypted := !e.implicitTLS && !e.startTLS
	hidden := []authentication{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(e.user, e.password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(e.user, e.password)},
	}
	shown := []authentication{
		{"PLAIN", smtp.PlainAuth("", e.user, e.password, e.host, unencrypted)},
		{"LOGIN", smtp.LoginAuth(e.user, e.password, e.host, unencrypted)},
	}
	if unencrypted {
		return append(hidden, shown...)
	}
	return append(shown, hidden...)
}

// send goes through one mail transaction. A recipient of copies that is refused
// does not keep the mail from its recipient.
func (c *connection) send(from, to mailbox, copies []mailbox, content []byte) error {
	international := from.international() || to.international()
	if ok, _ := c.client.Extension("SMTPUTF8"); international && !ok {
		return &PermanentError{Cause: errNoSMTPUTF8}
	}
	c.client.SkipSMTPUTF8(!international)
	if err := c.client.Mail(from.path()); err != nil {
		return refusal("MAIL", err)
	}
	if err := c.client.Rcpt(to.path()); err != nil {
		return refusal(recipientStep, err)
	}
	for _, m := range copies {
		var reply *textproto.Error
		if err := c.client.Rcpt(m.path()); err != nil && !errors.As(err, &reply) {
			return refusal("RCPT", err)
		}
	}
	data, err := c.client.Data()
	if err != nil {
		return refusal("DATA", err)
	}
	if _, err := data.Write(content); err != nil {
		return refusal("DATA", err)
	}
	c.wire.patience.Store(int64(acceptFactor * c.step))
	defer c.wire.patience.Store(int64(c.step))
	if err := data.Close(); err != nil {
		return refusal("DATA", err)
	}
	return nil
}

// until breaks the connection when ctx ends. What it returns ends that, and says
// whether the connection still stands.
func (c *connection) until(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, c.abandon)
}

// quit takes leave.
func (c *connection) quit() {
	_ = c.client.Quit()
	c.abandon()
}

// abandon closes without a word: after an error nobody knows what the server
// would make of one.
func (c *connection) abandon() { _ = c.wire.Close() }
