package cardea_test

import (
	"fmt"
	"net/url"
	"regexp"
	"testing"

	"cardea/cardeatest"
)

// TestWhereAJourneyLeadsSurvivesTheOnesBetween: whatever has to happen before it, the
// person ends where they were to go.
func TestWhereAJourneyLeadsSurvivesTheOnesBetween(t *testing.T) {
	const inside = "https://app.cardea.test/inside"
	const config = `
selfservice:
  methods: {code: {enabled: true}}
  flows:
    recovery: {enabled: true}
    verification: {enabled: true, use: code}
    registration: {after: {password: {hooks: [{hook: show_verification_ui}]}}}
    login: {after: {password: {hooks: [{hook: require_verified_address}]}}}
`
	nextFlow := regexp.MustCompile(`(verification|settings)\?flow=([0-9a-f-]{36})`)
	for name, c := range map[string]struct {
		kind  string
		known bool
		steps func(*cardeatest.Flow, *cardeatest.Server) *cardeatest.Answer
		next  string
	}{
		"sign-up, proof of the address": {"registration", false, func(f *cardeatest.Flow, _ *cardeatest.Server) *cardeatest.Answer {
			return f.Submit(map[string]any{"method": "password", "traits.email": annsMail, "password": cardeatest.Password})
		}, "verification"},
		"a login that waits for the proof": {"login", true, func(f *cardeatest.Flow, _ *cardeatest.Server) *cardeatest.Answer {
			return f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		}, "verification"},
		"recovery, another password": {"recovery", true, func(f *cardeatest.Flow, s *cardeatest.Server) *cardeatest.Answer {
			f.Submit(map[string]any{"method": "code", "email": annsMail})
			return f.Submit(map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()})
		}, "settings"},
	} {
		for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
			t.Run(name+", "+string(kind), func(t *testing.T) {
				s := cardeatest.New(t, cardeatest.Options{Config: config})
				if c.known {
					s.CreateIdentity(annsMail, cardeatest.Password)
				}
				ann := s.Client(kind)
				a := c.steps(ann.Start(c.kind, "return_to="+url.QueryEscape(inside)), s)
				found := nextFlow.FindStringSubmatch(a.Location + string(a.Body))
				if found == nil || found[1] != c.next {
					t.Fatalf("answered %d %s %s, want the way to %s", a.Status, a.Location, a.Body, c.next)
				}
				read := "/self-service/" + found[1] + "/flows?id=" + found[2]
				if got := ann.Get(read).Text("return_to"); got != inside {
					t.Fatalf("the journey between leads to %q", got)
				}
				submit := "/self-service/" + found[1] + "?flow=" + found[2]
				if c.next == "verification" {
					ann.Do("POST", submit, map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()})
					if n := ann.Get(read).Node("continue"); n == nil || fmt.Sprint(n.Attributes["href"]) != inside {
						t.Errorf("the proof leads to %+v", n)
					}
					return
				}
				form := ann.Get(read)
				token := fmt.Sprint(form.Node("csrf_token").Attributes["value"])
				a = ann.Do("POST", submit, map[string]any{"method": "password", "password": "another-Sturdy-Wombat-78", "csrf_token": token})
				if a.Location != inside && a.Text("redirect_browser_to") != inside && !regexp.MustCompile(regexp.QuoteMeta(inside)).Match(a.Body) {
					t.Errorf("the settings lead to %d %q %s", a.Status, a.Location, a.Body)
				}
			})
		}
	}
}
