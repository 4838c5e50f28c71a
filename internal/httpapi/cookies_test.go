package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/internal/flow"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/store"
)

// proving lets the stub sign somebody in.
func (p *porch) proving(r resident) {
	p.submit = func(context.Context, *flow.Exec) (flow.Result, error) {
		return flow.Proved{Identity: r.session.Identity, Method: session.Method{Method: "password", AAL: session.AAL1}}, nil
	}
}

// begun is a login flow of a browser.
type begun struct {
	id   string
	csrf string // the form's token
	set  *http.Cookie
}

func (p *porch) beginLogin(changes ...change) begun {
	p.Helper()
	a := p.get("/self-service/login/browser", append(changes, inJSON)...)
	if a.Code != 200 {
		p.Fatalf("start answered %d %s", a.Code, a.Body)
	}
	b := begun{id: a.text("id"), set: p.set(a, "csrf_token_")}
	for _, n := range a.at("ui", "nodes").([]any) {
		attributes := n.(map[string]any)["attributes"].(map[string]any)
		if attributes["name"] == "csrf_token" {
			b.csrf, _ = attributes["value"].(string)
		}
	}
	return b
}

func form(b begun) string { return url.Values{"method": {"stub"}, "csrf_token": {b.csrf}}.Encode() }

func asForm(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

func TestCookiesSayWhereTheyBelong(t *testing.T) {
	type flags struct {
		Path, Domain string
		Secure       bool
		SameSite     http.SameSite
	}
	cases := []struct {
		name, config  string
		csrf, session flags
	}{
		{"nothing said", "", flags{"/", "", true, http.SameSiteLaxMode}, flags{"/", "", true, http.SameSiteLaxMode}},
		{"development", "# dev", flags{"/", "", false, http.SameSiteLaxMode}, flags{"/", "", false, http.SameSiteLaxMode}},
		{"a domain and a path for all", `cookies: {domain: cardea.test, path: /id, same_site: Strict}`,
			flags{"/id", "cardea.test", true, http.SameSiteStrictMode}, flags{"/id", "cardea.test", true, http.SameSiteStrictMode}},
		{"the session's own", `{cookies: {domain: cardea.test, path: /id}, session: {cookie: {domain: id.cardea.test, path: /s, same_site: Strict, secure: "false"}}}`,
			flags{"/id", "cardea.test", true, http.SameSiteLaxMode}, flags{"/s", "id.cardea.test", false, http.SameSiteStrictMode}},
		{"without TLS a token is lax", `cookies: {secure: "false", same_site: None}`, flags{"/", "", false, http.SameSiteLaxMode}, flags{"/", "", true, http.SameSiteNoneMode}},
		{"with TLS in development", `cookies: {secure: "true", same_site: None} # dev`, flags{"/", "", true, http.SameSiteNoneMode}, flags{"/", "", false, http.SameSiteNoneMode}},
	}
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	p.proving(ann)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p.use(c.config)
			b := p.beginLogin()
			a := p.ask("POST", "/self-service/login?flow="+b.id, form(b), asForm, inJSON, sent(b.set))
			if a.Code != 200 {
				t.Fatalf("answered %d %s", a.Code, a.Body)
			}
			got := func(c *http.Cookie) flags { return flags{c.Path, c.Domain, c.Secure, c.SameSite} }
			csrf, in := p.set(a, "csrf_token_"), p.set(a, "ory_kratos_session")
			if csrf == nil || in == nil {
				t.Fatalf("the cookies are %v", a.Result().Cookies())
			}
			if got(csrf) != c.csrf {
				t.Errorf("the anti-CSRF cookie is %+v, want %+v", got(csrf), c.csrf)
			}
			if got(in) != c.session {
				t.Errorf("the session cookie is %+v, want %+v", got(in), c.session)
			}
			if !csrf.HttpOnly || !in.HttpOnly {
				t.Error("scripts can read a cookie")
			}
			if csrf.MaxAge != 31536000 || !csrf.Expires.IsZero() {
				t.Errorf("the anti-CSRF cookie lives %d s, until %s", csrf.MaxAge, csrf.Expires)
			}
			if want := secret.CSRFCookieName("https://id.cardea.test/"); csrf.Name != want {
				t.Errorf("the anti-CSRF cookie is called %s, want %s", csrf.Name, want)
			}
			if in.MaxAge != 3600 || !in.Expires.Equal(p.clock.Now().Add(time.Hour)) {
				t.Errorf("the session cookie lives %d s, until %s", in.MaxAge, in.Expires)
			}
			if strings.Contains(in.Value, ann.token) || strings.Contains(in.Value, "ory_st_") {
				t.Error("the session cookie shows the token")
			}
		})
	}
}

