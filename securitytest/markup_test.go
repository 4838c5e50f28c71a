package securitytest

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"cardea/cardeatest"
)

// TestMarkupOfPeopleStaysTextOnEveryPage puts markup into everything that pages show and
// that people, operators or providers write, and looks for elements and attributes that no
// page of ours has.
func TestMarkupOfPeopleStaysTextOnEveryPage(t *testing.T) {
	const evil = `"><script src=//evil.example></script><img src=x onerror=alert(1)>'` + "`{{7*7}}</title>"
	provider := cardeatest.NewProvider(t)
	const titled = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
	  "email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}},
	  "name": {"type": "string", "title": "\"><script>alert(2)</script>"}}}}}`
	h := newHouse(t, cardeatest.Options{Pages: true, Config: everything(
		"identity: {schemas: [{id: default, url: "+encoded(titled)+"}]}",
		"selfservice: {methods: {oidc: {enabled: true, config: {providers: ["+provider.Config("acme", `, label: "<script>alert(3)</script>"`)+"]}}}}",
		`cardea: {account: {name: "<script>alert(4)</script>"}}`)})
	c := h.Client(cardeatest.Browser)
	form := url.Values{"method": {"password"}, "traits.email": {owner}, "traits.name": {evil}, "password": {passwordOf(owner)}}
	begin := func(journey string) string {
		a := c.Get("/self-service/" + journey + "/browser")
		to, err := url.Parse(a.Location)
		if err != nil || to.Query().Get("flow") == "" {
			t.Fatalf("start %s: %d to %q", journey, a.Status, a.Location)
		}
		return to.Query().Get("flow")
	}
	send := func(journey, flow string, fields url.Values) {
		shown := h.read(c, journey, flow)
		fields.Set("csrf_token", shown)
		c.Do("POST", "/self-service/"+journey+"?flow="+flow, fields)
	}
	var pages []string
	wrong := begin("registration")
	send("registration", wrong, url.Values{"method": {"password"}, "traits.email": {evil}, "traits.name": {evil}, "password": {evil}})
	pages = append(pages, "/registration?flow="+wrong)
	login := begin("login")
	send("login", login, url.Values{"method": {"password"}, "identifier": {evil}, "password": {evil}})
	pages = append(pages, "/login?flow="+login, "/error?id="+url.QueryEscape(evil), "/login?flow="+url.QueryEscape(evil), "/verification?flow="+url.QueryEscape(evil), "/?return_to="+url.QueryEscape(evil), "/recovery?code="+url.QueryEscape(evil))
	recovery := begin("recovery")
	send("recovery", recovery, url.Values{"method": {"code"}, "email": {evil}})
	pages = append(pages, "/recovery?flow="+recovery)
	shown := 0
	look := func(path string) {
		t.Helper()
		a := c.Get(path)
		for n := 0; n < 5 && a.Status/100 == 3 && strings.HasPrefix(a.Location, h.PublicURL); n++ {
			a = c.Get(a.Location)
		}
		if a.Status >= 500 {
			t.Errorf("%s: %d", path, a.Status)
		}
		if strings.Contains(a.Header.Get("Content-Type"), "text/html") {
			shown++
			harmless(t, path, a)
		}
	}
	for _, p := range pages {
		look(p)
	}
	up := begin("registration")
	send("registration", up, form)
	if who := h.accounts(); who != 1 {
		t.Fatalf("%d accounts: nobody signed up", who)
	}
	for _, p := range []string{"/", "/settings", "/sessions", "/login?refresh=true", "/logout"} {
		look(p)
	}
	settings := begin("settings")
	look("/settings?flow=" + settings)
	if shown < 8 {
		t.Errorf("only %d pages were looked at", shown)
	}
}

// read is the anti-CSRF token of a page's flow.
func (h *house) read(c *cardeatest.Client, journey, flow string) string {
	h.Helper()
	n := c.Get("/self-service/" + journey + "/flows?id=" + flow).Node("csrf_token")
	if n == nil {
		h.Fatalf("the %s has no token", journey)
	}
	text, _ := n.Attributes["value"].(string)
	return text
}

// harmless looks for what data could have brought into a page.
func harmless(t *testing.T, path string, a *cardeatest.Answer) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(a.Body)))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attributes := map[string]string{}
		for _, at := range n.Attr {
			attributes[at.Key] = at.Val
			if strings.HasPrefix(at.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(at.Val)), "javascript:") || strings.Contains(at.Key, "evil") {
				t.Errorf("%s: <%s %s=%q>", path, n.Data, at.Key, at.Val)
			}
		}
		if src := attributes["src"]; n.Data == "script" && (src == "" || !strings.HasPrefix(src, "/") || strings.HasPrefix(src, "//") || n.FirstChild != nil) || n.Data == "img" && src == "x" || n.Data == "iframe" || n.Data == "object" {
			t.Errorf("%s: <%s src=%q>", path, n.Data, src)
		}
	}
	if strings.Contains(string(a.Body), "49") && strings.Contains(string(a.Body), "`49") {
		t.Errorf("%s: a template in data was evaluated", path)
	}
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") && !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe-inline") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("%s: the policy is %q", path, policy)
	}
}
