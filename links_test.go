package cardea_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// linkConfig switches every journey on that sends mail; use is the method of those
// that have one at a time.
func linkConfig(use string) string {
	return fmt.Sprintf(`
identity: {schemas: [{id: default, url: "base64://%s"}]}
selfservice:
  methods: {code: {enabled: true, passwordless_enabled: true}, link: {enabled: true}}
  flows:
    registration: {after: {code: {hooks: [{hook: session}]}}}
    recovery: {enabled: true, use: %s}
    verification: {enabled: true, use: %s}
`, base64.StdEncoding.EncodeToString([]byte(languageSchema)), use, use)
}

// codeJourneys are the journeys that send a code to somebody who has an account or
// not, and what asks for it.
var codeJourneys = []struct {
	kind   string
	known  bool
	fields map[string]any
}{
	{"login", true, map[string]any{"method": "code", "identifier": annsMail}},
	{"registration", false, map[string]any{"method": "code", "traits.email": annsMail}},
	{"recovery", true, map[string]any{"method": "code", "email": annsMail}},
	{"verification", true, map[string]any{"method": "code", "email": annsMail}},
}

var filledIn = regexp.MustCompile(`<input[^>]* name="code"[^>]* value="(\d+)"`)

// walk opens an address like a browser: with its redirects.
func walk(c *cardeatest.Client, address string) *cardeatest.Answer {
	a := c.Get(address)
	for range 5 {
		if a.Location == "" {
			break
		}
		a = c.Get(a.Location)
	}
	return a
}

// withPages begins a journey on the built-in pages and asks for a message.
func withPages(t *testing.T, use, kind string, known bool, fields map[string]any) (*cardeatest.Server, *cardeatest.Client, *cardeatest.Flow, cardeatest.Mail) {
	t.Helper()
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: linkConfig(use)})
	if known {
		s.CreateIdentity(annsMail, cardeatest.Password)
	}
	ann := s.Client(cardeatest.Browser)
	f := ann.Start(kind, "")
	f.Submit(fields)
	return s, ann, f, s.LastMail(annsMail)
}

// over says whether a journey has reached its end: somebody is signed in, or an
// address is proved.
func over(s *cardeatest.Server, c *cardeatest.Client, kind string) bool {
	if kind != "verification" {
		return c.WhoAmI().Status == 200
	}
	found := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities?credentials_identifier=" + url.QueryEscape(annsMail))
	return strings.Contains(string(found.Body), `"verified":true`)
}

// TestAMailWithACodeLeadsBackToItsScreen for every message with a code: the address
// in it is that of the very flow, with the code in it, and whoever opens it uses
// nothing up.
func TestAMailWithACodeLeadsBackToItsScreen(t *testing.T) {
	for _, j := range codeJourneys {
		t.Run(j.kind, func(t *testing.T) {
			t.Parallel()
			s, ann, f, mail := withPages(t, "code", j.kind, j.known, j.fields)
			link, err := url.Parse(mail.Link())
			if err != nil || link.Query().Get("flow") != f.ID || link.Query().Get("code") != mail.Code() || mail.Code() == "" {
				t.Fatalf("the mail %s leads to %q with the code %q; the flow is %s", mail.Template, mail.Link(), mail.Code(), f.ID)
			}
			for range 3 { // mail scanners, and the phone
				if a := walk(s.Client(cardeatest.Browser), mail.Link()); a.Status != 200 {
					t.Errorf("another browser is answered %d", a.Status)
				}
			}
			page := walk(ann, mail.Link())
			if found := filledIn.FindSubmatch(page.Body); page.Status != 200 || found == nil || string(found[1]) != mail.Code() {
				t.Errorf("the screen is answered %d and filled in with %q:\n%s", page.Status, found, page.Body)
			}
			if over(s, ann, j.kind) {
				t.Fatal("opening the link was enough")
			}
			entered := map[string]any{"method": "code", "code": mail.Code()}
			if j.kind == "login" || j.kind == "registration" { // their forms say again who it is
				maps.Copy(entered, j.fields)
			}
			a := f.Submit(entered)
			if !over(s, ann, j.kind) {
				t.Errorf("the code is worth nothing after the link was opened: %d %s %s", a.Status, a.Location, f.Fetch().Body)
			}
		})
	}
}

// TestTheScreenOfACodeIsOnThePagesOfTheOperator, and an app without pages gets no
// link at all.
func TestTheScreenOfACodeIsOnThePagesOfTheOperator(t *testing.T) {
	for _, j := range codeJourneys {
		for _, kind := range cardeatest.Kinds {
			s := cardeatest.New(t, cardeatest.Options{Config: linkConfig("code")})
			if j.known {
				s.CreateIdentity(annsMail, cardeatest.Password)
			}
			f := s.Client(kind).Start(j.kind, "")
			f.Submit(j.fields)
			mail := s.LastMail(annsMail)
			want := "https://ui.cardea.test/" + j.kind + "?code=" + mail.Code() + "&flow=" + f.ID
			switch {
			case j.kind == "verification":
				want = s.PublicURL + "/self-service/verification?code=" + mail.Code() + "&flow=" + f.ID
			case kind == cardeatest.Native:
				want = ""
			}
			if mail.Link() != want {
				t.Errorf("%s by %s: the link is %q, want %q", j.kind, kind, mail.Link(), want)
			}
		}
	}
}

var pressed = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)" method="post".*?<input type="hidden" name="token" value="([^"]+)"`)

// TestALinkAsksBeforeItTakesEffect on the built-in pages: mail scanners that open
// it do not use it up, and the button works in any browser.
func TestALinkAsksBeforeItTakesEffect(t *testing.T) {
	for _, kind := range []string{"recovery", "verification"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, _, f, mail := withPages(t, "link", kind, true, map[string]any{"method": "link", "email": annsMail})
			phone := s.Client(cardeatest.Browser)
			var page *cardeatest.Answer
			for range 3 {
				page = walk(phone, mail.Link())
				if over(s, phone, kind) {
					t.Fatal("opening the link was enough")
				}
			}
			form := pressed.FindSubmatch(page.Body)
			if page.Status != 200 || form == nil {
				t.Fatalf("the page is answered %d and has no button:\n%s", page.Status, page.Body)
			}
			action := strings.ReplaceAll(string(form[1]), "&amp;", "&")
			press := func(c *cardeatest.Client) *cardeatest.Answer {
				return c.Do("POST", action, url.Values{"token": {string(form[2])}, "method": {"link"}})
			}
			a := press(phone)
			if !over(s, phone, kind) || a.Status != 303 {
				t.Fatalf("the button of %s did nothing: %d %s", f.ID, a.Status, a.Location)
			}
			if shown := walk(phone, a.Location); shown.Status != 200 {
				t.Errorf("the way on is answered %d: %s", shown.Status, shown.Body)
			}
			if kind == "recovery" {
				other := s.Client(cardeatest.Browser)
				if press(other); over(s, other, kind) {
					t.Error("the link worked twice")
				}
			}
		})
	}
}
