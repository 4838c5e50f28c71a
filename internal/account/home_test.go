package account

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

func TestTheFrontPageSaysWhoIsSignedIn(t *testing.T) {
	w := get(t, &journeys{session: signedIn()}, "/")
	doc := document(t, w)
	text := textOf(doc)
	for _, want := range []string{"ada@example.org", "Ada <b>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if having(doc, "time", "datetime", "2026-03-04T05:06:07Z") == nil {
		t.Error("the page lacks the time of the sign-in")
	}
	out := having(doc, "form", "class", "sign-out")
	if out == nil || value(out, "method") != "get" || value(having(out, "input", "name", "token"), "value") != "secret" {
		t.Error("there is no button to sign out")
	}
	if having(doc, "a", "href", base+"self-service/settings/browser#profile") == nil {
		t.Error("there is no way to the settings")
	}
}

func TestEveryWayOfSigningInHasAName(t *testing.T) {
	for _, method := range []string{"password", "code", "code_recovery", "link_recovery", "oidc", "saml", "passkey", "webauthn", "totp", "lookup_secret"} {
		s := signedIn()
		s.Methods[0].Method = method
		if text := textOf(document(t, get(t, &journeys{session: s}, "/"))); strings.Contains(text, "_") {
			t.Errorf("%s is shown as it is called inside: %s", method, text)
		}
	}
}

func TestStrangersMaySignInOrUp(t *testing.T) {
	for name, err := range map[string]error{"no session": nil, "an error that says so": problem.Unauthorized("")} {
		w := get(t, &journeys{err: err}, "/?return_to=%2Fx")
		doc := document(t, w)
		for _, want := range []string{"login", "registration"} {
			if having(doc, "a", "href", base+"self-service/"+want+"/browser?return_to=%2Fx") == nil {
				t.Errorf("%s: there is no way to %s", name, want)
			}
		}
		if w.Code != http.StatusOK || having(doc, "form", "class", "sign-out") != nil {
			t.Errorf("%s: status %d, or there is somebody to sign out", name, w.Code)
		}
	}
}

func TestASessionThatNeedsASecondFactorIsSentToIt(t *testing.T) {
	w := get(t, &journeys{err: problem.Forbidden("").Named(problem.SessionAAL2Required)}, "/")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != base+"self-service/login/browser?aal=aal2" {
		t.Errorf("got %d to %q", w.Code, to)
	}
}

func TestTheErrorPageExplains(t *testing.T) {
	for name, tt := range map[string]struct {
		failure *problem.Error
		address string
		status  int
		says    string
	}{
		"an error with a reason":    {problem.BadRequest("The moon is full."), "/error?id=42", 200, "The moon is full."},
		"an error of ours":          {problem.Internal(nil), "/error?id=42", 200, "42"},
		"the other parameter":       {problem.BadRequest("The moon is full."), "/error?error=42", 200, "The moon is full."},
		"an error that is not kept": {nil, "/error?id=42", 404, ""},
		"no error at all":           {nil, "/error", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, &journeys{failure: tt.failure}, tt.address)
			doc := document(t, w)
			if w.Code != tt.status || !strings.Contains(textOf(doc), tt.says) {
				t.Errorf("status %d, want %d with %q", w.Code, tt.status, tt.says)
			}
			if having(doc, "a", "href", base) == nil {
				t.Error("there is no way back")
			}
		})
	}
}

func TestEveryProblemThatPeopleMeetIsExplained(t *testing.T) {
	for _, id := range []problem.ID{
		problem.CSRFViolation, problem.FlowDisabled, problem.ReturnToForbidden, problem.SessionInactive, problem.SessionAAL1Required, problem.SessionAAL2Required,
	} {
		if catalogue(t).Locale().Pages().Maybe("failure."+string(id)) == "" {
			t.Errorf("there are no words for %s", id)
		}
	}
}

func TestNameAndLogoAreTheOperators(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) {
		s.Cardea.Account.Name, s.Cardea.Account.LogoURL = "Acme & Sons", "https://cdn.example.org/logo.svg"
	})
	doc := document(t, get(t, &journeys{setup: set}, "/"))
	if having(doc, "img", "src", "https://cdn.example.org/logo.svg") == nil {
		t.Error("the logo is missing")
	}
	if !strings.Contains(textOf(elements(doc, "title")[0]), "Acme & Sons") {
		t.Error("the title lacks the name")
	}
}

func TestAssetsMayBeKeptForEver(t *testing.T) {
	p := pages(t, &journeys{})
	for file, contentType := range map[string]string{p.look.Load().assets.style: "text/css; charset=utf-8", p.look.Load().assets.icon: "image/svg+xml"} {
		w := httptest.NewRecorder()
		w.Header().Set("Set-Cookie", "csrf=1")
		w.Header().Set("Vary", "Cookie")
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, file, nil))
		for header, want := range map[string]string{
			"Content-Type": contentType, "Cache-Control": "public, max-age=31536000, immutable",
			"X-Content-Type-Options": "nosniff", "Set-Cookie": "", "Vary": "Accept-Encoding",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", file, header, got, want)
			}
		}
	}
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	j := &journeys{page: flowPage(flow.Login, ui.Container{Nodes: login()})}
	w := get(t, j, "/login?flow=1")
	size := w.Body.Len()
	p := pages(t, j)
	for _, e := range elements(document(t, w), "") {
		for _, key := range []string{"src", "href"} {
			from, ok := attribute(e, key)
			if !ok || e.Data == "a" {
				continue
			}
			file, known := p.look.Load().assets.files[from]
			if !known {
				t.Errorf("<%s> loads %s", e.Data, from)
			}
			if e.Data == "link" {
				size += len(file.content)
			}
		}
	}
	if size > 30_000 {
		t.Errorf("the first page needs %d bytes", size)
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	p := pages(t, &journeys{})
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("status %d", w.Code)
	}
	w = httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: status %d and %d bytes", w.Code, w.Body.Len())
	}
}

func TestPagesBelowAPrefixFindTheirStyle(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) { s.Serve.Public.BaseURL = mustParse(t, "https://id.example.org/auth/") })
	j := &journeys{setup: set}
	doc := document(t, get(t, j, "/"))
	if having(doc, "link", "href", "/auth"+pages(t, j).look.Load().assets.style) == nil {
		t.Error("the style sheet is looked for outside of the prefix")
	}
	if having(doc, "a", "href", "https://id.example.org/auth/self-service/login/browser") == nil {
		t.Error("the link to sign in leads outside of the prefix")
	}
}
