package httpapi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestALogoutTokenIsForOneSession(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	other, bob := p.signIn(ann.session.Identity), p.moveIn("bob@cardea.test")
	begin := func(r resident, changes ...change) answer {
		return p.get("/self-service/logout/browser", append(changes, header("X-Session-Token", r.token))...)
	}
	first := begin(ann, inJSON)
	token := first.text("logout_token")
	if first.Code != 200 || !strings.HasPrefix(token, "ory_lo_") || len(token) != len("ory_lo_")+32 {
		t.Fatalf("the start answered %d with the token %q", first.Code, token)
	}
	if want := "https://id.cardea.test/self-service/logout?token=" + token; first.text("logout_url") != want {
		t.Errorf("the address is %q, want %q", first.text("logout_url"), want)
	}
	if again := begin(ann); again.Code != 200 || again.text("logout_token") != token {
		t.Errorf("a page is answered %d, or with another token", again.Code)
	}
	for name, r := range map[string]resident{"another session": other, "another person": bob} {
		if begin(r, inJSON).text("logout_token") == token {
			t.Errorf("%s has the same token", name)
		}
		a := p.get("/self-service/logout?token="+token, inJSON, header("X-Session-Token", r.token))
		if a.Code != 403 || errorID(a) != "" {
			t.Errorf("%s with the token is answered %d %q", name, a.Code, errorID(a))
		}
		if a := p.get("/sessions/whoami", header("X-Session-Token", r.token)); a.Code != 200 {
			t.Errorf("%s was signed out", name)
		}
	}
	for name, wrong := range map[string]string{
		"the session's id": ann.session.ID.String(), "the session's token": ann.token, "a cut one": token[:len(token)-1], "a longer one": token + "x",
		"capitals": strings.ToUpper(token), "another id's": p.wire.compiled.Load().logoutToken(uuid.New()),
	} {
		if a := p.get("/self-service/logout?token="+url.QueryEscape(wrong), inJSON, header("X-Session-Token", ann.token)); a.Code != 403 {
			t.Errorf("%s is answered %d", name, a.Code)
		}
	}
	if a := p.get("/sessions/whoami", header("X-Session-Token", ann.token)); a.Code != 200 {
		t.Error("a wrong token signed somebody out")
	}
}

func TestSigningOut(t *testing.T) {
	cases := []struct {
		name    string
		page    bool
		query   string // of the logout, beside the token
		token   string // in place of the right one; "none" for no token
		nobody  bool
		status  int
		to      string
		errorID string
		out     bool // the session is over
	}{
		{"a script", false, "", "", false, 204, "", "", true},
		{"a page", true, "", "", false, 303, "https://www.cardea.test/bye", "", true},
		{"a page with a place to go", true, "&return_to=https://app.cardea.test/inside", "", false, 303, "https://app.cardea.test/inside", "", true},
		{"a script with a foreign place", false, "&return_to=https://evil.test", "", false, 400, "", "self_service_flow_return_to_forbidden", true},
		{"a page with a foreign place", true, "&return_to=https://evil.test", "", false, 303, "https://www.cardea.test/error", "", true},
		{"a script without a token", false, "", "none", false, 400, "", "", false},
		{"a page without a token", true, "", "none", false, 303, "https://www.cardea.test/error", "", false},
		{"a script with a wrong token", false, "", "ory_lo_x", false, 403, "", "", false},
		{"a page with a wrong token", true, "", "ory_lo_x", false, 303, "https://www.cardea.test/error", "", false},
		{"a script of nobody", false, "", "", true, 401, "", "session_inactive", false},
		{"a page of nobody", true, "", "", true, 303, "https://www.cardea.test/error", "", false},
	}
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ann := p.signIn(ann.session.Identity)
			csrf := p.beginLogin().set
			begin := p.get("/self-service/logout/browser", sent(p.cookie(ann)))
			token := begin.text("logout_token")
			if c.token != "" {
				token = strings.TrimPrefix(c.token, "none")
			}
			changes := []change{sent(csrf)}
			if !c.nobody {
				changes = append(changes, sent(p.cookie(ann)))
			}
			if !c.page {
				changes = append(changes, inJSON)
			}
			a := p.get("/self-service/logout?token="+token+c.query, changes...)
			to, _, _ := strings.Cut(a.Header().Get("Location"), "?")
			if a.Code != c.status || to != c.to || errorID(a) != c.errorID {
				t.Errorf("answered %d to %q with id %q, want %d to %q with id %q", a.Code, to, errorID(a), c.status, c.to, c.errorID)
			}
			if me := p.get("/sessions/whoami", header("X-Session-Token", ann.token)); (me.Code == 401) != c.out {
				t.Errorf("afterwards whoami answers %d", me.Code)
			}
			if !c.out {
				return
			}
			gone := p.set(a, "ory_kratos_session")
			if gone == nil || gone.MaxAge != -1 || gone.Expires.Year() != 1970 {
				t.Errorf("the session cookie is %v, want it deleted", gone)
			}
			if rotated := p.set(a, "csrf_token_"); rotated == nil || rotated.Value == csrf.Value {
				t.Errorf("the anti-CSRF cookie is %v, want a new one", rotated)
			}
		})
	}
}