func TestASessionCookieCanEndWithTheBrowser(t *testing.T) {
	p := newPorch(t, `session: {cookie: {persistent: false, name: my_session}}`)
	c := p.cookie(p.moveIn("ann@cardea.test"))
	if c.Name != "my_session" || c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("the cookie %s lives %d s, until %s", c.Name, c.MaxAge, c.Expires)
	}
	if a := p.get("/sessions/whoami", sent(c)); a.Code != 200 {
		t.Errorf("whoami answered %d", a.Code)
	}
}

func TestEveryCharacterOfASessionCookieCounts(t *testing.T) {
	p := newPorch(t)
	c := p.cookie(p.moveIn("ann@cardea.test"))
	if a := p.get("/sessions/whoami", sent(c)); a.Code != 200 {
		t.Fatalf("whoami answered %d", a.Code)
	}
	refused := func(what, value string) {
		t.Helper()
		if a := p.get("/sessions/whoami", sent(&http.Cookie{Name: c.Name, Value: value})); a.Code != 401 {
			t.Errorf("%s: whoami answered %d, want 401", what, a.Code)
		}
	}
	for i := range c.Value {
		for _, other := range []byte("AZaz09-_") {
			// The last character of unpadded base64 may hold bits that nobody reads.
			if altered := c.Value[:i] + string(other) + c.Value[i+1:]; altered != c.Value && !sameBytes(altered, c.Value) {
				refused("character "+string(other)+" in place", altered)
			}
		}
		refused("cut", c.Value[:i])
	}
	refused("longer", c.Value+"A")
	refused("twice", c.Value+c.Value)
	if a := p.get("/sessions/whoami", sent(&http.Cookie{Name: "another", Value: c.Value})); a.Code != 401 {
		t.Errorf("under another name: whoami answered %d", a.Code)
	}
	renamed := newPorch(t, `session: {cookie: {name: another}}`)
	renamed.wire.Sessions = p.wire.Sessions
	if a := renamed.get("/sessions/whoami", sent(&http.Cookie{Name: "another", Value: c.Value})); a.Code != 401 {
		t.Errorf("the value of one cookie under the name of another: whoami answered %d", a.Code)
	}
}

// sameBytes says whether two spellings of base64 mean the same.
func sameBytes(a, b string) bool {
	x, errX := base64.RawURLEncoding.DecodeString(a[1:])
	y, errY := base64.RawURLEncoding.DecodeString(b[1:])
	return a[0] == b[0] && errX == nil && errY == nil && string(x) == string(y)
}

func TestASessionCookieGetsOld(t *testing.T) {
	p := newPorch(t)
	for i, c := range []struct {
		name, config string
		lives        time.Duration
	}{
		{"one that says when it ends", "", time.Hour},
		{"one that ends with the browser", `session: {cookie: {persistent: false}}`, 30 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.use(c.config)
			ann := p.moveIn(fmt.Sprint("person-", i, "@cardea.test"))
			cookie := p.cookie(ann)
			// An operator has prolonged the session itself.
			far := p.clock.Now().Add(365 * 24 * time.Hour)
			if _, err := p.rows.ExtendSession(t.Context(), ann.session.ID, far, far, p.clock.Now()); err != nil {
				t.Fatal(err)
			}
			p.clock.Advance(c.lives)
			if a := p.get("/sessions/whoami", sent(cookie)); a.Code != 200 {
				t.Errorf("at the end of its time it is answered %d", a.Code)
			}
			p.clock.Advance(time.Nanosecond)
			if a := p.get("/sessions/whoami", sent(cookie)); a.Code != 401 {
				t.Errorf("after its time it is answered %d", a.Code)
			}
			if a := p.get("/sessions/whoami", header("X-Session-Token", ann.token)); a.Code != 200 {
				t.Errorf("the token of the session is answered %d", a.Code)
			}
		})
	}
}

