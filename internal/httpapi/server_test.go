package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/flow"
)

const canary = "canary-b1946ac92492d234"

func TestACauseIsLoggedAndNeverTold(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	p.submit = func(context.Context, *flow.Exec) (flow.Result, error) { return nil, errors.New(canary) }
	b := p.beginLogin()
	post := func(changes ...change) answer {
		return p.ask("POST", "/self-service/login?flow="+b.id, form(b), append(changes, asForm, sent(b.set))...)
	}

	told := func(what string, a answer, status int) {
		t.Helper()
		if a.Code != status {
			t.Errorf("%s: answered %d, want %d", what, a.Code, status)
		}
		if strings.Contains(a.Body.String(), canary) || strings.Contains(a.Header().Get("Location"), canary) {
			t.Errorf("%s: the answer tells the cause", what)
		}
		if !strings.Contains(p.log.String(), canary) {
			t.Errorf("%s: the log does not tell the cause", what)
		}
		p.log.b.Reset()
	}
	told("a script", post(inJSON), 500)
	page := post()
	told("a page", page, 303)
	to, err := url.Parse(page.Header().Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), "https://www.cardea.test/error?id=") {
		t.Fatalf("a page is sent to %s", to)
	}
	container := p.get("/self-service/errors?id=" + to.Query().Get("id"))
	if container.Code != 200 || container.at("error", "code") != 500.0 || strings.Contains(container.Body.String(), canary) {
		t.Errorf("the error page reads %d %s", container.Code, container.Body)
	}
	stored, err := p.rows.StoredError(t.Context(), uuid.MustParse(to.Query().Get("id")), p.clock.Now())
	if err != nil || strings.Contains(stored.Problem.Error(), canary) {
		t.Errorf("the stored error is %v (%v)", stored, err)
	}
	p.wire.Sessions = brokenSessions{err: errors.New(canary)}
	told("whoami", p.get("/sessions/whoami", header("X-Session-Token", ann.token)), 500)
	told("the start of a login", p.get("/self-service/login/browser", header("X-Session-Token", ann.token)), 500)
	p.wire.Ready = func(context.Context) error { return errors.New(canary) }
	told("readiness", p.get("/health/ready"), 503)
}

func TestAPanicIsAnAnswerAndALogLine(t *testing.T) {
	p := newPorch(t)
	p.wire.Sessions = brokenSessions{panic: canary}
	a := p.get("/sessions/whoami", header("X-Session-Token", "ory_st_x"))
	if a.Code != 500 || a.at("error", "code") != 500.0 || strings.Contains(a.Body.String(), canary) {
		t.Errorf("answered %d %s", a.Code, a.Body)
	}
	if !strings.Contains(p.log.String(), canary) {
		t.Error("the log does not know of the panic")
	}
	p.wire.Sessions = brokenSessions{panic: http.ErrAbortHandler}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the panic that ends a connection was taken for an error")
		}
	}()
	p.get("/sessions/whoami", header("X-Session-Token", "ory_st_x"))
}

func TestAddresses(t *testing.T) {
	p := newPorch(t)
	cases := []struct {
		method, path string
		status       int
		header, want string
	}{
		{"GET", "/nowhere", 404, "Content-Type", "text/plain; charset=utf-8"},
		{"GET", "/self-service/login/browser/", 404, "Content-Type", "text/plain; charset=utf-8"},
		{"GET", "//self-service/login/browser?return_to=/x", 307, "Location", "/self-service/login/browser?return_to=/x"},
		{"GET", "/self-service//login/browser?a=b", 307, "Location", "/self-service/login/browser?a=b"},
		{"GET", "/version", 404, "", ""},
		{"GET", "/metrics/prometheus", 404, "", ""},
		{"GET", "/admin/sessions", 404, "", ""},
		{"DELETE", "/self-service/login", 405, "Allow", "GET, HEAD, POST"},
		{"PUT", "/self-service/registration", 405, "Allow", "GET, HEAD, POST"},
		{"POST", "/sessions", 405, "Allow", "DELETE, GET, HEAD"},
		{"GET", "/self-service/logout/api", 405, "Allow", "DELETE"},
		{"POST", "/self-service/login/browser", 403, "Ory-Error-Id", "security_csrf_violation"},
		{"DELETE", "/nowhere", 403, "Ory-Error-Id", "security_csrf_violation"},
		{"GET", "/identities?page=1", 307, "Location", "https://admin.cardea.test/admin/identities?page=1"},
		{"GET", "/.well-known/change-password", 303, "Location", "https://www.cardea.test/settings"},
		{"GET", "/self-service/errors?id=" + uuid.NewString(), 404, "", ""},
		{"GET", "/self-service/errors?id=x", 404, "", ""},
		{"GET", "/self-service/errors?id=stub:500", 200, "", ""},
		{"GET", "/sessions/token-exchange", 400, "", ""},
	}
	for _, c := range cases {
		a := p.ask(c.method, c.path, "")
		if a.Code != c.status {
			t.Errorf("%s %s answered %d, want %d", c.method, c.path, a.Code, c.status)
		}
		if c.header != "" && a.Header().Get(c.header) != c.want {
			t.Errorf("%s %s answered with %s %q, want %q", c.method, c.path, c.header, a.Header().Get(c.header), c.want)
		}
	}
}

