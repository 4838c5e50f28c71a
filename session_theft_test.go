package cardea_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"cardea/cardeatest"
)

// bent are texts that are almost another one: cut, extended, in another case.
func bent(text string) []string {
	flip := func(i int) string {
		r := []rune(text)
		if unicode.IsUpper(r[i]) {
			r[i] = unicode.ToLower(r[i])
		} else {
			r[i] = unicode.ToUpper(r[i])
		}
		return string(r)
	}
	all := []string{
		"", text[:len(text)-1], text[1:], text[:len(text)/2], text + "A", text + "=", text + " ", " " + text, text + "\t", text + "%00", text + text,
		text + " x", text + ",x", "x " + text, "x," + text,
		strings.ToUpper(text), strings.ToLower(text), text[:len(text)-1] + "!",
	}
	for i, r := range text {
		if unicode.IsLetter(r) {
			all = append(all, flip(i))
		}
	}
	var different []string
	for _, b := range all {
		if strings.TrimSpace(b) != text { // HTTP takes space around a value away
			different = append(different, b)
		}
	}
	return different
}

func TestATokenThatIsBentIsNoToken(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	person := s.Client(cardeatest.Native)
	person.SignUp(ann, cardeatest.Password)
	token := person.Token
	for _, other := range bent(token) {
		for name, header := range map[string]string{"X-Session-Token": other, "Authorization": "Bearer " + other} {
			thief := s.Client(cardeatest.Native)
			thief.Header[name] = []string{header}
			wantStatus(t, name+" "+header, thief.WhoAmI(), 401)
		}
		if a := s.Client(cardeatest.Native).Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": other}); a.Status != 403 {
			t.Errorf("signing out with %q: answered %d", other, a.Status)
		}
	}
	for _, header := range []string{token, "Basic " + token, "Token " + token, "Bearer:" + token, "Bearer  " + token, "Bearer\t" + token, "Bearer Bearer " + token} {
		thief := s.Client(cardeatest.Native)
		thief.Header["Authorization"] = []string{header}
		wantStatus(t, "Authorization "+header, thief.WhoAmI(), 401)
	}
	wantStatus(t, "the token itself", person.WhoAmI(), 200)
}

func TestACookieThatIsBentIsNoCookie(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	person := s.Client(cardeatest.SPA)
	cookie := sessionCookie(person.SignUp(ann, cardeatest.Password))
	if cookie == nil {
		t.Fatal("nobody is signed in")
	}
	for _, other := range bent(cookie.Value) {
		thief := s.Client(cardeatest.SPA)
		thief.Header["Cookie"] = []string{cookie.Name + "=" + other}
		wantStatus(t, "cookie "+other, thief.WhoAmI(), 401)
	}
	thief := s.Client(cardeatest.SPA)
	thief.Header["Cookie"] = []string{cookie.Name + "=" + cookie.Value}
	wantStatus(t, "the cookie itself", thief.WhoAmI(), 200)
}

const bob = "bob@cardea.test"

// twoPeople are two who have signed in, each in a browser of their own.
func twoPeople(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) (a, b *cardeatest.Client) {
	t.Helper()
	a, b = s.Client(kind), s.Client(kind)
	s.CreateIdentity(ann, cardeatest.Password)
	s.CreateIdentity(bob, cardeatest.Password)
	a.SignIn(ann, cardeatest.Password)
	b.SignIn(bob, cardeatest.Password)
	return a, b
}

func who(c *cardeatest.Client) string { return c.WhoAmI().Text("identity", "traits", "email") }

func TestSigningInBesideSomebodyElseMakesASessionOfItsOwn(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		one, _ := twoPeople(t, s, kind)
		before := one.WhoAmI()
		copied := copyOf(s, one)
		f := one.Start("login", "refresh=true")
		done := f.Submit(map[string]any{"method": "password", "identifier": bob, "password": cardeatest.Password})
		keepToken(one, done)
		after := one.WhoAmI()
		if after.Text("identity", "traits", "email") != bob || after.Text("id") == before.Text("id") {
			t.Errorf("after bob has signed in: %s", after.Body)
		}
		if kind == cardeatest.Native {
			if one.Token == copied.Token {
				t.Error("bob got ann's token")
			}
		}
		// What ann's browser had stays ann's, and never becomes bob's.
		if got := who(copied); got != ann {
			t.Errorf("what was ann's is %q's", got)
		}
		if methods, _ := after.JSON["authentication_methods"].([]any); len(methods) != 1 {
			t.Errorf("bob has ann's evidence: %v", methods)
		}
	})
}

