package systemtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const sessionCookie = "ory_kratos_session"

// signedInBrowser is a browser whose person has signed up, and the value of its
// session cookie.
func (s *server) signedInBrowser(t *testing.T, email string) (b *client, cookie string) {
	t.Helper()
	b = s.browser(t)
	f, _ := b.begin(t, "registration", "")
	fields := url.Values{"method": {"password"}, "password": {password}, "traits.email": {email}, "csrf_token": {f.CSRF}}
	a := b.must(t, request{Method: "POST", Path: "/self-service/registration?flow=" + f.ID, Type: formType, Body: []byte(fields.Encode())})
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == sessionCookie {
			return b, c.Value
		}
	}
	t.Fatalf("sign up: %d %s without a session cookie", a.Status, a.Body)
	return nil, ""
}

// withCookie asks who is calling with a session cookie of the test's making,
// which no jar would accept.
func (s *server) withCookie(t *testing.T, c *client, value string) *answer {
	t.Helper()
	return c.must(t, request{Method: "GET", Path: "/sessions/whoami", Header: http.Header{"Cookie": {sessionCookie + "=" + value}}})
}

func TestASessionCookieThatWasTamperedWithIsNobodys(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	_, cookie := s.signedInBrowser(t, "ann@cardea.test")
	c := s.native()
	if a := s.withCookie(t, c, cookie); a.Status != http.StatusOK {
		t.Fatalf("the cookie itself: %d %s", a.Status, a.Body)
	}
	classes := []string{"A", "z", "0", "-", "_", "+", "/", "=", "|", ".", "%", " ", "\xff"}
	for at := range cookie {
		for _, class := range []string{classes[at%len(classes)], classes[(at+5)%len(classes)]} {
			if cookie[at:at+1] == class {
				continue
			}
			s.nobody(t, c, cookie[:at]+class+cookie[at+1:])
		}
	}
	for _, class := range classes {
		for _, at := range []int{0, 1, len(cookie) / 2, len(cookie) - 2, len(cookie) - 1} {
			if cookie[at:at+1] != class {
				s.nobody(t, c, cookie[:at]+class+cookie[at+1:])
			}
			s.nobody(t, c, cookie[:at]+class+cookie[at:])
		}
	}
	for _, value := range []string{
		"", cookie[1:], cookie[:len(cookie)-1], cookie[:len(cookie)/2], cookie + cookie,
		strings.ToUpper(cookie), strings.ToLower(cookie), strings.Repeat("A", 16<<10), "ory_st_" + cookie,
	} {
		s.nobody(t, c, value)
	}
	s.alive(t)
}

func (s *server) nobody(t *testing.T, c *client, value string) {
	t.Helper()
	a := s.withCookie(t, c, value)
	documented(t, a)
	if a.Status != http.StatusUnauthorized {
		t.Errorf("whoami with the cookie %.400q answers %d", value, a.Status)
	}
}

func TestAFormBelongsToTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	if _, err := s.native().signUp("ann@cardea.test"); err != nil {
		t.Fatal(err)
	}
	fields := func(csrf string) url.Values {
		return url.Values{"method": {"password"}, "identifier": {"ann@cardea.test"}, "password": {password}, "csrf_token": {csrf}}
	}
	victim, thief := s.spa(t), s.spa(t)
	theirs, _ := victim.begin(t, "login", "")
	own, _ := thief.begin(t, "login", "")
	bare := s.native()
	// The contract compares the token with the browser's cookie, not with the flow.
	cases := []struct {
		name   string
		client *client
		flow   string
		csrf   string
	}{
		{"the flow and the token of another browser", thief, theirs.ID, theirs.CSRF},
		{"the own flow with the token of another browser", thief, own.ID, theirs.CSRF},
		{"the own flow without a token", thief, own.ID, ""},
		{"the own flow with half a token", thief, own.ID, own.CSRF[:len(own.CSRF)/2]},
		{"the own flow with a token that is none", thief, own.ID, "%00nope"},
		{"a client without any cookie", bare, theirs.ID, theirs.CSRF},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := c.client.must(t, request{Method: "POST", Path: "/self-service/login?flow=" + c.flow, Type: formType, Body: []byte(fields(c.csrf).Encode())})
			documented(t, a)
			if a.Status != http.StatusForbidden || a.text("error", "id") != "security_csrf_violation" {
				t.Errorf("answered %d %.300s, want 403 security_csrf_violation", a.Status, a.Body)
			}
			if strings.Contains(strings.Join(a.Header["Set-Cookie"], ";"), sessionCookie) {
				t.Error("a session was handed out")
			}
		})
	}
	t.Run("fetched by another browser", func(t *testing.T) {
		a := thief.get(t, "/self-service/login/flows?id="+theirs.ID)
		documented(t, a)
		if a.Status != http.StatusForbidden {
			t.Errorf("answered %d %.300s, want 403", a.Status, a.Body)
		}
	})
	t.Run("a flow of another kind", func(t *testing.T) {
		a := thief.must(t, request{Method: "POST", Path: "/self-service/registration?flow=" + own.ID, Type: formType, Body: []byte(fields(own.CSRF).Encode())})
		documented(t, a)
		if a.Status != http.StatusNotFound {
			t.Errorf("answered %d %.300s, want 404", a.Status, a.Body)
		}
	})
	t.Run("the own form still works", func(t *testing.T) {
		a := victim.must(t, request{Method: "POST", Path: "/self-service/login?flow=" + theirs.ID, Type: formType, Body: []byte(fields(theirs.CSRF).Encode())})
		if a.Status != http.StatusOK {
			t.Errorf("answered %d %.300s, want 200", a.Status, a.Body)
		}
	})
}

func TestASignOutLinkIsNoUseToAnotherSession(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ann, cookie := s.signedInBrowser(t, "ann@cardea.test")
	bob, _ := s.signedInBrowser(t, "bob@cardea.test")
	ann.accept, bob.accept = jsonType, jsonType
	token := ann.get(t, "/self-service/logout/browser").text("logout_token")
	if a := bob.get(t, "/self-service/logout?token="+url.QueryEscape(token)); a.Status != http.StatusForbidden {
		t.Errorf("answered %d %s, want 403", a.Status, a.Body)
	}
	if a := s.withCookie(t, s.native(), cookie); a.Status != http.StatusOK {
		t.Errorf("the session of the link's owner is gone: %d", a.Status)
	}
	if a := bob.get(t, "/sessions/whoami"); a.Status != http.StatusOK {
		t.Errorf("the session of the other is gone: %d", a.Status)
	}
}
