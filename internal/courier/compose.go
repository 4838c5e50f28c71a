package courier

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/flow"
	"cardea/internal/identity"
)

// maxSubject is the length of a subject in characters.
const maxSubject = 200

// Composer renders messages and seals them for the outbox. It is the
// flow.Composer of the server.
type Composer struct {
	// Templates gives those of the configuration in force.
	Templates func() *Templates
	Clock     clock.Clock
	Rand      io.Reader
	// Report is told of HTML bodies that failed; the message goes out with its
	// plain text alone.
	Report func(ctx context.Context, err error)
}

var _ flow.Composer = (*Composer)(nil)

// Compose renders a message for its recipient. A recipient that nothing can be
// sent to is an error, and so is a message that the contract does not have.
func (c *Composer) Compose(ctx context.Context, s *flow.Setup, o flow.Outgoing) (flow.Message, error) {
	if err := checkRecipient(o.Channel, o.Recipient); err != nil {
		return flow.Message{}, err
	}
	letter, withoutHTML, err := c.Templates().letter(ctx, o)
	if err != nil {
		return flow.Message{}, err
	}
	if withoutHTML != nil {
		c.Report(ctx, withoutHTML)
	}
	id, err := uuid.NewRandomFromReader(c.Rand)
	if err != nil {
		return flow.Message{}, fmt.Errorf("draw the id of a message: %w", err)
	}
	sealed, err := Seal(s.Keys, c.Rand, id, letter)
	if err != nil {
		return flow.Message{}, fmt.Errorf("seal a message: %w", err)
	}
	return flow.Message{
		ID: id, Template: o.Template, Channel: o.Channel, Recipient: o.Recipient,
		Sealed: sealed, CreatedAt: c.Clock.Now(),
	}, nil
}

// checkRecipient refuses what could not be delivered to, before it is stored.
func checkRecipient(c identity.Channel, recipient string) error {
	if c == identity.Email {
		_, err := parseMailbox(recipient)
		return err
	}
	if recipient == "" || strings.ContainsFunc(recipient, unicode.IsControl) {
		return errRecipient
	}
	return nil
}

// letter renders a message. An HTML body that fails is told apart, because the
// message can do without it.
func (t *Templates) letter(ctx context.Context, o flow.Outgoing) (l Letter, withoutHTML, err error) {
	k, ok := t.kinds[o.Template]
	fields := k.fields(o.Channel)
	if !ok || fields == nil {
		return Letter{}, nil, fmt.Errorf("there is no message %q over the channel %q", o.Template, o.Channel)
	}
	root, data, err := values(fields, t.withDerived(o))
	if err != nil {
		return Letter{}, nil, err
	}
	said, spoken := t.in(o.Locale)
	root[productField], root[wordsField] = t.product, said
	l = Letter{Data: data}
	if k.headers {
		root[headersField], l.Headers = o.Headers, o.Headers
	}
	for _, p := range parts(o.Channel) {
		rendered, err := t.render(ctx, place{k.name, p}, t.texts[place{k.name, p}].in(o.Locale, spoken), root)
		switch {
		case err != nil && p == htmlPart && ctx.Err() == nil:
			withoutHTML = err
		case err != nil:
			return Letter{}, nil, err
		case p == subjectPart:
			l.Subject = oneLine(rendered)
		case p == htmlPart:
			l.HTML = rendered
		default:
			l.Text = strings.TrimSpace(rendered)
		}
	}
	return l, withoutHTML, nil
}

func (t *Templates) render(ctx context.Context, at place, source executable, root map[string]any) (string, error) {
	if source == nil {
		return "", fmt.Errorf("the message %s has no %s", at.kind, at.part)
	}
	out, err := execute(ctx, source, root)
	if err != nil {
		return "", fmt.Errorf("render the message %s: %w", at.kind, err)
	}
	return out, nil
}

// oneLine makes a header value of a rendered subject: what could begin another
// header (RFC 5322, section 2.2) or turn the reading direction is taken out.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxSubject {
		return string(runes[:maxSubject])
	}
	return s
}