func TestTheStartOfALogoutChecksWhereItLeads(t *testing.T) {
	p := newPorch(t)
	ann := sent(p.cookie(p.moveIn("ann@cardea.test")))
	if a := p.get("/self-service/logout/browser?return_to=https://evil.test", ann, inJSON); a.Code != 400 || errorID(a) != "self_service_flow_return_to_forbidden" {
		t.Errorf("a script is answered %d %q", a.Code, errorID(a))
	}
	if a := p.get("/self-service/logout/browser?return_to=https://evil.test", ann); a.Code != 303 {
		t.Errorf("a page is answered %d", a.Code)
	}
	a := p.get("/self-service/logout/browser?return_to=https://app.cardea.test/inside", ann)
	to, err := url.Parse(a.text("logout_url"))
	if err != nil || to.Query().Get("return_to") != "https://app.cardea.test/inside" {
		t.Errorf("the address is %q", a.text("logout_url"))
	}
	if a := p.get("/self-service/logout/browser"); a.Code != 303 {
		t.Errorf("a page of nobody is answered %d", a.Code)
	}
	if a := p.get("/self-service/logout/browser", inJSON); a.Code != 401 || errorID(a) != "session_inactive" {
		t.Errorf("a script of nobody is answered %d %q", a.Code, errorID(a))
	}
}

func TestALogoutEndsTheSessionHoweverItWasPresented(t *testing.T) {
	p := newPorch(t)
	for name, by := range map[string]func(resident) change{
		"cookie": func(r resident) change { return sent(p.cookie(r)) },
		"header": func(r resident) change { return header("X-Session-Token", r.token) },
		"bearer": func(r resident) change { return header("Authorization", "Bearer "+r.token) },
	} {
		r := p.moveIn(name + "@cardea.test")
		token := p.get("/self-service/logout/browser", by(r)).text("logout_token")
		if a := p.get("/self-service/logout?token="+token, by(r), inJSON); a.Code != 204 {
			t.Errorf("%s: answered %d", name, a.Code)
		}
		if a := p.get("/sessions/whoami", header("X-Session-Token", r.token)); a.Code != 401 {
			t.Errorf("%s: whoami answers %d afterwards", name, a.Code)
		}
	}
}

func TestBrowserDataIsClearedOverTLSOnly(t *testing.T) {
	p := newPorch(t, `selfservice: {flows: {logout: {clear_browser_data: true}}}`)
	for _, https := range []bool{false, true} {
		ann := p.moveIn(map[bool]string{false: "ann", true: "bob"}[https] + "@cardea.test")
		token := p.get("/self-service/logout/browser", sent(p.cookie(ann))).text("logout_token")
		path := "/self-service/logout?token=" + token
		if https {
			path = "https://id.cardea.test" + path
		}
		a := p.get(path, sent(p.cookie(ann)))
		if got := a.Header().Get("Clear-Site-Data"); (got != "") != https {
			t.Errorf("over TLS %t: Clear-Site-Data is %q", https, got)
		}
	}
}

func TestNativeLogout(t *testing.T) {
	p := newPorch(t)
	ann, bob := p.moveIn("ann@cardea.test"), p.moveIn("bob@cardea.test")
	const path = "/self-service/logout/api"
	asJSON := header("Content-Type", "application/json")
	cases := []struct {
		name    string
		body    string
		changes []change
		status  int
	}{
		{"no body", "", []change{asJSON}, 400},
		{"broken JSON", "{", []change{asJSON}, 400},
		{"a list", "[]", []change{asJSON}, 400},
		{"a form", "session_token=" + ann.token, []change{asForm}, 400},
		{"no content type", `{"session_token":"` + ann.token + `"}`, nil, 400},
		{"JSON that says it is text", `{"session_token":"` + ann.token + `"}`, []change{header("Content-Type", "text/plain")}, 400},
		{"a number", `{"session_token":1}`, []change{asJSON}, 400},
		{"no token", "{}", []change{asJSON}, 403},
		{"an empty token", `{"session_token":""}`, []change{asJSON}, 403},
		{"an unknown token", `{"session_token":"ory_st_x"}`, []change{asJSON}, 403},
		{"only a header", "{}", []change{asJSON, header("X-Session-Token", ann.token)}, 403},
		{"only a cookie", "{}", []change{asJSON, sent(p.cookie(ann))}, 403},
		{"somebody else's header", `{"session_token":"` + bob.token + `"}`, []change{asJSON, header("X-Session-Token", ann.token)}, 204},
		{"again", `{"session_token":"` + bob.token + `"}`, []change{asJSON}, 204},
	}
	for _, c := range cases {
		if a := p.ask("DELETE", path, c.body, c.changes...); a.Code != c.status {
			t.Errorf("%s: answered %d %s, want %d", c.name, a.Code, a.Body, c.status)
		}
	}
	if a := p.get("/sessions/whoami", header("X-Session-Token", ann.token)); a.Code != 200 {
		t.Error("somebody was signed out who did not ask for it")
	}
	if a := p.get("/sessions/whoami", header("X-Session-Token", bob.token)); a.Code != 401 {
		t.Errorf("whoami answers %d afterwards", a.Code)
	}
	if a := p.ask("DELETE", path, `{"session_token":"`+ann.token+`"}`, header("Content-Type", "application/json; charset=utf-8")); a.Code != 204 {
		t.Errorf("JSON with a charset is answered %d", a.Code)
	}
}
