package account

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// evil is markup that would do something wherever it got through.
const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`

func evilNodes() ui.Nodes {
	message := ui.Foreign(1, evil, ui.Error, nil)
	n := func(a interface{ Node(ui.Group) ui.Node }, g ui.Group) ui.Node {
		node := a.Node(g).Labelled(message)
		node.Messages = []ui.Message{ui.Foreign(1, evil, ui.MessageType(evil), map[string]any{"secrets": []ui.Message{message}}), message}
		return node
	}
	nodes := ui.Nodes{
		n(ui.Text{ID: evil, Text: message}, ui.Default),
		n(ui.Text{ID: evil, Text: ui.Foreign(1, "", ui.Info, map[string]any{"secrets": []ui.Message{message}})}, ui.Default),
		n(ui.Anchor{ID: evil, HRef: "javascript:alert(1)", Title: message}, ui.Default),
		n(ui.Image{ID: evil, Source: "javascript:alert(1)"}, ui.Default),
		n(ui.Image{ID: evil, Source: "data:image/png;base64,AAAA"}, ui.Default),
		n(ui.Input{Name: evil, Type: ui.InputText, Options: []ui.Option{{Value: evil}}}, ui.Default),
	}
	for _, t := range []ui.InputType{ui.InputText, ui.InputHidden, ui.InputSubmit, ui.InputCheckbox, ui.InputButton, ui.InputType(evil)} {
		nodes = append(nodes, n(ui.Input{
			Name: evil, Type: t, Value: evil, Autocomplete: evil, Pattern: evil, OnLoad: evil, OnLoadTrigger: evil,
		}, ui.Group(evil)))
	}
	return nodes
}

func TestMarkupInDataStaysText(t *testing.T) {
	for _, k := range []flow.Kind{flow.Login, flow.Settings} {
		page := flowPage(k, ui.Container{Nodes: evilNodes(), Messages: []ui.Message{ui.Foreign(1, evil, ui.Error, nil)}})
		page.Flow.ReturnTo, page.Flow.Challenge = evil, evil
		w := get(t, &journeys{page: page}, "/"+string(k)+"?flow="+url.QueryEscape(evil))
		checkHarmless(t, document(t, w))
	}
	for _, address := range []string{"/error?id=" + url.QueryEscape(evil), "/error"} {
		fault := problem.New(400, "%s", evil).Named(problem.ID(evil))
		checkHarmless(t, document(t, get(t, &journeys{failure: fault}, address)))
	}
	person := signedIn()
	person.Identity.Traits = []byte(`{"email":"\"><script>alert(1)</script>"}`)
	person.Methods[0].Method = evil
	checkHarmless(t, document(t, get(t, &journeys{session: person}, "/?return_to="+url.QueryEscape(evil))))
	branded := setup(t, func(s *config.Snapshot) {
		s.Cardea.Account.Name, s.Cardea.Account.LogoURL = evil, "javascript:alert(1)"
	})
	checkHarmless(t, document(t, get(t, &journeys{setup: branded}, "/")))
}

// isOurs says whether a script is a file of ours and nothing else.
func isOurs(script *html.Node) bool {
	return script.FirstChild == nil && strings.HasPrefix(value(script, "src"), "/assets/")
}

func checkHarmless(t *testing.T, doc *html.Node) {
	t.Helper()
	for _, e := range elements(doc, "") {
		if e.Data == "script" && !isOurs(e) || e.Data == "img" && value(e, "src") == "x" {
			t.Errorf("there is a <%s>", e.Data)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has the attribute %s", e.Data, a.Key)
			}
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("<%s> has %s=%q", e.Data, a.Key, a.Val)
			}
			if a.Key == "id" && !strings.HasPrefix(a.Val, "f") && !strings.HasPrefix(a.Val, "note-") {
				t.Errorf("<%s> has an id made of data: %q", e.Data, a.Val)
			}
		}
	}
}

func TestAnchorsLeadToTheWebOrToConfiguredApps(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) {
		s.SelfService.AllowedReturnURLs = append(s.SelfService.AllowedReturnURLs, mustParse(t, "myapp://home"), mustParse(t, "javascript:x"))
	})
	for href, allowed := range map[string]bool{
		"https://example.org/x?y=z": true, "http://127.0.0.1:4433/": true, "/settings": true, "myapp://home/x": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, " javascript:alert(1)": false, "java\nscript:alert(1)": false,
		"data:text/html,x": false, "vbscript:x": false, "file:///etc/passwd": false, "blob:x": false, "otherapp://x": false,
		"//example.org": false, `/\example.org`: false, `\\example.org`: false, "https:": false, "https://user@example.org": false, "": false,
	} {
		page := flowPage(flow.Verification, ui.Container{Nodes: ui.Nodes{ui.Anchor{ID: "continue", HRef: href, Title: label("Go on")}.Node(ui.Code)}})
		doc := document(t, get(t, &journeys{setup: set, page: page}, "/verification?flow=1"))
		if got := len(elements(elements(doc, "form")[0], "a")) > 0; got != allowed {
			t.Errorf("%q: linked %v, want %v", href, got, allowed)
		}
		if !strings.Contains(textOf(doc), "Go on") {
			t.Errorf("%q: the words are lost", href)
		}
	}
}

func TestPicturesComeFromTheWebOrFromTheFormItself(t *testing.T) {
	for source, shown := range map[string]bool{
		"data:image/png;base64,iVBORw0KGgo=": true, "https://example.org/qr.png": true, "/qr.png": true,
		"data:text/html;base64,AAAA": false, "data:image/svg+xml,<svg/>": false, "javascript:alert(1)": false, "//example.org/x.png": false,
	} {
		doc := show(t, flow.Settings, ui.Image{ID: "x", Source: source, Width: 10, Height: 10}.Node(ui.TOTP).Labelled(label("QR")))
		if got := having(doc, "img", "alt", "QR") != nil; got != shown {
			t.Errorf("%q: shown %v, want %v", source, got, shown)
		}
	}
}

// directives reads a content security policy.
func directives(t *testing.T, h http.Header) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, d := range strings.Split(h.Get("Content-Security-Policy"), ";") {
		words := strings.Fields(d)
		if len(words) == 0 || all[words[0]] != nil {
			t.Fatalf("the policy is broken: %q", h.Get("Content-Security-Policy"))
		}
		all[words[0]] = words[1:]
	}
	return all
}

func TestEveryPageHasTheStrictPolicy(t *testing.T) {
	j := &journeys{page: flowPage(flow.Login, ui.Container{Nodes: login()}), session: signedIn(), failure: problem.Forbidden("no")}
	j.page.UI.Nodes.Remove(func(n ui.Node) bool { return n.Group == ui.OIDC })
	for _, address := range []string{"/login?flow=1", "/", "/error?id=1", "/error", "/login?cookies=check", "/settings"} {
		w := get(t, j, address)
		got := directives(t, w.Header())
		for directive, want := range map[string]string{
			"default-src": "'none'", "style-src": "'self'", "img-src": "'self' data:", "frame-ancestors": "'none'", "base-uri": "'none'", "script-src": "'self'",
			"form-action": "'self' http://127.0.0.1:4433",
		} {
			if s := strings.Join(got[directive], " "); s != want {
				t.Errorf("%s: %s is %q, want %q", address, directive, s, want)
			}
		}
		if strings.Contains(w.Header().Get("Content-Security-Policy"), "unsafe") {
			t.Errorf("%s: the policy has a hole", address)
		}
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", address, header, got, want)
			}
		}
	}
}

func TestFormsMayEndWhereTheConfigurationSaysAndNowhereElse(t *testing.T) {
	set := setup(t, func(s *config.Snapshot) {
		s.SelfService.DefaultBrowserReturnURL = "https://app.example.org/home?x=1"
		s.SelfService.Flows.Login.After.Methods = map[string]config.AfterMethod{"password": {DefaultBrowserReturnURL: "https://after.example.org"}}
		s.SelfService.Flows.Logout.After.DefaultBrowserReturnURL = "https://bye.example.org/"
		s.SelfService.AllowedReturnURLs = append(s.SelfService.AllowedReturnURLs,
			mustParse(t, "https://*.example.com/app"), mustParse(t, "myapp://home"), mustParse(t, "/here"),
			mustParse(t, "data:text/html,x"), mustParse(t, "https://x;script-src"), mustParse(t, "https://y,default-src"), mustParse(t, "https://'unsafe-inline'"))
		s.Cardea.Account.LogoURL = "https://cdn.example.org/logo.svg"
	})
	got := directives(t, get(t, &journeys{setup: set}, "/").Header())
	want := "'self' http://127.0.0.1:4433 https://app.example.org https://bye.example.org https://*.example.com myapp: https://after.example.org"
	if s := strings.Join(got["form-action"], " "); s != want {
		t.Errorf("form-action is\n%q, want\n%q", s, want)
	}
	if s := strings.Join(got["img-src"], " "); s != "'self' data: https://cdn.example.org" {
		t.Errorf("img-src is %q", s)
	}
}

func TestRedirectsNeverLeaveThePublicURL(t *testing.T) {
	targets := []string{"https://evil.example", "//evil.example", `\\evil.example`, "javascript:alert(1)", "/%0d%0aX: y", evil}
	for _, target := range targets {
		for _, address := range []string{"/login?return_to=", "/registration?flow=1&return_to=", "/settings?aal=", "/?return_to=", "/recovery?return_to=x&flow="} {
			p := pages(t, &journeys{err: problem.NotFound("")})
			r := httptest.NewRequest(http.MethodGet, address+url.QueryEscape(target), nil)
			r.Host = "evil.example"
			r.Header.Set("X-Forwarded-Host", "evil.example")
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, base) {
				t.Errorf("%s%s leads to %s", address, target, to)
			}
		}
	}
}

func TestACauseIsNeverShown(t *testing.T) {
	for _, address := range []string{"/login?flow=1", "/", "/error?id=1"} {
		w := get(t, &journeys{err: problem.Internal(errSecret{}), failure: problem.Forbidden("")}, address)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("%s: status %d", address, w.Code)
		}
		if strings.Contains(w.Body.String(), errSecret{}.Error()) {
			t.Errorf("%s shows the cause", address)
		}
	}
}

type errSecret struct{}

func (errSecret) Error() string { return "select password from people" }

func TestScriptsRunWhereAKeyNeedsThemAndOnlyOurs(t *testing.T) {
	page := flowPage(flow.Login, ui.Container{Nodes: ui.Nodes{
		trigger(ui.Passkey, "passkey_login_trigger", "", ui.TriggerPasskeyLogin),
		ui.Input{Name: "passkey_login", Type: ui.InputHidden, OnLoadTrigger: ui.TriggerPasskeyLoginAutocomplete, OnLoad: evil}.Node(ui.Passkey),
	}})
	w := get(t, &journeys{page: page}, "/login?flow=1")
	if got := strings.Join(directives(t, w.Header())["script-src"], " "); got != "'self'" {
		t.Errorf("script-src is %q, want 'self'", got)
	}
	doc := document(t, w)
	scripts := elements(doc, "script")
	if len(scripts) != 2 {
		t.Fatalf("the page has %d scripts, want 2", len(scripts))
	}
	for _, s := range scripts {
		if file := get(t, &journeys{page: page}, value(s, "src")); file.Code != http.StatusOK || !strings.HasPrefix(file.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("the script is answered with %d %v", file.Code, file.Header())
		}
	}
	if b := having(doc, "button", "name", "passkey_login_trigger"); b == nil || value(b, "data-ory-click") != "oryPasskeyLogin" || value(b, "type") != "button" {
		t.Error("the button does not name its function")
	}
	if in := having(doc, "input", "name", "passkey_login"); in == nil || value(in, "data-ory-load") != "oryPasskeyLoginAutocompleteInit" {
		t.Error("the field does not name its function")
	}
	foreign := flowPage(flow.Login, ui.Container{Nodes: ui.Nodes{trigger(ui.Passkey, "x", "", "alert")}})
	w = get(t, &journeys{page: foreign}, "/login?flow=1")
	if len(elements(document(t, w), "script")) != 1 || having(document(t, w), "button", "name", "x") != nil {
		t.Error("a button of somebody else makes scripts run")
	}
}

func TestFormsThatLeadToAProviderMayEndAnywhereOnTheWeb(t *testing.T) {
	for issuer, want := range map[string]string{"https://id.example.org": "https:", "http://127.0.0.1:9": "http:"} {
		set := setup(t, func(s *config.Snapshot) {
			s.SelfService.Methods.OIDC.Enabled = true
			s.SelfService.Methods.OIDC.Config.Providers = []config.OIDCProvider{{ID: "acme", IssuerURL: issuer}}
		})
		page := flowPage(flow.Login, ui.Container{Nodes: ui.Nodes{ui.Submit(ui.OIDC, "provider", "acme", label("Acme"))}})
		got := directives(t, get(t, &journeys{setup: set, page: page}, "/login?flow=1").Header())
		if forms := got["form-action"]; forms[len(forms)-1] != want {
			t.Errorf("%s: form-action is %v, want it to end with %s", issuer, forms, want)
		}
		if forms := directives(t, get(t, &journeys{setup: set}, "/").Header())["form-action"]; slices.Contains(forms, want) {
			t.Errorf("%s: a page without providers has form-action %v", issuer, forms)
		}
		// Whoever says who they are can be led to the provider of their organization.
		asks := flowPage(flow.Login, ui.Container{Nodes: ui.Nodes{ui.Submit(ui.IdentifierFirst, "method", "identifier_first", label("Continue"))}})
		for organization, leads := range map[string]bool{"": false, "6f8f1f0b-98a5-4c9e-8a5e-0d6a6c1e7a11": true} {
			set.SelfService.Methods.OIDC.Config.Providers[0].OrganizationID = organization
			forms := directives(t, get(t, &journeys{setup: set, page: asks}, "/login?flow=1").Header())["form-action"]
			if slices.Contains(forms, want) != leads {
				t.Errorf("%s: a connection of %q gives form-action %v", issuer, organization, forms)
			}
		}
	}
}

func TestFormsForAnOAuth2ClientMayEndWhereverItIs(t *testing.T) {
	page := flowPage(flow.Login, ui.Container{Nodes: login()})
	page.Flow.Challenge = "c"
	got := directives(t, get(t, &journeys{page: page}, "/login?flow=1").Header())
	if forms, ok := got["form-action"]; ok {
		t.Errorf("form-action is %v: an app of a scheme of its own cannot be reached", forms)
	}
	if got["default-src"][0] != "'none'" || got["base-uri"][0] != "'none'" {
		t.Errorf("the rest of the policy is %v", got)
	}
}
