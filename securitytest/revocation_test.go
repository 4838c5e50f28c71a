package securitytest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// TestRevocationTakesEffectAtOnce ends sessions in every way and uses what is left of them
// in every way.
func TestRevocationTakesEffectAtOnce(t *testing.T) {
	type scene struct {
		*house
		id              string
		mine, elsewhere *cardeatest.Client // elsewhere is another device of the same person
	}
	session := func(c *cardeatest.Client) string { return c.WhoAmI().Text("id") }
	h := newHouse(t, cardeatest.Options{Config: everything("selfservice: {flows: {settings: {after: {password: {hooks: [{hook: revoke_active_sessions}]}}}}}")})
	n := 0
	for name, end := range map[string]func(s scene) *cardeatest.Answer{
		"signing out": func(s scene) *cardeatest.Answer {
			if s.mine.Kind == cardeatest.Native {
				return s.mine.Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": s.mine.Token})
			}
			spa := s.Client(cardeatest.SPA)
			spa.Header["Cookie"] = []string{cookies(s.house, s.mine)}
			return spa.Get(spa.Get("/self-service/logout/browser").Text("logout_url"))
		},
		"from another device": func(s scene) *cardeatest.Answer {
			return s.elsewhere.Do("DELETE", "/sessions/"+session(s.mine), nil)
		},
		"all others from another device": func(s scene) *cardeatest.Answer { return s.elsewhere.Do("DELETE", "/sessions", nil) },
		"by an operator": func(s scene) *cardeatest.Answer {
			return s.operator.Do("DELETE", s.AdminURL+"/admin/sessions/"+session(s.mine), nil)
		},
		"all by an operator": func(s scene) *cardeatest.Answer {
			return s.operator.Do("DELETE", s.AdminURL+"/admin/identities/"+s.id+"/sessions", nil)
		},
		"a new password elsewhere": func(s scene) *cardeatest.Answer {
			return s.elsewhere.Start("settings", "").Submit(map[string]any{"method": "password", "password": "new-Sturdy-Wombats-88"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range cardeatest.Kinds {
				n++
				email := fmt.Sprintf("%s-%d@cardea.test", kind, n)
				s := scene{house: h, id: h.person(email, nil)}
				s.mine, s.elsewhere = h.in(kind, email), h.in(cardeatest.Native, email)
				s.mine.WhoAmI() // so that it is remembered
				other := session(s.elsewhere)
				settings := s.mine.Start("settings", "")
				uses := map[string]func() int{
					"whoami":             func() int { return s.mine.WhoAmI().Status },
					"the sessions":       func() int { return s.mine.Get("/sessions").Status },
					"ending another one": func() int { return s.mine.Do("DELETE", "/sessions/"+other, nil).Status },
					"settings, begun": func() int {
						a := settings.Fetch()
						if strings.Contains(a.Location, "/login") { // where pages are sent
							return 401
						}
						return a.Status
					},
				}
				if kind == cardeatest.Native {
					uses["new settings"] = func() int { return s.mine.Get("/self-service/settings/api").Status }
				}
				if got := s.mine.WhoAmI().Status; got != 200 {
					t.Fatalf("%s: whoami answers %d before", kind, got)
				}
				cookies := cookies(h, s.mine)
				if a := end(s); a.Status >= 400 {
					t.Fatalf("%s: %d %s", kind, a.Status, a.Body)
				}
				if kind != cardeatest.Native {
					s.mine.Header["Cookie"] = []string{cookies} // what somebody has copied
				}
				for use, try := range uses {
					if got := try(); got != 401 {
						t.Errorf("%s: %s is answered with %d", kind, use, got)
					}
				}
			}
		})
	}
}

// cookies are what a client's jar holds, as a header.
func cookies(h *house, c *cardeatest.Client) string {
	if c.Jar() == nil {
		return ""
	}
	u, err := url.Parse(h.PublicURL)
	if err != nil {
		h.Fatal(err)
	}
	text := ""
	for _, cookie := range c.Jar().Cookies(u) {
		text += "; " + cookie.String()
	}
	if text == "" {
		return ""
	}
	return text[2:]
}
