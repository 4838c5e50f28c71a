package cardea_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// TestTheFrontPageTellsNoMoreThanWhoami: a session that still needs its second factor
// is sent to it, and nothing about the account is shown before.
func TestTheFrontPageTellsNoMoreThanWhoami(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: policy("everyone: true")})
	s.CreateIdentity(annsMail, cardeatest.Password)
	ann, _ := withPassword(s, cardeatest.Browser, "")
	if a := ann.Get("/sessions/whoami"); a.Status != http.StatusForbidden {
		t.Fatalf("whoami answers %d", a.Status)
	}
	a := ann.Get("/")
	if a.Status != http.StatusSeeOther || !strings.Contains(a.Location, "aal=aal2") || strings.Contains(string(a.Body), annsMail) {
		t.Errorf("the front page answers %d to %q: %s", a.Status, a.Location, a.Body)
	}
}

// TestPeopleReturnToThePagesOfTheSettings: these send people to prove
// who they are, whatever the operator lists, and nowhere else is opened by that.
func TestPeopleReturnToThePagesOfTheSettings(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: policy("everyone: true")})
	s.CreateIdentity(annsMail, cardeatest.Password)
	ann, _ := withPassword(s, cardeatest.Browser, "")
	for _, page := range []string{"/settings", "/settings/delete"} {
		a := ann.Get("/self-service/login/browser?refresh=true&return_to=" + url.QueryEscape(s.PublicURL+page))
		if !strings.Contains(a.Location, s.PublicURL+"/login?flow=") {
			t.Errorf("nobody may return to %s: %d to %q", page, a.Status, a.Location)
		}
	}
	for _, elsewhere := range []string{"https://elsewhere.test/settings", s.PublicURL + "/login"} {
		a := ann.Get("/self-service/login/browser?refresh=true&return_to=" + url.QueryEscape(elsewhere))
		if strings.Contains(a.Location, "/login?flow=") {
			t.Errorf("people are sent on to %s", elsewhere)
		}
	}
}