// copyOf is a client with everything that another has at the moment.
func copyOf(s *cardeatest.Server, c *cardeatest.Client) *cardeatest.Client {
	other := s.Client(c.Kind)
	other.Token = c.Token
	if c.Kind != cardeatest.Native {
		other.Header["Cookie"] = []string{cookiesOf(s, c)}
	}
	return other
}

func cookiesOf(s *cardeatest.Server, c *cardeatest.Client) string {
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return ""
	}
	var all []string
	for _, cookie := range c.Jar().Cookies(u) {
		all = append(all, cookie.String())
	}
	return strings.Join(all, "; ")
}

func TestTheSettingsOfOneAreClosedToTheOther(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		one, two := twoPeople(t, s, kind)
		f := one.Start("settings", "")
		path := "/self-service/settings/flows?id=" + f.ID
		read := two.Get(path)
		if read.Status == 200 || strings.Contains(string(read.Body), ann) {
			t.Errorf("reading: answered %d %s", read.Status, read.Body)
		}
		fields := map[string]any{"method": "profile", "traits.email": "mallory@cardea.test", "csrf_token": f.CSRF}
		var sent *cardeatest.Answer
		if kind == cardeatest.Browser {
			sent = two.Do("POST", "/self-service/settings?flow="+f.ID, url.Values{"method": {"profile"}, "traits.email": {"mallory@cardea.test"}, "csrf_token": {f.CSRF}})
		} else {
			sent = two.Do("POST", "/self-service/settings?flow="+f.ID, fields)
		}
		if sent.Status == 200 {
			t.Errorf("sending: answered %d %s", sent.Status, sent.Body)
		}
		if who(one) != ann || who(two) != bob {
			t.Errorf("they are %q and %q now", who(one), who(two))
		}
	})
}

func TestTheSignOutOfOneDoesNotSignTheOtherOut(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{})
	one, two := twoPeople(t, s, cardeatest.SPA)
	begun := one.Get("/self-service/logout/browser")
	wantStatus(t, "the other's token", two.Get(begun.Text("logout_url")), 403)
	for _, other := range bent(begun.Text("logout_token")) {
		if a := one.Get("/self-service/logout?token=" + url.QueryEscape(other)); a.Status == 204 || a.Status == 303 {
			t.Errorf("a bent token %q: answered %d", other, a.Status)
		}
	}
	wantStatus(t, "one", one.WhoAmI(), 200)
	wantStatus(t, "two", two.WhoAmI(), 200)
	wantStatus(t, "one's own", one.Get(begun.Text("logout_url")), 204)
	wantStatus(t, "one afterwards", one.WhoAmI(), 401)
	wantStatus(t, "two afterwards", two.WhoAmI(), 200)
}

func TestPeopleRevokeTheirOwnSessionsOnly(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		one, two := twoPeople(t, s, kind)
		again, third := s.Client(kind), s.Client(kind)
		again.SignIn(ann, cardeatest.Password)
		third.SignIn(ann, cardeatest.Password)
		wantStatus(t, "somebody else's", one.Do("DELETE", "/sessions/"+two.WhoAmI().Text("id"), nil), 204)
		wantStatus(t, "somebody else, afterwards", two.WhoAmI(), 200)
		wantStatus(t, "the current one", one.Do("DELETE", "/sessions/"+one.WhoAmI().Text("id"), nil), 400)
		wantStatus(t, "another of one's own", one.Do("DELETE", "/sessions/"+again.WhoAmI().Text("id"), nil), 204)
		wantStatus(t, "it, afterwards", again.WhoAmI(), 401)
		wantStatus(t, "all others", one.Do("DELETE", "/sessions", nil), 200)
		wantStatus(t, "the last other, afterwards", third.WhoAmI(), 401)
		wantStatus(t, "the current one, afterwards", one.WhoAmI(), 200)
		wantStatus(t, "somebody else, in the end", two.WhoAmI(), 200)
	})
}
