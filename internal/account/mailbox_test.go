package account

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// letters is a mailbox.
type letters []Letter

func (l letters) Letters(context.Context, int) ([]Letter, error) { return l, nil }

func (l letters) Letter(_ context.Context, id uuid.UUID) (Letter, error) {
	for _, one := range l {
		if one.ID == id {
			return one, nil
		}
	}
	return Letter{}, problem.ErrNotFound
}

func mailboxPages(t *testing.T, set *flow.Setup, box Mailbox) *Pages {
	t.Helper()
	return looking(t, New(Options{Journeys: &journeys{setup: set}, Mailbox: box}), catalogue(t))
}

func read(p *Pages, address string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

func letter() Letter {
	return Letter{
		ID: uuid.New(), To: "ann@example.org", Subject: "Your code", Template: "recovery_code_valid", Status: "sent", At: now,
		Text: "123456, or " + base + "self-service/recovery?flow=1&code=123456. See https://elsewhere.example.",
		HTML: "<p>123456</p>",
	}
}

func TestTheMailboxIsThereInDevelopmentModeOnly(t *testing.T) {
	l := letter()
	for _, tt := range []struct {
		name         string
		dev, mailbox bool
		box          Mailbox
		status       int
	}{
		{"in development mode", true, true, letters{l}, 200},
		{"in production, even when the setting slipped through", false, true, letters{l}, 404},
		{"in development mode with the setting off", true, false, letters{l}, 404},
		{"without messages to read", true, true, nil, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := setup(t, func(s *config.Snapshot) { s.Dev, s.Cardea.Development.Mailbox = tt.dev, tt.mailbox })
			p := mailboxPages(t, set, tt.box)
			for _, query := range []string{"", "?letter=" + l.ID.String(), "?part=html&letter=" + l.ID.String()} {
				r := httptest.NewRequest(http.MethodGet, MailboxPath+query, nil)
				w := read(p, MailboxPath+query)
				if w.Code != tt.status || p.Claims(set, r) != (tt.status == 200) {
					t.Errorf("%s answers %d, want %d", query, w.Code, tt.status)
				}
				if tt.status == 404 && strings.Contains(w.Body.String(), "123456") {
					t.Errorf("%s tells the code", query)
				}
			}
		})
	}
}

func TestTheMailboxDoesNotNeedTheAccountPages(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) { s.Cardea.Account.Enabled = false })
	p := mailboxPages(t, set, letters{letter()})
	doc := document(t, read(p, MailboxPath))
	style := having(doc, "link", "rel", "stylesheet")
	if style == nil || read(p, value(style, "href")).Code != http.StatusOK {
		t.Error("the mailbox has no style")
	}
}

func TestTheMailboxListsAndShowsLetters(t *testing.T) {
	l := letter()
	p := mailboxPages(t, setup(t, nil), letters{l})
	list := document(t, read(p, MailboxPath))
	if !strings.Contains(textOf(list), l.Subject) || !strings.Contains(textOf(list), l.To) {
		t.Errorf("the list says %q", textOf(list))
	}
	at := having(list, "a", "href", MailboxPath+"?letter="+l.ID.String())
	if at == nil {
		t.Fatal("the letter is not linked")
	}
	shown := document(t, read(p, value(at, "href")))
	for _, part := range []string{l.Subject, l.To, "123456", l.Template, l.Status} {
		if !strings.Contains(textOf(shown), part) {
			t.Errorf("%q is missing", part)
		}
	}
	if having(shown, "a", "href", base+"self-service/recovery?flow=1&code=123456") == nil {
		t.Error("the link to this server is not linked")
	}
	if having(shown, "a", "href", "https://elsewhere.example") != nil {
		t.Error("a link to elsewhere is linked")
	}
	for _, query := range []string{"?letter=" + uuid.NewString(), "?letter=x"} {
		if w := read(p, MailboxPath+query); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", query, w.Code)
		}
	}
}

func TestALetterCannotDoAnything(t *testing.T) {
	l := Letter{ID: uuid.New(), To: evil, Subject: evil, Text: evil + " " + base + evil, Template: evil, Status: evil, HTML: evil, At: now}
	p := mailboxPages(t, setup(t, nil), letters{l})
	for _, query := range []string{"", "?letter=" + l.ID.String()} {
		w := read(p, MailboxPath+query)
		policy := directives(t, w.Header())
		if strings.Join(policy["script-src"], " ") != "'self'" || policy["default-src"][0] != "'none'" || policy["frame-src"][0] != "'self'" || policy["frame-ancestors"][0] != "'none'" {
			t.Errorf("%q has the policy %v", query, policy)
		}
		doc := document(t, w)
		for _, frame := range elements(doc, "iframe") {
			if s := value(frame, "sandbox"); strings.Contains(s, "script") || strings.Contains(s, "same-origin") || !has(frame, "sandbox") {
				t.Errorf("the letter is shut in by %q only", s)
			}
		}
		checkHarmless(t, doc)
	}
	w := read(p, MailboxPath+"?part=html&letter="+l.ID.String())
	policy := directives(t, w.Header())
	shut, ok := policy["sandbox"]
	if !ok || strings.Contains(strings.Join(shut, " "), "script") || strings.Contains(strings.Join(shut, " "), "same-origin") ||
		policy["default-src"][0] != "'none'" || policy["form-action"][0] != "'none'" || policy["frame-ancestors"][0] != "'self'" {
		t.Errorf("the HTML has the policy %v", policy)
	}
	if w.Body.String() != evil {
		t.Errorf("the HTML is %q", w.Body)
	}
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}
