package courier

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/ui"
)

// noDocuments is for configurations that point to nothing.
func noDocuments(_ context.Context, url string) ([]byte, error) {
	return nil, fmt.Errorf("nothing is at %s", url)
}

func snapshot() *config.Snapshot {
	s := &config.Snapshot{}
	s.Serve.Public.BaseURL = &url.URL{Scheme: "https", Host: "accounts.example.org:4433"}
	s.SelfService.AllowedReturnURLs = []*url.URL{{Scheme: "https", Host: "*.apps.example.org"}}
	s.SelfService.Flows.Login.UIURL = "https://www.example.org/login"
	s.Cardea.Account.Name = "Example & Sons"
	return s
}

// sentences are the catalogue's.
func sentences(t *testing.T) *ui.Catalogue {
	t.Helper()
	c, err := ui.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compiled(t *testing.T, s *config.Snapshot) *Templates {
	t.Helper()
	templates, err := Compile(t.Context(), s, sentences(t), noDocuments)
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

// everything is data that has all keys of all messages.
func everything() map[string]any {
	return map[string]any{
		"to":                 "person@example.com",
		"identity":           map[string]any{"id": "2d1b", "traits": map[string]any{"email": "person@example.com"}},
		"traits":             map[string]any{"email": "person@example.com"},
		"request_url":        "https://accounts.example.org:4433/self-service/login/browser",
		"transient_payload":  map[string]any{"theme": "dark"},
		"expires_in_minutes": 15,
		"oauth2_login_request": map[string]any{"challenge": "c", "client": map[string]any{
			"client_id": "id", "client_name": "Shop", "client_uri": "https://shop.test", "logo_uri": "https://shop.test/logo", "metadata": map[string]any{"a": 1},
		}},
		"recovery_code": "111111", "verification_code": "222222", "login_code": "333333", "registration_code": "444444",
		"recovery_url": "https://accounts.example.org/recovery?a=1&b=2", "verification_url": "https://accounts.example.org/verification?a=1&b=2",
		"login_url": "https://accounts.example.org/login?a=1&b=2", "registration_url": "https://accounts.example.org/registration?a=1&b=2",
		"changed_at": "2026-11-23T06:00:00Z", "added_at": time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC),
		"subject": "A subject", "body": "A body", "html_body": "An <b>HTML</b> body",
	}
}

func render(t *testing.T, templates *Templates, o flow.Outgoing) Letter {
	t.Helper()
	if o.Recipient == "" {
		o.Recipient = "person@example.com"
	}
	l, withoutHTML, err := templates.letter(t.Context(), o)
	if err != nil || withoutHTML != nil {
		t.Fatalf("not rendered: %v, HTML: %v", err, withoutHTML)
	}
	return l
}

// page is what a reader of HTML gets.
type page struct {
	lang, title, text string
	links             []string
	tables, scripts   int
}

func readHTML(t *testing.T, s string) page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	var p page
	var b strings.Builder
	for n := range root.Descendants() {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") {
				p.scripts++
			}
		}
		switch {
		case n.Type == html.TextNode && n.Parent.Data == "title":
			p.title = n.Data
		case n.Type == html.TextNode && n.Parent.Data != "style":
			b.WriteString(n.Data)
		case n.Data == "html":
			p.lang = attributes["lang"]
		case n.Data == "a":
			p.links = append(p.links, attributes["href"])
		case n.Data == "table":
			p.tables++
		case n.Data == "script", n.Data == "img", n.Data == "iframe":
			p.scripts++
		}
	}
	p.text = b.String()
	return p
}

func TestEveryMessageReadsWellWithAllDataAndWithNone(t *testing.T) {
	templates := compiled(t, snapshot())
	for _, k := range kinds() {
		for _, c := range []identity.Channel{identity.Email, identity.SMS} {
			if k.fields(c) == nil {
				continue
			}
			for name, data := range map[string]map[string]any{"all data": everything(), "no data": nil} {
				t.Run(fmt.Sprintf("%s over %s with %s", k.name, c, name), func(t *testing.T) {
					l := render(t, templates, flow.Outgoing{Template: k.name, Channel: c, Data: data})
					if l.Text == "" && (k.name != "stub" || data != nil) {
						t.Error("there is no text")
					}
					for part, s := range map[string]string{"subject": l.Subject, "text": l.Text, "HTML": l.HTML} {
						if strings.Contains(s, "<no value>") || strings.Contains(s, "ZgotmplZ") || strings.Contains(s, "map[") {
							t.Errorf("the %s says what is missing: %q", part, s)
						}
					}
					if c == identity.SMS {
						if l.Subject != "" || l.HTML != "" {
							t.Error("a text message has more than a text")
						}
						return
					}
					if k.name == "stub" {
						return
					}
					p := readHTML(t, l.HTML)
					if l.Subject == "" || p.lang != "en" || p.title == "" || p.tables+p.scripts > 0 {
						t.Errorf("the mail is %+v with the subject %q", p, l.Subject)
					}
					if !strings.Contains(p.text, "Example & Sons") {
						t.Error("the mail does not say whose it is")
					}
				})
			}
		}
	}
}

