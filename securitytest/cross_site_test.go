package securitytest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// TestCrossSiteRequestsChangeNothing is CSRF: a page of somebody else lets the browser of
// somebody who is signed in send whatever it can, with what it can know: a token of its
// own browser, none, an empty one, one that is almost right.
func TestCrossSiteRequestsChangeNothing(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything("cardea: {account: {allow_deletion: true}}")})
	id := h.person(owner, nil)
	h.person("eve@cardea.test", nil)
	person, eve := h.in(cardeatest.Browser, owner), h.in(cardeatest.Browser, "eve@cardea.test")
	own := person.Start("settings", "")
	refresh := person.Start("login", "refresh=true")
	before := string(h.row(id).Body)
	tokens := map[string]any{"none": nil, "an empty one": "", "one of another browser": eve.Start("settings", "").CSRF, "one that is cut": own.CSRF[:len(own.CSRF)-4], "zeros": strings.Repeat("A", 86) + "=="}
	for name, token := range tokens {
		for _, origin := range []string{"", "https://evil.example", "null"} {
			for what, fields := range map[string]map[string]any{
				"a profile":        {"method": "profile", "traits.email": "mallory@cardea.test"},
				"a password":       {"method": "password", "password": "new-Sturdy-Wombats-88"},
				"backup codes":     {"lookup_secret_regenerate": "true"},
				"an app":           {"method": "totp", "totp_code": h.appCode()},
				"a provider":       {"link": "acme"},
				"refresh by eve's": {"method": "password", "identifier": "eve@cardea.test", "password": passwordOf("eve")},
			} {
				path := "/self-service/settings?flow=" + own.ID
				if strings.HasPrefix(what, "refresh") {
					path = "/self-service/login?flow=" + refresh.ID
				}
				for _, typ := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"} {
					form := url.Values{}
					for k, v := range fields {
						form.Set(k, fmt.Sprint(v))
					}
					if token != nil {
						form.Set("csrf_token", fmt.Sprint(token))
					}
					sent := copyOf(h, person)
					sent.Header.Set("Content-Type", typ)
					if origin != "" {
						sent.Header.Set("Origin", origin)
						sent.Header.Set("Sec-Fetch-Site", "cross-site")
					}
					if a := sent.Do("POST", path, []byte(form.Encode())); a.Status == 200 {
						t.Errorf("%s with %s from %q as %s: %d", what, name, origin, typ, a.Status)
					}
				}
			}
		}
	}
	for _, path := range []string{
		"/self-service/logout", "/self-service/logout?token=" + eve.Get("/self-service/logout/browser").Text("logout_token"), "/self-service/settings?flow=" + own.ID + "&method=password&password=x", "/self-service/login?flow=" + refresh.ID + "&method=password",
	} {
		copyOf(h, person).Get(path)
	}
	for _, path := range []string{"/sessions", "/self-service/account", "/sessions/" + person.WhoAmI().Text("id")} {
		sent := copyOf(h, person)
		sent.Header.Set("Origin", "https://evil.example")
		sent.Do("POST", path, []byte("x"))
		sent.Header.Set("Content-Type", "text/plain")
		sent.Do("POST", path+"?_method=DELETE", []byte("_method=DELETE"))
	}
	if who(person) != owner || string(h.row(id).Body) != before {
		t.Errorf("%q is signed in, as\n%s\nbefore:\n%s", who(person), h.row(id).Body, before)
	}
	// With the right token it goes: otherwise the test proves nothing.
	own = person.Start("settings", "")
	own.Submit(map[string]any{"method": "profile", "traits.email": owner, "traits.name": "Ann"})
	if got := h.row(id).Text("traits", "name"); got != "Ann" {
		t.Errorf("the owner's own change did not take effect: %q", got)
	}
}

// TestNobodyIsSignedInByAPageOfSomebodyElse is login CSRF: an attacker brings a flow and a
// token of their own, and lets the browser of somebody else submit the attacker's password
// or open the attacker's link.
func TestNobodyIsSignedInByAPageOfSomebodyElse(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything()})
	h.person("eve@cardea.test", nil)
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		for _, journey := range []string{"login", "registration"} {
			for victimKnows, prepare := range map[string]func(*cardeatest.Client){
				"a browser without cookies": func(*cardeatest.Client) {},
				"a browser with a form":     func(c *cardeatest.Client) { c.Start(journey, "") },
			} {
				attacker, target := h.Client(kind), h.Client(kind)
				prepare(target)
				f := attacker.Start(journey, "")
				fields := url.Values{"method": {"password"}, "identifier": {"eve@cardea.test"}, "traits.email": {"mallory@cardea.test"}, "password": {passwordOf("eve")}, "csrf_token": {f.CSRF}}
				target.Do("POST", "/self-service/"+journey+"?flow="+f.ID, fields)
				if who(target) != "" {
					t.Errorf("%s: %s is signed in as %q by a form of somebody else", journey, victimKnows, who(target))
				}
			}
		}
	}
}

