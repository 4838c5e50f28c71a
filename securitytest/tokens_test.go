package securitytest

import (
	"net/url"
	"regexp"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// place is somewhere that a secret can be presented. It says whether it was believed.
type place struct {
	name  string
	tries func(h *house, value string) bool
}

func showing(header, prefix string) func(*house, string) bool {
	return func(h *house, value string) bool {
		c := h.Client(cardeatest.Native)
		c.Header[header] = []string{prefix + value}
		return c.WhoAmI().Status == 200
	}
}

// asACode submits a value as the code of a journey that the owner has begun.
func asACode(kind, field string) func(*house, string) bool {
	return func(h *house, value string) bool {
		c := h.Client(cardeatest.Native)
		f := c.Start(kind, "")
		f.Submit(map[string]any{"method": "code", field: owner})
		took(c, f.Submit(map[string]any{"method": "code", field: owner, "code": value}))
		return c.Token != "" || f.Fetch().Text("state") == "passed_challenge"
	}
}

// over opens a flow of a kind with a value in the query.
func over(kind, name string) func(*house, string) bool {
	return func(h *house, value string) bool {
		c := h.Client(cardeatest.Browser)
		f := c.Start(kind, "")
		c.Get("/self-service/" + kind + "?flow=" + f.ID + "&" + name + "=" + url.QueryEscape(value))
		return c.WhoAmI().Status == 200 || f.Fetch().Text("state") == "passed_challenge"
	}
}

const owner = "ann@cardea.test"

func places() []place {
	return []place{
		{"X-Session-Token", showing("X-Session-Token", "")},
		{"Authorization", showing("Authorization", "Bearer ")},
		{"session cookie", showing("Cookie", "ory_kratos_session=")},
		{"anti-CSRF token", func(h *house, value string) bool {
			c := h.Client(cardeatest.SPA)
			f := c.Start("login", "")
			return f.Submit(map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner), "csrf_token": value}).Status == 200
		}},
		{"logout", func(h *house, value string) bool {
			a := h.in(cardeatest.SPA, owner).Get("/self-service/logout?token=" + url.QueryEscape(value))
			return a.Status < 400
		}},
		{"logout of an app", func(h *house, value string) bool {
			return h.Client(cardeatest.Native).Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": value}).Status < 400
		}},
		{"first half of an exchange", func(h *house, value string) bool {
			return h.Client(cardeatest.Native).Get("/sessions/token-exchange?init_code="+url.QueryEscape(value)+"&return_to_code="+url.QueryEscape(value)).Status < 400
		}},
		{"undo", func(h *house, value string) bool {
			return h.Client(cardeatest.Native).Do("POST", "/self-service/undo", map[string]string{"token": value}).Status < 400
		}},
		{"login code", asACode("login", "identifier")},
		{"recovery code", asACode("recovery", "email")},
		{"verification code", asACode("verification", "email")},
		{"recovery link", over("recovery", "token")},
		{"recovery code in a link", over("recovery", "code")},
		{"verification link", over("verification", "token")},
		{"verification code in a link", over("verification", "code")},
		{"password", func(h *house, value string) bool {
			c := h.Client(cardeatest.Native)
			took(c, c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": owner, "password": value}))
			return c.Token != ""
		}},
		{"page of sessions", func(h *house, value string) bool {
			return h.operator.Get(h.AdminURL+"/admin/sessions?page_token="+url.QueryEscape(value)).Status == 200
		}},
		{"page of accounts", func(h *house, value string) bool {
			return h.operator.Get(h.AdminURL+"/admin/identities?page_token="+url.QueryEscape(value)).Status == 200
		}},
	}
}

// TestTokensAreBoundToPurposeUserAndFlow presents every secret that there is at every
// place where a secret is wanted. Each is believed where it belongs, and nowhere else.
func TestTokensAreBoundToPurposeUserAndFlow(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything()})
	h.owner = h.person(owner, nil)
	for range 3 {
		h.in(cardeatest.Native, owner) // sessions enough for a second page
	}
	h.person("eve@cardea.test", nil)
	page := regexp.MustCompile(`page_token=([^&>]+)`)
	next := func(path string) string {
		m := page.FindStringSubmatch(h.operator.Get(h.AdminURL + path + "?page_size=1").Header.Get("Link"))
		if m == nil {
			t.Fatalf("%s has one page", path)
		}
		value, _ := url.QueryUnescape(m[1])
		return value
	}
	spa, native := h.in(cardeatest.SPA, owner), h.in(cardeatest.Native, owner)
	asked := func(kind, field string) string {
		f := h.Client(cardeatest.SPA).Start(kind, "")
		f.Submit(map[string]any{"method": "code", field: owner})
		return h.LastMail(owner).Code()
	}
	link := func() string {
		a := h.operator.Do("POST", h.AdminURL+"/admin/recovery/link", map[string]any{"identity_id": h.owner})
		u, err := url.Parse(a.Text("recovery_link"))
		if err != nil || u.Query().Get("token") == "" {
			t.Fatalf("a link: %d %s", a.Status, a.Body)
		}
		return u.Query().Get("token")
	}
	begun := h.Client(cardeatest.Native).Start("login", "return_session_token_exchange_code=true")
	cookie := ""
	u, _ := url.Parse(h.PublicURL)
	for _, c := range spa.Jar().Cookies(u) {
		if c.Name == "ory_kratos_session" {
			cookie = c.Value
		}
	}
	secrets := []struct {
		name, value string
		good        []string // at places; the session token is last: signing out ends it
	}{
		{"anti-CSRF token of another browser", h.Client(cardeatest.SPA).Start("login", "").CSRF, nil},
		{"logout token of another session", spa.Get("/self-service/logout/browser").Text("logout_token"), nil},
		{"login code of another flow", asked("login", "identifier"), nil},
		{"recovery code of another flow", asked("recovery", "email"), nil},
		{"verification code of another flow", asked("verification", "email"), nil},
		{"exchange code", begun.Answer.Text("session_token_exchange_code"), nil},
		{"flow", begun.ID, nil},
		{"account", h.owner, nil},
		{"session", spa.WhoAmI().Text("id"), nil},
		{"page of sessions", next("/admin/sessions"), []string{"page of sessions"}},
		{"page of accounts", next("/admin/identities"), []string{"page of accounts"}},
		{"session cookie", cookie, []string{"session cookie"}},
		{"link of an operator, opened on another flow", link(), nil},
		{"session token", native.Token, []string{"X-Session-Token", "Authorization", "logout of an app"}},
	}
	for _, s := range secrets {
		if s.value == "" {
			t.Fatalf("there is no %s", s.name)
		}
		var all sync.WaitGroup
		for _, p := range places() {
			want := false
			for _, g := range s.good {
				want = want || g == p.name
			}
			if want {
				continue // these end it
			}
			all.Go(func() {
				if p.tries(h, s.value) {
					t.Errorf("%s is believed as %s", s.name, p.name)
				}
			})
		}
		all.Wait()
		for _, g := range s.good {
			for _, p := range places() {
				if p.name == g && !p.tries(h, s.value) {
					t.Errorf("%s is not believed as %s", s.name, p.name)
				}
			}
		}
	}
}