func TestSecretsRotate(t *testing.T) {
	const first, second, own = "the-first-secret-of-the-porch-00", "the-second-secret-of-the-porch-0", "a-secret-for-cookies-alone-00000"
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	cookie := p.cookie(ann)
	begin := p.get("/self-service/logout/browser", sent(cookie))
	for _, c := range []struct {
		name, config string
		works        bool
	}{
		{"a new one in front", `secrets: {default: [` + second + `, ` + first + `]}`, true},
		{"the old one for cookies", `secrets: {default: [` + second + `], cookie: [` + own + `, ` + first + `]}`, true},
		{"the old one only for other things", `secrets: {default: [` + first + `], cookie: [` + own + `]}`, false},
		{"the old one gone", `secrets: {default: [` + second + `]}`, false},
	} {
		p.use(c.config)
		if a := p.get("/sessions/whoami", sent(cookie)); (a.Code == 200) != c.works {
			t.Errorf("%s: an old cookie is answered %d", c.name, a.Code)
		}
		logout := p.get("/self-service/logout?token="+begin.text("logout_token"), inJSON, header("X-Session-Token", p.signIn(ann.session.Identity).token))
		if logout.Code != 403 {
			t.Errorf("%s: the logout token of another session is answered %d", c.name, logout.Code)
		}
		set := p.wire.compiled.Load()
		if got := set.isLogoutToken(ann.session.ID, begin.text("logout_token")); got != c.works {
			t.Errorf("%s: an old logout token counts: %t", c.name, got)
		}
		if renewed := p.cookie(ann); c.works && strings.HasPrefix(renewed.Value, cookie.Value[:30]) {
			t.Errorf("%s: a new cookie is written as an old one", c.name)
		}
	}
}

func TestABrowserHasOneAntiCSRFCookie(t *testing.T) {
	p := newPorch(t)
	first := p.beginLogin()
	if first.set == nil {
		t.Fatal("a browser without a cookie gets none")
	}
	if again := p.beginLogin(sent(first.set)); again.set != nil {
		t.Error("a browser with a cookie gets another")
	}
	for _, value := range []string{"", "x", strings.Repeat("A", 43), first.set.Value + "A", strings.Repeat("A", 88)} {
		if b := p.beginLogin(sent(&http.Cookie{Name: first.set.Name, Value: value})); b.set == nil {
			t.Errorf("a browser with the cookie %q gets no good one", value)
		}
	}
	if a := p.get("/nowhere", inJSON); a.Code != 404 || p.set(a, "csrf_token_") == nil {
		t.Errorf("an address that is not there answers %d without a cookie", a.Code)
	}
	for _, path := range []string{"/self-service/login/api", "/sessions/whoami", "/sessions", "/health/alive", "/health/ready", "/self-service/login?flow=x"} {
		if a := p.get(path); p.set(a, "csrf_token_") != nil {
			t.Errorf("%s sets an anti-CSRF cookie", path)
		}
	}
}

func TestSeveralAntiCSRFCookiesDoNotLockABrowserOut(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	p.proving(ann)
	good := p.beginLogin().set
	other := p.beginLogin().set
	bad := &http.Cookie{Name: good.Name, Value: "damaged"}
	for name, cookies := range map[string][]*http.Cookie{
		"a damaged one first": {bad, good}, "a damaged one last": {good, bad}, "two good ones": {good, other}, "two good ones,": {other, good},
	} {
		b := p.beginLogin(sent(cookies...))
		if a := p.ask("POST", "/self-service/login?flow="+b.id, form(b), asForm, inJSON, sent(cookies...)); a.Code != 200 {
			t.Errorf("%s: answered %d %s", name, a.Code, a.Body)
		}
	}
}

func TestALoginSetsEachCookieOnce(t *testing.T) {
	p := newPorch(t)
	p.proving(p.moveIn("ann@cardea.test"))
	b := p.beginLogin()
	a := p.ask("POST", "/self-service/login?flow="+b.id, form(b), asForm, sent(b.set))
	if a.Code != 303 {
		t.Fatalf("answered %d %s", a.Code, a.Body)
	}
	csrf := p.set(a, "csrf_token_")
	if csrf == nil || csrf.Value == b.set.Value {
		t.Error("signing in did not change the anti-CSRF token")
	}
	in := p.set(a, "ory_kratos_session")
	if in == nil {
		t.Fatal("signing in gave no session cookie")
	}
	if a := p.get("/sessions/whoami", sent(in)); a.Code != 200 {
		t.Errorf("whoami answered %d", a.Code)
	}
	if a := p.get("/self-service/login/flows?id="+b.id, sent(b.set)); a.Code != 200 {
		t.Errorf("the old cookie reads its flow with %d", a.Code)
	}
	if a := p.get("/self-service/login/flows?id="+b.id, sent(csrf)); a.Code != 403 {
		t.Errorf("the new cookie reads a flow from before with %d", a.Code)
	}
}

func TestAnAlienSessionTokenIsNotEvenLookedFor(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	const foreign = "no-session-token"
	err := p.rows.Tx(t.Context(), func(x *store.Tx) error { return x.AddToken(ann.session.ID, session.HashToken(foreign)) })
	if err != nil {
		t.Fatal(err)
	}
	if a := p.get("/sessions/whoami", header("X-Session-Token", foreign)); a.Code != 401 {
		t.Errorf("a token without the prefix is answered %d", a.Code)
	}
}