// TestNativeAndBrowserFlowsAreNotConfused submits flows of one kind of client as another.
func TestNativeAndBrowserFlowsAreNotConfused(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything()})
	h.person(owner, nil)
	fields := map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner)}
	sessionOf := func(a *cardeatest.Answer) string {
		for _, line := range a.Header.Values("Set-Cookie") {
			if strings.HasPrefix(line, "ory_kratos_session=") && !strings.HasPrefix(line, "ory_kratos_session=;") {
				return line
			}
		}
		return ""
	}
	t.Run("an app's flow in a browser", func(t *testing.T) {
		for name, change := range map[string]func(*cardeatest.Client){
			"with a cookie":  func(c *cardeatest.Client) { c.Header.Set("Cookie", "theme=dark") },
			"with an origin": func(c *cardeatest.Client) { c.Header.Set("Origin", "https://app.cardea.test") },
		} {
			c := h.Client(cardeatest.Native)
			f := c.Start("login", "")
			change(c)
			if a := f.Submit(fields); a.Status != 400 || find(a.JSON, "session_token") != "" || sessionOf(a) != "" {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
	})
	newer := newHouse(t, cardeatest.Options{Config: everything("feature_flags: {use_continue_with_transitions: true}")})
	newer.person(owner, nil)
	for flags, h := range map[string]*house{"": h, " as newer clients have it": newer} {
		for journey, end := range map[string]func(c *cardeatest.Client) *cardeatest.Answer{
			"login": func(c *cardeatest.Client) *cardeatest.Answer { return c.Start("login", "").Submit(fields) },
			"registration": func(c *cardeatest.Client) *cardeatest.Answer {
				email := string(c.Kind) + "@cardea.test"
				return c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": email, "password": passwordOf(email)})
			},
			"recovery": func(c *cardeatest.Client) *cardeatest.Answer {
				f := c.Start("recovery", "")
				f.Submit(map[string]any{"method": "code", "email": owner})
				return f.Submit(map[string]any{"method": "code", "code": h.LastMail(owner).Code()})
			},
		} {
			t.Run("an app's "+journey+" gives no cookie, a browser's no token"+flags, func(t *testing.T) {
				a := end(h.Client(cardeatest.Native))
				if find(a.JSON, "session_token", "ory_session_token") == "" || sessionOf(a) != "" {
					t.Errorf("an app: %d %s %v", a.Status, a.Body, a.Header)
				}
				for _, kind := range []cardeatest.Kind{cardeatest.SPA, cardeatest.Browser} {
					a := end(h.Client(kind))
					if find(a.JSON, "session_token", "ory_session_token") != "" || strings.Contains(string(a.Body), "ory_st_") || sessionOf(a) == "" {
						t.Errorf("a %s: %d %s", kind, a.Status, a.Body)
					}
					if line := sessionOf(a); strings.Contains(line, "ory_st_") || !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "SameSite=Lax") {
						t.Errorf("a %s: the cookie is %q", kind, line)
					}
				}
			})
		}
	}
	t.Run("a browser's flow in an app", func(t *testing.T) {
		f := h.Client(cardeatest.SPA).Start("login", "")
		c := h.Client(cardeatest.Native)
		for name, token := range map[string]string{"without a token": "", "with the token of the form": f.CSRF} {
			a := c.Do("POST", "/self-service/login?flow="+f.ID, map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner), "csrf_token": token})
			if a.Status < 400 || find(a.JSON, "session_token") != "" || sessionOf(a) != "" {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
	})
	t.Run("a browser's flow asks for an app's exchange", func(t *testing.T) {
		a := h.Client(cardeatest.SPA).Get("/self-service/login/browser?return_session_token_exchange_code=true")
		if a.Text("session_token_exchange_code") != "" {
			t.Errorf("it gets a code: %s", a.Body)
		}
	})
}

// copyOf is another client with the cookies of one, whose answers the first does not keep.
func copyOf(h *house, c *cardeatest.Client) *cardeatest.Client {
	other := h.Client(c.Kind)
	other.Header.Set("Cookie", cookies(h, c))
	other.Token = c.Token
	return other
}
