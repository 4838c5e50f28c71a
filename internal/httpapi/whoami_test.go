package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

func TestWhichCredentialCounts(t *testing.T) {
	p := newPorch(t)
	ann, bob := p.moveIn("ann@cardea.test"), p.moveIn("bob@cardea.test")
	gone := p.moveIn("gone@cardea.test")
	if err := p.rows.RevokeSession(t.Context(), gone.session.ID, gone.session.IdentityID, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	cookie := p.cookie(ann)
	damaged := &http.Cookie{Name: cookie.Name, Value: "Ax" + cookie.Value[2:]}
	const unknown = "ory_st_00000000000000000000000000000000"
	cases := []struct {
		name    string
		changes []change
		want    *resident // nil for 401
	}{
		{"nothing", nil, nil},
		{"the header", []change{header("X-Session-Token", ann.token)}, &ann},
		{"the cookie", []change{sent(cookie)}, &ann},
		{"the bearer token", []change{header("Authorization", "Bearer "+bob.token)}, &bob},
		{"bearer in small letters", []change{header("Authorization", "bearer "+bob.token)}, &bob},
		{"bearer in any letters", []change{header("Authorization", "bEaReR "+bob.token)}, &bob},
		{"bearer with two spaces", []change{header("Authorization", "Bearer  "+bob.token)}, nil},
		{"bearer with a tab", []change{header("Authorization", "Bearer\t"+bob.token)}, nil},
		{"no scheme", []change{header("Authorization", bob.token)}, nil},
		{"another scheme", []change{header("Authorization", "Basic "+bob.token)}, nil},
		{"header before cookie", []change{header("X-Session-Token", bob.token), sent(cookie)}, &bob},
		{"header before bearer", []change{header("X-Session-Token", ann.token), header("Authorization", "Bearer "+bob.token)}, &ann},
		{"a wrong header before a good cookie", []change{header("X-Session-Token", unknown), sent(cookie)}, nil},
		{"nonsense in the header before a good cookie", []change{header("X-Session-Token", "x"), sent(cookie)}, nil},
		{"a wrong header before a good bearer", []change{header("X-Session-Token", unknown), header("Authorization", "Bearer "+bob.token)}, nil},
		{"cookie before bearer", []change{sent(cookie), header("Authorization", "Bearer "+bob.token)}, &ann},
		{"a cookie of a session that is over before a good bearer", []change{sent(p.cookie(gone)), header("Authorization", "Bearer "+bob.token)}, nil},
		{"a damaged cookie and a good bearer", []change{sent(damaged), header("Authorization", "Bearer "+bob.token)}, &bob},
		{"an empty cookie and a good bearer", []change{sent(&http.Cookie{Name: cookie.Name}), header("Authorization", "Bearer "+bob.token)}, &bob},
		{"a damaged cookie", []change{sent(damaged)}, nil},
		{"a token in the cookie's place", []change{sent(&http.Cookie{Name: cookie.Name, Value: ann.token})}, nil},
		{"a cookie in the header's place", []change{header("X-Session-Token", cookie.Value)}, nil},
		{"a token that is unknown", []change{header("X-Session-Token", unknown)}, nil},
		{"a token that is cut", []change{header("X-Session-Token", ann.token[:len(ann.token)-1])}, nil},
		{"the session's id", []change{header("X-Session-Token", ann.session.ID.String())}, nil},
		{"a session that was revoked", []change{header("X-Session-Token", gone.token)}, nil},
		{"the token in the query", []change{func(r *http.Request) { r.URL.RawQuery = "session_token=" + ann.token }}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := p.get("/sessions/whoami", c.changes...)
			if c.want == nil {
				if a.Code != 401 || errorID(a) != "" {
					t.Errorf("answered %d with id %q, want 401 without id", a.Code, errorID(a))
				}
				return
			}
			if a.Code != 200 || a.text("id") != c.want.session.ID.String() {
				t.Errorf("answered %d for session %q, want %s", a.Code, a.text("id"), c.want.session.ID)
			}
			if got := a.Header().Get("X-Kratos-Authenticated-Identity-Id"); got != c.want.session.IdentityID.String() {
				t.Errorf("the identity header is %q", got)
			}
		})
	}
}

func TestWhoamiAnswersEveryMethod(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} {
		a := p.ask(method, "/sessions/whoami", "", func(r *http.Request) {
			r.URL.Path, r.RequestURI = "/sessions/whoami", "/sessions/whoami"
		}, header("X-Session-Token", ann.token))
		if a.Code != 200 {
			t.Errorf("%s is answered %d", method, a.Code)
			continue
		}
		if got := a.Header().Get("X-Kratos-Authenticated-Identity-Id"); got != ann.session.IdentityID.String() {
			t.Errorf("%s: the identity header is %q", method, got)
		}
		if got := a.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: the content type is %q", method, got)
		}
		if hasBody := a.Body.Len() > 0; hasBody != (method != "HEAD") {
			t.Errorf("%s: there is a body: %t", method, hasBody)
		}
		if cached := a.Header().Get("Cache-Control") != ""; cached != (method == "GET") {
			t.Errorf("%s: Cache-Control is there: %t", method, cached)
		}
		if unwanted := a.Header()["Set-Cookie"]; unwanted != nil {
			t.Errorf("%s sets %v", method, unwanted)
		}
		if a.Header().Get("Etag") != "" {
			t.Errorf("%s has an ETag that nobody asked for", method)
		}
	}
	if a := p.get("/sessions/whoami", header("X-Session-Token", ann.token)); a.Code != 200 {
		t.Errorf("DELETE signed somebody out: %d", a.Code)
	}
}

