package courier

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"sync"
	"time"

	"cardea/internal/config"
)

const (
	// attemptTimeout bounds a whole delivery, however slowly a server drips.
	attemptTimeout = 90 * time.Second
	// acceptFactor times the step timeout is how long a server may take over a mail
	// that it was given completely. Many scan it then, and who gives up too early
	// sends twice (RFC 5321, section 4.5.3.2.6, asks for ten minutes).
	acceptFactor = 6
	// maxIdle is the number of connections that wait for messages.
	maxIdle = 8
)

// mailer sends mail to one server. It keeps connections for a short time, so that
// a batch of messages does not greet and authenticate for each.
type mailer struct {
	endpoint    endpoint
	sender      sender
	dial        Dial
	stepTimeout time.Duration
	idleTimeout time.Duration

	mu     sync.Mutex
	idle   []*connection
	closed bool
}

func (o DeliveryOptions) newMailer(s *config.Snapshot) (*mailer, error) {
	e, err := newEndpoint(s.Courier.SMTP, o.Roots)
	if err != nil {
		return nil, err
	}
	from, err := newSender(s.Courier.SMTP)
	if err != nil {
		return nil, err
	}
	m := &mailer{endpoint: e, sender: from, dial: o.Dial, stepTimeout: o.StepTimeout, idleTimeout: o.IdleTimeout}
	if s.Clients.SMTP.DisallowPrivateIPRanges {
		m.dial = o.DialPublic
	}
	return m, nil
}

// deliver hands a mail to the server. A recipient that is no address and a reply
// of 5xx to the mail are permanent; trouble with the server itself, a wrong
// password included, is not.
func (m *mailer) deliver(ctx context.Context, e Envelope, l Letter) error {
	to, err := parseMailbox(e.Recipient)
	if err != nil {
		return &PermanentError{Cause: err}
	}
	content, err := m.sender.mail(e, to, l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	c, err := m.take(ctx)
	if err != nil {
		return fmt.Errorf("connect to the mail server: %w", err)
	}
	release := c.until(ctx)
	err = c.send(m.sender.from, to, m.sender.copies(), content)
	if alive := release(); err != nil || !alive {
		c.abandon()
	} else {
		m.put(c)
	}
	return err
}

// take gives a connection that answers, or makes one.
func (m *mailer) take(ctx context.Context) (*connection, error) {
	for c := m.pop(); c != nil; c = m.pop() {
		release := c.until(ctx)
		err := c.client.Noop()
		if alive := release(); err == nil && alive {
			return c, nil
		}
		c.abandon()
	}
	return m.connect(ctx)
}

// pop takes the connection that was used last.
func (m *mailer) pop() *connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(m.idle) - 1
	if last < 0 {
		return nil
	}
	c := m.idle[last]
	m.idle = slices.Delete(m.idle, last, last+1)
	c.expiry.Stop()
	return c
}

// put keeps a connection for the next message.
func (m *mailer) put(c *connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.idle) >= maxIdle {
		go c.quit()
		return
	}
	m.idle = append(m.idle, c)
	c.expiry = time.AfterFunc(m.idleTimeout, func() { m.retire(c) })
}

// retire ends a connection, unless it was taken in the same moment.
func (m *mailer) retire(c *connection) {
	m.mu.Lock()
	i := slices.Index(m.idle, c)
	if i >= 0 {
		m.idle = slices.Delete(m.idle, i, i+1)
	}
	m.mu.Unlock()
	if i >= 0 {
		c.quit()
	}
}

// close ends the connections that wait; those in use end after their message.
func (m *mailer) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	for c := m.pop(); c != nil; c = m.pop() {
		c.quit()
	}
}

// refusal makes a server's reply to a mail an error, permanent for 5xx. Replies
// that ask for authentication are about us and not about the mail (RFC 4954).
func refusal(step string, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return fmt.Errorf("%s: %w", step, err)
	}
	told := fmt.Errorf("%s: the mail server answered %d %s", step, reply.Code, excerpt(reply.Msg))
	switch reply.Code {
	case 530, 534, 535, 538:
		return told
	}
	if reply.Code >= 500 {
		return &PermanentError{Cause: told, NoMailbox: step == recipientStep && nowhereCodes.MatchString(reply.Msg)}
	}
	return told
}

// recipientStep is the command that names the recipient.
const recipientStep = "RCPT"

// nowhereCodes are the enhanced status codes with which a reply says that there is no
// such mailbox, or none any more (RFC 3463, section 3.2 and 3.3; RFC 7505 for 5.1.10).
// Replies without one may be about anything: the sender, a list, a relay.
var nowhereCodes = regexp.MustCompile(`^5\.(1\.1|1\.6|1\.10|2\.1)\b`)

// maxExcerpt is how much of a reply an error quotes, in characters.
const maxExcerpt = 200

func excerpt(s string) string {
	if runes := []rune(oneLine(s)); len(runes) > maxExcerpt {
		return string(runes[:maxExcerpt])
	}
	return oneLine(s)
}
