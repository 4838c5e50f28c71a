package account

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

// speaker is who says something about the language of a page; "" says nothing.
type speaker struct{ chosen, asked, client, own, browser string }

func (s speaker) hears(t *testing.T) string {
	t.Helper()
	page := flowPage(flow.Settings, ui.Container{Nodes: ui.Nodes{ui.CSRFToken("x"), field(ui.Profile, "traits.email", ui.InputEmail)}})
	page.Identity = signedIn().Identity
	page.Identity.Traits = json.RawMessage(`{"locale": "` + s.own + `"}`)
	page.Flow.RequestURL = "https://example.org/self-service/settings/browser?ui_locales=" + url.QueryEscape(s.asked)
	page.LoginRequest = json.RawMessage(`{"oidc_context": {"ui_locales": ["` + s.client + `"]}}`)
	j := &journeys{setup: setup(t, nil), page: page}
	r := httptest.NewRequest(http.MethodGet, "/settings?flow=x", nil)
	r.Header.Set("Accept-Language", s.browser)
	if s.chosen != "" {
		r.AddCookie(&http.Cookie{Name: flow.LanguageCookie, Value: s.chosen})
	}
	w := httptest.NewRecorder()
	pages(t, j).ServeHTTP(w, r)
	return value(elements(document(t, w), "html")[0], "lang")
}

func TestAPageIsInTheLanguageOfWhoeverHasTheStrongestVoice(t *testing.T) {
	for name, tt := range map[string]struct {
		who  speaker
		want string
	}{
		"nobody says anything":              {speaker{}, "en"},
		"the browser alone":                 {speaker{browser: "is, de-AT;q=0.8, en;q=0.1"}, "de"},
		"the person before the browser":     {speaker{own: "de", browser: "en"}, "de"},
		"the journey before the person":     {speaker{asked: "de_DE", own: "en"}, "de"},
		"the OAuth2 client, too":            {speaker{client: "de", own: "en", browser: "en"}, "de"},
		"the menu before all":               {speaker{chosen: "de", asked: "en", own: "en", browser: "en"}, "de"},
		"a language that there is not":      {speaker{asked: "is", own: "de"}, "de"},
		"a wish that is no language at all": {speaker{chosen: `"><script>`, asked: strings.Repeat("de ", 200), browser: ";;;"}, "en"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.who.hears(t); got != tt.want {
				t.Errorf("the page speaks %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheLanguageMenuKeepsThePageAndRemembersTheChoice(t *testing.T) {
	j := &journeys{setup: setup(t, nil), page: flowPage(flow.Login, ui.Container{Nodes: login()})}
	doc := document(t, get(t, j, "/login?flow=x&return_to=y"))
	link := having(doc, "a", "hreflang", "de")
	if link == nil {
		t.Fatal("the menu has no German")
	}
	w := get(t, j, "/login"+value(link, "href"))
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || to.Query().Get("flow") != "x" || to.Query().Get("return_to") != "y" || to.Query().Has(chooseParameter) {
		t.Errorf("the choice leads to %d %s", w.Code, to)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == flow.LanguageCookie && c.Value == "de" && c.HttpOnly {
			return
		}
	}
	t.Error("the choice is not remembered")
}

func TestALanguageThatThereIsNotIsNotRemembered(t *testing.T) {
	w := get(t, &journeys{setup: setup(t, nil), page: flowPage(flow.Login, ui.Container{Nodes: login()})}, "/login?flow=x&lang=is")
	if w.Code != http.StatusOK || strings.Contains(strings.Join(w.Header()["Set-Cookie"], ""), flow.LanguageCookie) {
		t.Errorf("it is answered with %d %v", w.Code, w.Header())
	}
}