// onePage is built-in pages with one address.
type onePage struct{ http.Handler }

func (onePage) Claims(_ *flow.Setup, r *http.Request) bool { return r.URL.Path == "/login" }

func TestPagesDoNotShowAmongTheVerbsOfAnAddress(t *testing.T) {
	p := newPorch(t)
	p.wire.UsePages(onePage{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })})
	b := p.beginLogin()
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/login", 418, ""},
		{"POST", "/login", 418, ""},
		{"GET", "/nowhere", 404, ""},
		{"DELETE", "/nowhere", 404, ""},
		{"GET", "/self-service/logout/api", 405, "DELETE"},
		{"POST", "/self-service/logout/api", 405, "DELETE"},
		{"GET", "/recovery/code", 405, "POST"},
		{"GET", "/sessions/" + uuid.NewString(), 405, "DELETE"},
		{"PUT", "/self-service/login", 405, "GET, HEAD, POST"},
		{"GET", "//self-service/login/api", 307, ""},
	} {
		a := p.ask(c.method, c.path, "", sent(b.set), header("X-CSRF-Token", b.csrf))
		if a.Code != c.status || a.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s answered %d, Allow %q; want %d, %q", c.method, c.path, a.Code, a.Header().Get("Allow"), c.status, c.allow)
		}
	}
}

func TestTheAdminPortFindsItsAddresses(t *testing.T) {
	p := newPorch(t)
	for path, want := range map[string]int{
		"/health/alive": 200, "/admin/health/alive": 200, "//health/alive": 200, "//identities": 404, "/admin//identities": 404,
		"/version": 200, "/self-service/login/browser": 307, "/nowhere": 404, "/administrator": 404,
	} {
		w := httptest.NewRecorder()
		p.wire.Admin().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s answered %d, want %d", path, w.Code, want)
		}
		if w.Header()["Set-Cookie"] != nil {
			t.Errorf("%s sets a cookie", path)
		}
	}
	w := httptest.NewRecorder()
	p.wire.Admin().ServeHTTP(w, httptest.NewRequest("GET", "/self-service/login/browser?a=b", nil))
	if got := w.Header().Get("Location"); got != "https://id.cardea.test/self-service/login/browser?a=b" {
		t.Errorf("the admin port sends a browser to %q", got)
	}
}

