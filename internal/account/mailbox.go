package account

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// Mailbox is what was sent to anybody. It is read in development mode only, by the
// developer whose server it is.
type Mailbox interface {
	// Letters are the newest, newest first.
	Letters(ctx context.Context, limit int) ([]Letter, error)
	// Letter finds one; problem.ErrNotFound.
	Letter(ctx context.Context, id uuid.UUID) (Letter, error)
}

// Letter is a message as it was, or will be, sent.
type Letter struct {
	ID       uuid.UUID
	To       string
	Subject  string // "" for text messages
	Text     string
	HTML     string // a whole document; "" for none
	Template string
	Status   string
	At       time.Time
}

// MailboxPath is where the mailbox is, below the public URL.
const MailboxPath = "/mailbox"

// newestLetters is how many letters the mailbox lists.
const newestLetters = 50

// mailboxOpen says whether this configuration has a mailbox. It opens every account
// to whoever can reach it, so development mode is asked for here once more.
func mailboxOpen(set *flow.Setup) bool {
	return set.Dev && set.Cardea.Development.Mailbox
}

// letterPolicy lets the HTML of a letter show itself and nothing else: no scripts,
// no forms, an origin of its own.
const letterPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
	"img-src data: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// mailboxPage is what the template of the mailbox gets: a list or one letter.
type mailboxPage struct {
	frame
	Text    string
	Letters []letterLine
	Letter  *letterView
	Links   []link
}

// letterLine is a letter in the list.
type letterLine struct{ Href, Subject, To, Time, Value string }

// letterView is one letter.
type letterView struct {
	Facts  []fact
	Text   string
	Links  []link // places of ours that the text names
	Source string // where its HTML is, "" for none
	Label  string // of the HTML, for those who do not see it
}

// mail lists the letters, or shows one of them.
func (p *Pages) mail(v *visit) error {
	named := v.query.Get("letter")
	if named == "" {
		return p.letters(v)
	}
	id, err := uuid.Parse(named)
	if err != nil {
		return problem.ErrNotFound
	}
	l, err := p.mailbox.Letter(v.request.Context(), id)
	if err != nil {
		return err
	}
	if v.query.Get("part") == "html" {
		return v.showHTML(l)
	}
	return p.letter(v, l)
}

func (p *Pages) letters(v *visit) error {
	list, err := p.mailbox.Letters(v.request.Context(), newestLetters)
	if err != nil {
		return err
	}
	view := mailboxPage{
		frame: p.frame(v, v.words.Text("mailbox.title")), Text: v.words.Text("mailbox.text"),
		Links: []link{{Href: v.mailAddress(uuid.Nil, ""), Text: v.words.Text("mailbox.again"), Button: true}},
	}
	if len(list) == 0 {
		view.Text = v.words.Text("mailbox.empty")
	}
	for _, l := range list {
		line := letterLine{Href: v.mailAddress(l.ID, ""), Subject: l.Subject, To: l.To}
		if line.Subject == "" {
			line.Subject = l.Template
		}
		line.Time, line.Value = l.At.Format(time.RFC3339), v.spell(l.At)
		view.Letters = append(view.Letters, line)
	}
	return p.renderMail(v, view)
}

func (p *Pages) letter(v *visit, l Letter) error {
	heading := l.Subject
	if heading == "" {
		heading = l.Template
	}
	shown := &letterView{
		Text: l.Text, Links: v.ours(l.Text), Label: v.words.Text("mailbox.html"),
		Facts: []fact{
			{Name: v.words.Text("mailbox.to"), Value: l.To},
			{Name: v.words.Text("mailbox.at"), Value: v.spell(l.At), Time: l.At.Format(time.RFC3339)},
			{Name: v.words.Text("mailbox.template"), Value: l.Template},
			{Name: v.words.Text("mailbox.status"), Value: l.Status},
		},
	}
	if l.HTML != "" {
		shown.Source = v.mailAddress(l.ID, "html")
	}
	return p.renderMail(v, mailboxPage{
		frame: p.frame(v, heading), Letter: shown,
		Links: []link{{Href: v.mailAddress(uuid.Nil, ""), Text: v.words.Text("mailbox.back"), Button: true}},
	})
}

// renderMail lets the page frame a letter, which other pages may not do.
func (p *Pages) renderMail(v *visit, view mailboxPage) error {
	v.Header().Set("Content-Security-Policy", p.policy(v.set, openings{})+"; frame-src 'self'")
	return p.render(v, http.StatusOK, "mailbox", view)
}

// showHTML answers with the HTML of a letter as it is, shut in.
func (v *visit) showHTML(l Letter) error {
	v.Header().Set("Content-Security-Policy", letterPolicy)
	v.Header().Set("X-Frame-Options", "SAMEORIGIN")
	v.WriteHeader(http.StatusOK)
	if v.request.Method != http.MethodHead {
		_, _ = v.Write([]byte(l.HTML)) // the browser may be gone
	}
	return nil
}

// mailAddress is the address of the mailbox, of a letter in it or of a part of that.
func (v *visit) mailAddress(id uuid.UUID, part string) string {
	address := local(v.set, MailboxPath)
	if id == uuid.Nil {
		return address
	}
	query := url.Values{"letter": {id.String()}}
	if part != "" {
		query.Set("part", part)
	}
	return address + "?" + query.Encode()
}

// addressInText finds addresses as they stand in plain text.
var addressInText = regexp.MustCompile(`https?://[^\s<>"']+`)

// ours are the links of a text that lead to this server, to be followed without
// copying.
func (v *visit) ours(text string) (links []link) {
	base := v.set.Public("", nil)
	for _, address := range addressInText.FindAllString(text, -1) {
		address = strings.TrimRight(address, ".,;:!?)")
		same := func(l link) bool { return l.Href == address }
		if strings.HasPrefix(address, base) && !slices.ContainsFunc(links, same) {
			links = append(links, link{Href: address, Text: address})
		}
	}
	return links
}
