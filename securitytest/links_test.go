package securitytest

import (
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// TestForwardedHeadersPoisonNoLink asks for everything that leads somewhere, with every
// header that could name another host; nobody is led to it, by no answer and no mail.
func TestForwardedHeadersPoisonNoLink(t *testing.T) {
	const evil = "evil.example"
	headers := map[string]string{
		"X-Forwarded-Host": evil, "X-Forwarded-Proto": "ftp", "X-Forwarded-For": evil, "X-Forwarded-Server": evil, "X-Forwarded-Prefix": "//" + evil + "/",
		"Forwarded": "for=" + evil + ";host=" + evil + ";proto=https", "X-Host": evil, "X-Original-Host": evil, "X-Original-Url": "//" + evil, "X-Rewrite-Url": "//" + evil,
		"X-Real-Ip": evil, "X-Http-Host-Override": evil, "Referer": "https://" + evil + "/", "True-Client-Ip": evil, "Ory-Base-Url-Rewrite": "https://" + evil, "X-Url-Scheme": "javascript",
	}
	for _, use := range []string{"code", "link"} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cardeatest.Options{Config: everything("selfservice: {flows: {recovery: {use: " + use + "}, verification: {use: " + use + "}}}")})
			h.person(owner, nil)
			for _, kind := range []cardeatest.Kind{cardeatest.SPA, cardeatest.Native} {
				c := h.Client(kind)
				for name, value := range headers {
					c.Header.Set(name, value)
				}
				check := func(what string, a *cardeatest.Answer) {
					t.Helper()
					if a.Status >= 500 || strings.Contains(a.Location, evil) {
						t.Errorf("%s: %d to %q", what, a.Status, a.Location)
					}
					for _, name := range []string{"Link", "Content-Location", "Refresh", "Set-Cookie"} {
						if strings.Contains(strings.Join(a.Header.Values(name), " "), evil) {
							t.Errorf("%s: %s is %q", what, name, a.Header.Values(name))
						}
					}
					if to := a.UI().Action; to != "" && !strings.HasPrefix(to, h.PublicURL+"/") {
						t.Errorf("%s: the form goes to %q", what, to)
					}
					if to := find(a.JSON, "redirect_browser_to", "logout_url", "recovery_link"); strings.Contains(to, evil) {
						t.Errorf("%s: leads to %q", what, to)
					}
				}
				for _, flow := range []string{"recovery", "verification", "login", "registration"} {
					f := c.Start(flow, "")
					check("start "+flow, f.Answer)
					method, field := use, "email"
					if flow == "login" {
						method, field = "code", "identifier"
					}
					if flow == "registration" {
						method, field = "code", "traits.email"
					}
					address := owner
					if flow == "registration" {
						address = string(kind) + "@cardea.test"
					}
					check("submit "+flow, f.Submit(map[string]any{"method": method, field: address}))
				}
				took(c, check2(check, c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner)})))
				check("whoami", c.WhoAmI())
				for _, path := range []string{"/self-service/settings/browser", "/self-service/logout/browser", "/identities", "/sessions?page_size=1", "//" + evil + "/..", "/self-service/login/browser?aal=aal2"} {
					check(path, c.Get(path))
				}
				check("an operator's link", c.Do("POST", h.AdminURL+"/admin/recovery/link", map[string]any{"identity_id": c.WhoAmI().Text("identity", "id")}))
				check("an operator's code", c.Do("POST", h.AdminURL+"/admin/recovery/code", map[string]any{"identity_id": c.WhoAmI().Text("identity", "id")}))
				check("an operator's list", c.Get(h.AdminURL+"/admin/sessions?page_size=1"))
			}
			mails := 0
			for _, address := range []string{owner, "spa@cardea.test", "native@cardea.test"} {
				for _, m := range h.Mails(address) {
					mails++
					if strings.Contains(m.Body+m.Subject, evil) {
						t.Errorf("a %s says %q", m.Template, m.Body)
					}
					if link, err := url.Parse(m.Link()); m.Link() != "" && (err != nil || "http://"+link.Host != h.PublicURL && link.Host != "ui.cardea.test") {
						t.Errorf("a %s leads to %q", m.Template, m.Link())
					}
				}
			}
			if mails < 6 {
				t.Errorf("only %d mails were written: this test proves nothing", mails)
			}
		})
	}
}

func check2(check func(string, *cardeatest.Answer), a *cardeatest.Answer) *cardeatest.Answer {
	check("sign in", a)
	return a
}