func TestAMailWithACodeSaysTheCodeEverywhereAndLeadsBack(t *testing.T) {
	templates := compiled(t, snapshot())
	for template, c := range map[string]struct{ code, url string }{
		"recovery_code_valid":     {"recovery_code", "recovery_url"},
		"verification_code_valid": {"verification_code", "verification_url"},
		"login_code_valid":        {"login_code", "login_url"},
		"registration_code_valid": {"registration_code", "registration_url"},
	} {
		t.Run(template, func(t *testing.T) {
			data := everything()
			code, link := data[c.code].(string), data[c.url].(string)
			l := render(t, templates, flow.Outgoing{Template: template, Channel: identity.Email, Data: data})
			p := readHTML(t, l.HTML)
			for part, s := range map[string]string{"subject": l.Subject, "text": l.Text, "HTML": p.text} {
				if !strings.Contains(s, code) {
					t.Errorf("the code is not in the %s: %q", part, s)
				}
			}
			if !strings.Contains(l.Text, link) || !slices.Equal(p.links, []string{link}) {
				t.Errorf("the link is not in the text %q or among %v", l.Text, p.links)
			}
			for part, s := range map[string]string{"text": l.Text, "HTML": p.text} {
				if !strings.Contains(s, "15 minutes") {
					t.Errorf("the %s does not say how long: %q", part, s)
				}
			}
			sms := render(t, templates, flow.Outgoing{Template: template, Channel: identity.SMS, Data: data})
			lines := strings.Split(sms.Text, "\n")
			if !strings.Contains(lines[0], code) || lines[len(lines)-1] != "@accounts.example.org #"+code {
				t.Errorf("the text message is %q", sms.Text)
			}
		})
	}
}

func TestALinkOfAMailIsTheOneThatTheFlowGave(t *testing.T) {
	templates := compiled(t, snapshot())
	for template, key := range map[string]string{"recovery_valid": "recovery_url", "verification_valid": "verification_url"} {
		l := render(t, templates, flow.Outgoing{Template: template, Channel: identity.Email, Data: everything()})
		link := everything()[key].(string)
		if !slices.Equal(readHTML(t, l.HTML).links, []string{link}) || !strings.Contains(l.Text, link) {
			t.Errorf("%s does not carry %s", template, link)
		}
	}
}

func TestOnlyMessagesWithACodeToProveSomethingCarryTheRequestsHeaders(t *testing.T) {
	templates := compiled(t, snapshot())
	headers := map[string][]string{"User-Agent": {"Browser"}}
	want := []string{"login_code_valid", "recovery_code_valid", "registration_code_valid"}
	for _, k := range kinds() {
		for _, c := range []identity.Channel{identity.Email, identity.SMS} {
			if k.fields(c) == nil {
				continue
			}
			l := render(t, templates, flow.Outgoing{Template: k.name, Channel: c, Headers: headers})
			if carries := l.Headers != nil; carries != slices.Contains(want, k.name) {
				t.Errorf("%s over %s carries headers: %v", k.name, c, carries)
			}
		}
	}
}

