package account

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

func TestAPageWithoutAFlowThatCanBeShownStartsANewOne(t *testing.T) {
	expired := problem.New(410, "over").Named(problem.FlowExpired)
	tests := map[string]struct {
		err     error
		address string
		want    string // below the public URL
	}{
		"there is no flow":                  {nil, "/login", "self-service/login/browser"},
		"the flow is empty":                 {nil, "/login?flow=", "self-service/login/browser"},
		"the flow is not known":             {problem.NotFound(""), "/login?flow=1", "self-service/login/browser"},
		"the flow is another browser's":     {problem.Forbidden("").Named(problem.CSRFViolation), "/registration?flow=1", "self-service/registration/browser"},
		"the flow is over":                  {expired, "/recovery?flow=1", "self-service/recovery/browser"},
		"nobody is signed in":               {problem.Unauthorized(""), "/settings?flow=1", "self-service/settings/browser"},
		"what was asked for stays":          {nil, "/login?return_to=https%3A%2F%2Fx%2F%3Fa%3Db&aal=aal2&refresh=true&x=y", "self-service/login/browser?aal=aal2&refresh=true&return_to=https%3A%2F%2Fx%2F%3Fa%3Db"},
		"the flow knows where it leads":     {expired.Detail("return_to", "/there"), "/login?flow=1", "self-service/login/browser?return_to=%2Fthere"},
		"the page knows better":             {expired.Detail("return_to", "/there"), "/login?flow=1&return_to=%2Fhere", "self-service/login/browser?return_to=%2Fhere"},
		"cookies came back from the detour": {nil, "/login?cookies=check&return_to=%2Fhere", "self-service/login/browser?return_to=%2Fhere"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(t, &journeys{err: tt.err}, tt.address)
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != base+tt.want {
				t.Errorf("got %d to %q, want 303 to %q", w.Code, w.Header().Get("Location"), base+tt.want)
			}
		})
	}
}

// A browser that loses its cookies owns no flow, whatever is started for it.
func TestABrowserWithoutCookiesIsToldSoAndNotSentInCircles(t *testing.T) {
	for name, address := range map[string]string{
		"the page is opened":                  "/login?return_to=%2Fhere",
		"a flow of another browser is opened": "/login?flow=1",
		"another cookie comes back":           "/login?flow=2",
	} {
		t.Run(name, func(t *testing.T) {
			p := pages(t, &journeys{err: problem.Forbidden("").Named(problem.CSRFViolation)})
			for hops := 0; ; hops++ {
				if hops > 5 {
					t.Fatal("the browser is sent in circles")
				}
				if strings.HasPrefix(address, "/self-service/") { // where a flow is started and its page opened
					address = "/login?flow=3"
				}
				r := httptest.NewRequest(http.MethodGet, address, nil)
				if name == "another cookie comes back" {
					r.AddCookie(&http.Cookie{Name: "session", Value: csrfCookie(p.journeys.Setup()).Value})
				}
				w := httptest.NewRecorder()
				p.ServeHTTP(w, r)
				if w.Code != http.StatusSeeOther {
					if w.Code != http.StatusBadRequest {
						t.Errorf("status %d", w.Code)
					}
					if having(document(t, w), "a", "class", "button primary") == nil {
						t.Error("there is no way to try again")
					}
					return
				}
				address = "/" + strings.TrimPrefix(w.Header().Get("Location"), base)
			}
		})
	}
}

func TestFailuresOfOursAreShownAndNotTriedAgain(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		w := get(t, &journeys{err: problem.New(status, "no")}, "/login?flow=1")
		if w.Code != status {
			t.Errorf("got %d, want %d", w.Code, status)
		}
	}
}

func TestLinksBetweenTheJourneysKeepWhereTheyLead(t *testing.T) {
	query := url.Values{"return_to": {"https://app.example/?a=b&c"}, "login_challenge": {"ch"}}.Encode()
	for kind, want := range map[flow.Kind][]string{
		flow.Login:        {"self-service/registration/browser?" + query, "self-service/recovery/browser?" + query},
		flow.Registration: {"self-service/login/browser?" + query},
		flow.Recovery:     {"self-service/login/browser?" + query},
		flow.Settings:     {""},
		flow.Verification: {""},
	} {
		page := flowPage(kind, ui.Container{Nodes: login()})
		page.Flow.ReturnTo, page.Flow.Challenge = "https://app.example/?a=b&c", "ch"
		set := setup(t, func(s *config.Snapshot) {
			s.SelfService.Flows.Registration.Enabled, s.SelfService.Flows.Recovery.Enabled = true, true
		})
		doc := document(t, get(t, &journeys{setup: set, page: page}, "/"+string(kind)+"?flow=1"))
		for _, to := range want {
			if having(elements(doc, "footer")[0], "a", "href", base+to) == nil {
				t.Errorf("%s: there is no link to %q", kind, to)
			}
		}
	}
}