func TestAnAddressWithADoubledSlashNeverLeadsAway(t *testing.T) {
	p := newPorch(t)
	for _, path := range []string{"//evil.test", "//evil.test/..", "///evil.test", "//evil.test/%2e%2e", "/x//../evil.test", "//self-service//evil.test"} {
		a := p.get(path)
		if to := a.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || strings.Contains(to, "://") {
			t.Errorf("%s is sent to %q", path, to)
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	p := newPorch(t)
	server := httptest.NewServer(p.wire.Public())
	defer server.Close()
	ann := p.moveIn("ann@cardea.test")
	for path, want := range map[string]int{"/health/alive": 200, "/sessions/whoami": 200, "/schemas": 200, "/self-service/login/api": 200, "/nowhere": 404, "/sessions": 200} {
		r, err := http.NewRequest("HEAD", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Session-Token", ann.token)
		if path == "/self-service/login/api" {
			r.Header.Del("X-Session-Token")
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != want || len(body) > 0 {
			t.Errorf("HEAD %s answered %d with %d bytes, want %d", path, res.StatusCode, len(body), want)
		}
		if got := res.Header.Get("Cache-Control"); got != "" {
			t.Errorf("HEAD %s: Cache-Control is %q", path, got)
		}
	}
}

func TestAnswersToGetAreNeverKept(t *testing.T) {
	p := newPorch(t)
	const never = "private, no-cache, no-store, must-revalidate"
	for _, path := range []string{"/health/alive", "/sessions/whoami", "/self-service/login/browser", "/nowhere", "/schemas"} {
		if got := p.get(path).Header().Get("Cache-Control"); got != never {
			t.Errorf("GET %s: Cache-Control is %q", path, got)
		}
	}
	for _, path := range []string{"/health/alive", "/admin/identities", "/identities", "/admin/sessions", "/nowhere"} {
		w := httptest.NewRecorder()
		p.wire.Admin().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Header().Get("Cache-Control"); got != never {
			t.Errorf("GET %s of the admin port: Cache-Control is %q", path, got)
		}
	}
	if got := p.ask("DELETE", "/sessions", "").Header().Get("Cache-Control"); got != "" {
		t.Errorf("DELETE: Cache-Control is %q", got)
	}
}

func TestABodyHasALimit(t *testing.T) {
	p := newPorch(t)
	asked := false
	p.submit = func(context.Context, *flow.Exec) (flow.Result, error) { asked = true; return flow.Rejected{}, nil }
	b := p.beginLogin()
	const limit = 5 << 20
	body := func(size int) string {
		head := `{"method":"stub","csrf_token":"` + b.csrf + `","word":"`
		return head + strings.Repeat("x", size-len(head)-2) + `"}`
	}
	asJSON := header("Content-Type", "application/json")
	post := func(text string, changes ...change) answer {
		return p.ask("POST", "/self-service/login?flow="+b.id, text, append(changes, asJSON, sent(b.set))...)
	}
	if a := post(body(limit)); a.Code != 400 || !asked {
		t.Errorf("a body of exactly the limit is answered %d", a.Code)
	}
	asked = false
	undeclared := func(r *http.Request) { r.ContentLength = -1 }
	for name, changes := range map[string][]change{"declared": nil, "undeclared": {undeclared}} {
		if a := post(body(limit+1), changes...); a.Code < 400 || a.Code == 400 || asked {
			t.Errorf("a body over the limit (%s) is answered %d", name, a.Code)
		}
	}
	// Neither does the middleware read more than that in search of a token.
	read := &meteredReader{Reader: io.LimitReader(zeros{}, 64<<20)}
	r := httptest.NewRequest("POST", "/self-service/login/browser", read)
	asForm(r)
	p.wire.Public().ServeHTTP(httptest.NewRecorder(), r)
	if read.n > limit+1<<20 {
		t.Errorf("%d bytes of a body were read", read.n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

type meteredReader struct {
	io.Reader
	n int
}

func (c *meteredReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

func TestAnUnsafeRequestNeedsTheTokenBeforeItIsRouted(t *testing.T) {
	p := newPorch(t)
	b := p.beginLogin()
	stranger := p.beginLogin()
	const path = "/self-service/login/browser" // 405 once the token is right
	field := func(token string) string { return url.Values{"csrf_token": {token}}.Encode() }
	for _, c := range []struct {
		name    string
		body    string
		changes []change
		want    int
	}{
		{"nothing", "", nil, 403},
		{"a cookie alone", "", []change{sent(b.set)}, 403},
		{"a token alone", "", []change{header("X-CSRF-Token", b.csrf)}, 403},
		{"a stranger's token", "", []change{sent(b.set), header("X-CSRF-Token", stranger.csrf)}, 403},
		{"the token in the header", "", []change{sent(b.set), header("X-CSRF-Token", b.csrf)}, 405},
		{"the token in the form", field(b.csrf), []change{sent(b.set), asForm}, 405},
		{"a stranger's token in the form", field(stranger.csrf), []change{sent(b.set), asForm}, 403},
		{"the token in the query", "", []change{sent(b.set), asForm, func(r *http.Request) { r.URL.RawQuery = field(b.csrf) }}, 403},
	} {
		if a := p.ask("POST", path, c.body, c.changes...); a.Code != c.want {
			t.Errorf("%s: answered %d, want %d", c.name, a.Code, c.want)
		}
	}
	header := header("X-CSRF-Token", b.csrf)
	if a := p.ask("POST", "/self-service/login?flow="+b.id, "method=stub", asForm, inJSON, sent(b.set), header); a.Code != 403 {
		t.Errorf("a submission with the token in a header only is answered %d, want 403", a.Code)
	}
}

func TestErrorsRepeatTheIdOfTheRequestUnlessTheySayHowToGoOn(t *testing.T) {
	p := newPorch(t)
	for path, want := range map[string]string{
		"/self-service/login/browser?aal=aal9": "request-1",
		"/self-service/settings/browser":       "", // its answer has a member beside the error
	} {
		if got := p.get(path, inJSON, header("X-Request-ID", "request-1")).text("error", "request"); got != want {
			t.Errorf("%s repeats %q, want %q", path, got, want)
		}
	}
}

func TestForwardingHeadersAreToldAndNeverLinked(t *testing.T) {
	p := newPorch(t)
	forged := []change{header("X-Forwarded-Host", "evil.test"), header("X-Forwarded-Proto", "ftp"), inJSON}
	a := p.get("/self-service/login/browser", forged...)
	if got, want := a.text("request_url"), "ftp://evil.test/self-service/login/browser"; got != want {
		t.Errorf("the request is told as %q, want %q", got, want)
	}
	if got, want := a.text("ui", "action"), "https://id.cardea.test/self-service/login?flow="+a.text("id"); got != want {
		t.Errorf("the form goes to %q, want %q", got, want)
	}
	ann := p.moveIn("ann@cardea.test")
	for name, a := range map[string]answer{
		"the start of a login":    p.get("/self-service/login/browser", forged[:2]...),
		"the start of settings":   p.get("/self-service/settings/browser?return_to=https://app.cardea.test/inside", forged[:2]...),
		"the start of a logout":   p.get("/self-service/logout/browser", append(forged, header("X-Session-Token", ann.token))...),
		"whoami":                  p.get("/sessions/whoami", append(forged, header("X-Session-Token", ann.token))...),
		"an address of admins":    p.get("/identities", forged[:2]...),
		"a doubled slash":         p.get("//self-service/login/browser", forged[:2]...),
		"another host altogether": p.get("/self-service/login/browser", func(r *http.Request) { r.Host = "evil.test" }),
		"changing the password":   p.get("/.well-known/change-password", forged[:2]...),
	} {
		if strings.Contains(a.Header().Get("Location")+a.Body.String(), "evil.test") {
			t.Errorf("%s is answered with a forged address: %s %s", name, a.Header().Get("Location"), a.Body)
		}
	}
}

func TestASettingsStepUpLeadsBackToTheConfiguredAddress(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	i := *ann.session.Identity
	i.Credentials = secondFactor()
	i.AvailableAAL = "aal2"
	if err := p.rows.UpdateIdentity(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
	a := p.get("/self-service/settings/browser?return_to=https://app.cardea.test/inside",
		header("X-Forwarded-Host", "evil.test"), header("X-Session-Token", ann.token))
	to, err := url.Parse(a.Header().Get("Location"))
	if err != nil || a.Code != 303 {
		t.Fatalf("answered %d %s", a.Code, a.Body)
	}
	if got, want := to.Query().Get("return_to"), "https://id.cardea.test/self-service/settings/browser?return_to=https%3A%2F%2Fapp.cardea.test%2Finside"; got != want {
		t.Errorf("after the second factor the browser goes to %q, want %q", got, want)
	}
}

func TestADeviceIsDescribed(t *testing.T) {
	long := strings.Repeat("x", 600)
	cases := []struct {
		name                string
		headers             http.Header
		ip, agent, location string
	}{
		{"nothing", nil, "192.0.2.1:1234", "", ""},
		{"the best header", http.Header{"True-Client-Ip": {"1.1.1.1"}, "Cf-Connecting-Ip": {"2.2.2.2"}, "X-Real-Ip": {"3.3.3.3"}, "X-Forwarded-For": {"4.4.4.4"}}, "1.1.1.1", "", ""},
		{"the next", http.Header{"Cf-Connecting-Ip": {"2.2.2.2"}, "X-Real-Ip": {"3.3.3.3"}, "X-Forwarded-For": {"4.4.4.4"}}, "2.2.2.2", "", ""},
		{"the next but one", http.Header{"X-Real-Ip": {"3.3.3.3"}, "X-Forwarded-For": {"4.4.4.4"}}, "3.3.3.3", "", ""},
		{"the last public hop", http.Header{"X-Forwarded-For": {"4.4.4.4, 5.5.5.5, 10.0.0.1, 192.168.1.1"}}, "5.5.5.5", "", ""},
		{"hops on several lines", http.Header{"X-Forwarded-For": {"4.4.4.4", "5.5.5.5, 10.0.0.1"}}, "5.5.5.5", "", ""},
		{"an IPv6 hop", http.Header{"X-Forwarded-For": {"4.4.4.4, 2001:db8::1, fd00::1, ::1"}}, "2001:db8::1", "", ""},
		{"private hops only", http.Header{"X-Forwarded-For": {"10.0.0.1, 127.0.0.1, ::ffff:192.168.0.1"}}, "", "", ""},
		{"no hop at all", http.Header{"X-Forwarded-For": {"unknown"}}, "", "", ""},
		{"an agent", http.Header{"User-Agent": {"a", "b"}}, "192.0.2.1:1234", "a b", ""},
		{"a long agent", http.Header{"User-Agent": {long}}, "192.0.2.1:1234", long[:512], ""},
		{"an agent that would be cut inside a letter", http.Header{"User-Agent": {long[:511] + "ä"}}, "192.0.2.1:1234", long[:511], ""},
		{"a place", http.Header{"Cf-Ipcity": {"Bonn"}, "Cf-Ipcountry": {"DE"}}, "192.0.2.1:1234", "", "Bonn, DE"},
		{"a country", http.Header{"Cf-Ipcountry": {"DE"}}, "192.0.2.1:1234", "", "DE"},
		{"a long place", http.Header{"Cf-Ipcity": {long}}, "192.0.2.1:1234", "", long[:512]},
		{"a long address", http.Header{"True-Client-Ip": {long}}, long[:512], "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "192.0.2.1:1234"
			for k, v := range c.headers {
				r.Header[k] = v
			}
			d := device(r)
			if diff := cmp.Diff([]string{c.ip, c.agent, c.location}, []string{*d.IPAddress, *d.UserAgent, *d.Location}); diff != "" {
				t.Errorf("address, agent and place (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheAddressOfARequest(t *testing.T) {
	r := httptest.NewRequest("GET", "/x?a=b", nil)
	r.Host = "id.cardea.test:4433"
	if got := requestURL(r); got != "http://id.cardea.test:4433/x?a=b" {
		t.Errorf("without TLS it is %s", got)
	}
	r.TLS = &tls.ConnectionState{}
	if got := requestURL(r); got != "https://id.cardea.test:4433/x?a=b" {
		t.Errorf("with TLS it is %s", got)
	}
}

func TestASecretIsNoPartOfALogLine(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	cookie := p.cookie(ann)
	logout := p.get("/self-service/logout/browser", sent(cookie)).text("logout_token")
	p.wire.Sessions = brokenSessions{err: errors.New("the database is gone")}
	for _, c := range []change{header("X-Session-Token", ann.token), sent(cookie), header("Authorization", "Bearer "+ann.token)} {
		p.get("/sessions/whoami", c)
		p.get("/self-service/logout?token="+logout, c)
		p.get("/self-service/login/browser", c)
	}
	text := p.log.String()
	if !strings.Contains(text, "the database is gone") {
		t.Fatal("the log does not know of the errors")
	}
	for name, secret := range map[string]string{"session token": ann.token, "cookie": cookie.Value, "logout token": logout} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
}

func TestTheMarkOfTheConfigurationFollowsIt(t *testing.T) {
	p := newPorch(t)
	mark := func(why string) string {
		t.Helper()
		w := httptest.NewRecorder()
		p.wire.Admin().ServeHTTP(w, httptest.NewRequest("GET", "/health/config", nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/plain" {
			t.Errorf("%s: it answered %d of the type %q", why, w.Code, w.Header().Get("Content-Type"))
		}
		return w.Body.String()
	}
	first := mark("without a revision")
	if len(first) != 64 || strings.Trim(first, "0123456789abcdef") != "" {
		t.Errorf("%q is no SHA-256 in hexadecimal", first)
	}
	if again := mark("asked again"); again != first {
		t.Errorf("the same configuration has the marks %q and %q", first, again)
	}
	p.use("session: {lifespan: 3h}")
	if other := mark("another lifespan"); len(other) != 64 || other == first {
		t.Errorf("another configuration has the mark %q, the one before had %q", other, first)
	}
	p.use("revision: blue-7")
	if got := mark("with a revision"); got != "blue-7" {
		t.Errorf("the mark is %q, not the revision", got)
	}
	if a := p.get("/health/config"); a.Code != 404 {
		t.Errorf("the public port tells the mark: %d", a.Code)
	}
}