func TestAnErrorHasItsHeader(t *testing.T) {
	p := newPorch(t)
	a := p.get("/sessions/whoami", header("X-Request-ID", "r-1"))
	if got, ok := a.Header()["Ory-Error-Id"]; !ok || !cmp.Equal(got, []string{""}) {
		t.Errorf("the header of an error without id is %v, want an empty one", got)
	}
	if got := a.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("the content type is %q", got)
	}
	if got := a.text("error", "request"); got != "r-1" {
		t.Errorf("the id of the request is told as %q", got)
	}
	if _, told := p.get("/sessions/whoami").at("error").(map[string]any)["request"]; told {
		t.Error("a request without id is told one")
	}
	named := p.get("/self-service/login/browser?return_to=https://evil.test", inJSON)
	if got := named.Header().Get("Ory-Error-Id"); got != "self_service_flow_return_to_forbidden" {
		t.Errorf("the header of an error with id is %q", got)
	}
}

func TestWhoamiRenewsACookieThatEndsTooSoon(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	cookie := p.cookie(ann)
	if a := p.get("/sessions/whoami", sent(cookie)); p.set(a, "ory_kratos_session") != nil {
		t.Error("a cookie that knows the session's end is written again")
	}
	later := ann.session.ExpiresAt.Add(time.Hour)
	if _, err := p.rows.ExtendSession(t.Context(), ann.session.ID, later, later, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(10 * time.Minute)
	a := p.get("/sessions/whoami", sent(cookie))
	renewed := p.set(a, "ory_kratos_session")
	if renewed == nil || !renewed.Expires.Equal(later) {
		t.Fatalf("the cookie of a prolonged session is written as %v", renewed)
	}
	if a := p.get("/sessions/whoami", sent(renewed)); a.Code != 200 || p.set(a, "ory_kratos_session") != nil {
		t.Errorf("the new cookie is answered %d and written again", a.Code)
	}
	for name, c := range map[string]change{"the header": header("X-Session-Token", ann.token), "a bearer token": header("Authorization", "Bearer "+ann.token)} {
		if a := p.get("/sessions/whoami", c); len(a.Result().Cookies()) > 0 {
			t.Errorf("%s is answered with cookies", name)
		}
	}
	if a := p.get("/sessions", sent(cookie)); p.set(a, "ory_kratos_session") != nil {
		t.Error("another address writes the cookie again")
	}
}

func TestASessionThatIsOverIsNobody(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	token := header("X-Session-Token", ann.token)
	p.clock.Advance(time.Hour - time.Microsecond)
	if a := p.get("/sessions/whoami", token); a.Code != 200 {
		t.Errorf("just before its end: %d", a.Code)
	}
	p.clock.Advance(time.Microsecond)
	for _, path := range []string{"/sessions/whoami", "/sessions"} {
		if a := p.get(path, token); a.Code != 401 {
			t.Errorf("%s at its end: %d", path, a.Code)
		}
	}
	if a := p.get("/self-service/logout/browser", token, inJSON); a.Code != 401 || errorID(a) != "session_inactive" {
		t.Errorf("logout at its end: %d %q", a.Code, errorID(a))
	}
}

func TestAnIdentityThatIsSwitchedOffIsNobodyEverywhere(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	i := *ann.session.Identity
	i.State = identity.Inactive
	if err := p.rows.UpdateIdentity(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
	token := header("X-Session-Token", ann.token)
	for _, r := range []struct{ method, path string }{
		{"GET", "/sessions/whoami"}, {"GET", "/sessions"}, {"DELETE", "/sessions"}, {"DELETE", "/sessions/" + ann.session.ID.String()},
		{"GET", "/self-service/logout/browser"}, {"GET", "/self-service/settings/browser"},
	} {
		if a := p.ask(r.method, r.path, "", token, inJSON); a.Code != 401 {
			t.Errorf("%s %s answered %d", r.method, r.path, a.Code)
		}
	}
	if a := p.get("/self-service/login/browser", token, inJSON); a.Code != 200 {
		t.Errorf("the start of a login counts the session: %d", a.Code)
	}
}

func TestWhoamiWantsTheSecondFactorWhereThereIsOne(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	i := *ann.session.Identity
	i.Credentials, i.AvailableAAL = secondFactor(), "aal2"
	if err := p.rows.UpdateIdentity(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
	const stepUp = "https://id.cardea.test/self-service/login/browser?aal=aal2"
	token := header("X-Session-Token", ann.token)
	for _, path := range []string{"/sessions/whoami", "/sessions"} {
		a := p.get(path, token)
		if a.Code != 403 || errorID(a) != "session_aal2_required" {
			t.Fatalf("%s: %d %q", path, a.Code, errorID(a))
		}
		if a.text("redirect_browser_to") != stepUp || a.text("error", "details", "redirect_browser_to") != stepUp {
			t.Errorf("%s leads to %q and %q", path, a.text("redirect_browser_to"), a.text("error", "details", "redirect_browser_to"))
		}
		if a.Header().Get("X-Kratos-Authenticated-Identity-Id") != "" || strings.Contains(a.Body.String(), "ann@cardea.test") {
			t.Errorf("%s tells who it is", path)
		}
	}
	if a := p.ask("DELETE", "/sessions", "", token); a.Code != 200 {
		t.Errorf("signing other devices out is answered %d", a.Code)
	}
	p.use(`session: {whoami: {required_aal: aal1}}`)
	if a := p.get("/sessions/whoami", token); a.Code != 200 {
		t.Errorf("where one factor is enough: %d", a.Code)
	}
	p.use(`cardea: {assurance: {require_aal2: {everyone: true}}}`, `session: {whoami: {required_aal: aal1}}`)
	if a := p.get("/sessions/whoami", token); a.Code != 403 {
		t.Errorf("where the policy wants two: %d", a.Code)
	}
	p.use()
	s := *ann.session
	s.Renew(session.Method{Method: "totp", AAL: session.AAL2, CompletedAt: p.clock.Now()}, p.clock.Now(), time.Hour)
	if err := p.rows.Tx(t.Context(), func(x *store.Tx) error { return x.UpdateSession(&s) }); err != nil {
		t.Fatal(err)
	}
	if a := p.get("/sessions/whoami", token); a.Code != 200 || a.text("authenticator_assurance_level") != "aal2" {
		t.Errorf("with both factors: %d at %q", a.Code, a.text("authenticator_assurance_level"))
	}
}

func TestHowLongAnAnswerMayBeKept(t *testing.T) {
	const name = "Ory-Session-Cache-For"
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	token := header("X-Session-Token", ann.token)
	if a := p.get("/sessions/whoami", token); a.Header()[name] != nil {
		t.Errorf("nobody asked, but the answer may be kept for %v", a.Header()[name])
	}
	p.use(`feature_flags: {cacheable_sessions: true}`)
	if got := p.get("/sessions/whoami", token).Header().Get(name); got != "3600" {
		t.Errorf("the answer may be kept for %q s, want the rest of the session", got)
	}
	if got := p.get("/sessions/whoami").Header().Get(name); got != "60" {
		t.Errorf("the answer to nobody may be kept for %q s, want 60", got)
	}
	for what, c := range map[string]change{"a wrong token": header("X-Session-Token", "x"), "a wrong cookie": header("Cookie", "ory_kratos_session=x"), "a wrong bearer": header("Authorization", "Bearer x")} {
		if got := p.get("/sessions/whoami", c).Header()[name]; got != nil {
			t.Errorf("the answer to %s may be kept for %v", what, got)
		}
	}
	p.use(`feature_flags: {cacheable_sessions: true, cacheable_sessions_max_age: 1m}`)
	if got := p.get("/sessions/whoami", token).Header().Get(name); got != "60" {
		t.Errorf("the answer may be kept for %q s, want the configured 60", got)
	}
	p.use(`feature_flags: {cacheable_sessions: true, cacheable_sessions_max_age: 24h}`)
	if got := p.get("/sessions/whoami", token).Header().Get(name); got != "3600" {
		t.Errorf("the answer may be kept for %q s, want no longer than the session lives", got)
	}
}

// brokenSessions fail with an error that nobody outside may read.
type brokenSessions struct {
	Sessions
	err   error
	panic any
}

func (b brokenSessions) ByToken(context.Context, []byte) (*session.Session, error) {
	if b.panic != nil {
		panic(b.panic)
	}
	return nil, b.err
}

func TestAFactorWhoseMethodIsSwitchedOffIsNotWanted(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	i := *ann.session.Identity
	i.Credentials, i.AvailableAAL = secondFactor(), "aal2"
	if err := p.rows.UpdateIdentity(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
	token := header("X-Session-Token", ann.token)
	p.use(`selfservice: {methods: {lookup_secret: {enabled: false}}}`)
	for range 2 {
		if a := p.get("/sessions/whoami", token); a.Code != 200 {
			t.Errorf("answered %d", a.Code)
		}
	}
	stored, err := p.rows.Identity(t.Context(), i.ID)
	if err != nil || stored.AvailableAAL == "aal2" {
		t.Errorf("the account is noted at %s: %v", stored.AvailableAAL, err)
	}
}