func TestJourneysThatAreTurnedOffAreNotOffered(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) {
		s.SelfService.Flows.Registration.Enabled, s.SelfService.Flows.Recovery.Enabled = false, false
	})
	for _, address := range []string{"/", "/login?flow=1"} {
		body := get(t, &journeys{setup: set, page: flowPage(flow.Login, ui.Container{Nodes: login()})}, address).Body.String()
		if strings.Contains(body, "self-service/registration") || strings.Contains(body, "self-service/recovery") {
			t.Errorf("%s links to a journey that is turned off", address)
		}
	}
}

func TestAStepUpOffersAWayOut(t *testing.T) {
	for name, change := range map[string]func(*flow.Flow){
		"a refresh":       func(f *flow.Flow) { f.Refresh = true },
		"a second factor": func(f *flow.Flow) { f.RequestedAAL = session.AAL2 },
	} {
		page := flowPage(flow.Login, ui.Container{Nodes: login()})
		change(page.Flow)
		doc := document(t, get(t, &journeys{page: page, session: signedIn()}, "/login?flow=1"))
		out := having(doc, "form", "class", "sign-out")
		if out == nil || value(out, "action") != base+"self-service/logout" || value(having(out, "input", "name", "token"), "value") != "secret" {
			t.Errorf("%s: there is no way to sign out", name)
		}
		if strings.Contains(textOf(doc), "self-service/registration") {
			t.Errorf("%s offers to sign up", name)
		}
	}
}

func TestTheTitleSaysThatSomethingWasWrong(t *testing.T) {
	title := func(c ui.Container) string {
		return textOf(elements(showPage(t, flowPage(flow.Login, c)), "title")[0])
	}
	fine := title(ui.Container{Nodes: login()})
	if failed := title(ui.Container{Nodes: login(), Messages: []ui.Message{ui.New(ui.ValidationCredentials)}}); failed == fine {
		t.Errorf("both titles are %q", fine)
	}
}

func TestOnlyPagesOfOursAreClaimed(t *testing.T) {
	elsewhere := func(s *config.Snapshot) {
		f := &s.SelfService.Flows
		for _, k := range []string{"login", "registration", "settings", "recovery", "verification"} {
			f.ByKind(k).UIURL, f.ByKind(k).UIBuiltIn = "https://ui.example/"+k, false
		}
		f.Error.UIURL, f.Error.UIBuiltIn = "https://ui.example/error", false
	}
	own := func(k string) func(*config.Snapshot) {
		return func(s *config.Snapshot) {
			elsewhere(s)
			s.SelfService.Flows.ByKind(k).UIBuiltIn = true
		}
	}
	all := []string{"/", "/login", "/registration", "/settings", "/recovery", "/verification", "/error", "style"}
	for name, tt := range map[string]struct {
		change func(*config.Snapshot)
		want   []string
	}{
		"all pages are ours":       {nil, all},
		"none is":                  {elsewhere, nil},
		"the pages are turned off": {func(s *config.Snapshot) { s.Cardea.Account.Enabled = false }, nil},
		"only signing in is":       {own("login"), []string{"/", "/login", "style"}},
		"only settings are":        {own("settings"), []string{"/settings", "style"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journeys{setup: setup(t, tt.change)}
			p := pages(t, j)
			claimed := map[string]bool{}
			for _, path := range tt.want {
				claimed[path] = true
			}
			for _, path := range append(all, "/nowhere", "/login/", "/logout", "/assets/", "/assets/cardea.css", "/Login") {
				address := path
				if path == "style" {
					address = p.look.Load().assets.style
				}
				r := httptest.NewRequest(http.MethodGet, address, nil)
				if got := p.Claims(j.setup, r); got != claimed[path] {
					t.Errorf("%s: claimed %v, want %v", path, got, claimed[path])
				}
				if w := httptest.NewRecorder(); !claimed[path] {
					if p.ServeHTTP(w, r); w.Code != http.StatusNotFound {
						t.Errorf("%s: status %d, want 404", path, w.Code)
					}
				}
			}
		})
	}
}

func TestSettingsThatNeedASecondFactorAreGoneOnWithBehindIt(t *testing.T) {
	w := get(t, &journeys{err: problem.Forbidden("").Named(problem.SessionAAL2Required)}, "/settings?flow=42")
	want := base + "self-service/login/browser?aal=aal2&return_to=" + url.QueryEscape(base+"settings?flow=42")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != want {
		t.Errorf("got %d to %q, want %q", w.Code, to, want)
	}
}