func TestHostileDataStaysText(t *testing.T) {
	templates := compiled(t, snapshot())
	const hostile = "</p><script>alert(1)</script><a href=\"javascript:alert(1)\">x</a>\r\nBcc: other@example.com\u202e\x00"
	for _, k := range kinds() {
		data := everything()
		for key, v := range data {
			if _, ok := v.(string); ok {
				data[key] = hostile
			}
		}
		data["identity"] = map[string]any{"id": hostile}
		l := render(t, templates, flow.Outgoing{Template: k.name, Channel: identity.Email, Data: data})
		if strings.ContainsFunc(l.Subject, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
			t.Errorf("the subject of %s is %q", k.name, l.Subject)
		}
		p := readHTML(t, l.HTML)
		if p.scripts > 0 {
			t.Errorf("%s runs what it was given: %s", k.name, l.HTML)
		}
		for _, link := range p.links {
			if strings.HasPrefix(link, "javascript:") {
				t.Errorf("%s leads to %s", k.name, link)
			}
		}
	}
	data := everything()
	data["recovery_url"] = "javascript:alert(1)"
	for _, link := range readHTML(t, render(t, templates, flow.Outgoing{Template: "recovery_valid", Channel: identity.Email, Data: data}).HTML).links {
		if strings.HasPrefix(link, "javascript:") {
			t.Errorf("the mail leads to %s", link)
		}
	}
}

func TestASubjectIsOneLineOfPrintableText(t *testing.T) {
	for in, want := range map[string]string{
		"  hello \n":             "hello",
		"a\r\nBcc: x@y":          "a Bcc: x@y",
		"a\x00b\x1b[31mc":        "ab[31mc",
		"a\u2028b\u0085c":        "a b c",
		"abc\u202etxt":           "abctxt",
		"größer 123456":          "größer 123456",
		strings.Repeat("ä", 500): strings.Repeat("ä", maxSubject),
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func composer(t *testing.T, templates *Templates) (*Composer, *flow.Setup) {
	t.Helper()
	keys, err := secret.NewKeyring("a secret of enough bytes")
	if err != nil {
		t.Fatal(err)
	}
	return &Composer{
		Templates: func() *Templates { return templates }, Rand: rand.Reader,
		Clock:  clock.NewFake(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)),
		Report: func(_ context.Context, err error) { t.Errorf("HTML failed: %v", err) },
	}, &flow.Setup{Snapshot: snapshot(), Keys: keys}
}

func TestAComposedMessageIsSealedForItsOwnID(t *testing.T) {
	c, s := composer(t, compiled(t, snapshot()))
	m, err := c.Compose(t.Context(), s, flow.Outgoing{Template: "login_code_valid", Channel: identity.Email, Recipient: "person@example.com", Data: everything()})
	if err != nil {
		t.Fatal(err)
	}
	if m.Template != "login_code_valid" || m.Channel != identity.Email || m.Recipient != "person@example.com" || !m.CreatedAt.Equal(c.Clock.Now()) {
		t.Errorf("the message is %+v", m)
	}
	if strings.Contains(string(m.Sealed), "333333") {
		t.Error("the code can be read")
	}
	l, err := Open(s.Keys, m.ID, m.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.Subject, "333333") || l.Data["login_code"] != "333333" {
		t.Errorf("the letter is %+v", l)
	}
	again, err := c.Compose(t.Context(), s, flow.Outgoing{Template: "login_code_valid", Channel: identity.Email, Recipient: "person@example.com"})
	if err != nil || again.ID == m.ID {
		t.Errorf("two messages have the id %v (%v)", again.ID, err)
	}
	if _, err := Open(s.Keys, again.ID, m.Sealed); err == nil {
		t.Error("a letter opens under another message")
	}
}

func TestWhatCannotBeSentIsNotComposed(t *testing.T) {
	c, s := composer(t, compiled(t, snapshot()))
	for name, o := range map[string]flow.Outgoing{
		"an unknown message":                 {Template: "newsletter", Channel: identity.Email, Recipient: "person@example.com"},
		"a channel that the message has not": {Template: "recovery_invalid", Channel: identity.SMS, Recipient: "+4915112345678"},
		"an unknown channel":                 {Template: "login_code_valid", Channel: "fax", Recipient: "1"},
		"no mailbox":                         {Template: "login_code_valid", Channel: identity.Email, Recipient: "person"},
		"a mailbox with a command":           {Template: "login_code_valid", Channel: identity.Email, Recipient: "a@example.com>\r\nRCPT TO:<b@example.com"},
		"no number":                          {Template: "login_code_valid", Channel: identity.SMS, Recipient: ""},
		"data of the wrong type":             {Template: "login_code_valid", Channel: identity.Email, Recipient: "person@example.com", Data: map[string]any{"expires_in_minutes": "many"}},
		"data that is no JSON":               {Template: "login_code_valid", Channel: identity.Email, Recipient: "person@example.com", Data: map[string]any{"identity": func() {}}},
	} {
		if _, err := c.Compose(t.Context(), s, o); err == nil {
			t.Errorf("%s was composed", name)
		}
	}
}
