package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const corsConfig = `serve: {public: {cors: {enabled: true, allowed_origins: ["https://www.cardea.test", "https://*.wild.cardea.test"], allowed_methods: [GET, POST],
  allowed_headers: [Content-Type, X-Custom], exposed_headers: [Content-Type, Set-Cookie], allow_credentials: true, max_age: 600}}}`

// corsHeaders are the headers of an answer that other origins look at.
func corsHeaders(a answer) map[string]string {
	out := map[string]string{}
	for name, values := range a.Result().Header {
		if len(name) > 15 && name[:15] == "Access-Control-" {
			out[name[15:]] = values[0]
		}
	}
	return out
}

func TestWhatOtherOriginsAreAllowed(t *testing.T) {
	const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	asks := func(method string, headers ...string) change {
		return func(r *http.Request) {
			r.Header.Set("Access-Control-Request-Method", method)
			if len(headers) > 0 {
				r.Header.Set("Access-Control-Request-Headers", headers[0])
			}
		}
	}
	allowed := func(origin, method, headers string) map[string]string {
		h := map[string]string{"Allow-Origin": origin, "Allow-Methods": method, "Allow-Credentials": "true", "Max-Age": "600"}
		if headers != "" {
			h["Allow-Headers"] = headers
		}
		return h
	}
	none := map[string]string{}
	const www = "https://www.cardea.test"
	cases := []struct {
		name, method string
		path         string
		changes      []change
		status       int
		want         map[string]string
	}{
		{"a preflight", "OPTIONS", "/self-service/login/browser", []change{header("Origin", www), asks("GET", "content-type")}, 204, allowed(www, "GET", "content-type")},
		{"a preflight that asks for headers in another case", "OPTIONS", "/self-service/login/browser", []change{header("Origin", www), asks("GET", "Content-Type, x-custom")}, 204, allowed(www, "GET", "Content-Type, x-custom")},
		{"a preflight of a subdomain", "OPTIONS", "/self-service/login/browser", []change{header("Origin", "https://a.wild.cardea.test"), asks("POST")}, 204, allowed("https://a.wild.cardea.test", "POST", "")},
		{"a preflight in capitals", "OPTIONS", "/sessions", []change{header("Origin", "HTTPS://WWW.cardea.test"), asks("GET")}, 204, allowed("HTTPS://WWW.cardea.test", "GET", "")},
		{"a preflight of a stranger", "OPTIONS", "/self-service/login/browser", []change{header("Origin", "https://evil.test"), asks("GET")}, 204, none},
		{"a preflight for another verb", "OPTIONS", "/sessions", []change{header("Origin", www), asks("DELETE")}, 204, none},
		{"a preflight for another header", "OPTIONS", "/sessions", []change{header("Origin", www), asks("GET", "content-type, x-other")}, 204, none},
		{"a preflight of nobody", "OPTIONS", "/sessions", []change{asks("GET")}, 204, none},
		{"a request", "GET", "/self-service/login/browser", []change{header("Origin", www), inJSON}, 200,
			map[string]string{"Allow-Origin": www, "Expose-Headers": "Content-Type, Set-Cookie", "Allow-Credentials": "true"}},
		{"a request of a stranger", "GET", "/self-service/login/browser", []change{header("Origin", "https://evil.test"), inJSON}, 200, none},
		{"a request of no origin", "GET", "/self-service/login/browser", []change{inJSON}, 200, none},
		{"a request of a page without an origin of its own", "GET", "/self-service/login/browser", []change{header("Origin", "null"), inJSON}, 200, none},
		{"an error", "GET", "/sessions/whoami", []change{header("Origin", www)}, 401,
			map[string]string{"Allow-Origin": www, "Expose-Headers": "Content-Type, Set-Cookie", "Allow-Credentials": "true"}},
		{"the bare domain of a wildcard", "GET", "/sessions/whoami", []change{header("Origin", "https://wild.cardea.test")}, 401, none},
		{"another scheme of a subdomain", "GET", "/sessions/whoami", []change{header("Origin", "http://a.wild.cardea.test")}, 401, none},
		{"another scheme", "GET", "/sessions/whoami", []change{header("Origin", "http://www.cardea.test")}, 401, none},
		{"another port", "GET", "/sessions/whoami", []change{header("Origin", www+":8443")}, 401, none},
		{"an origin that begins alike", "GET", "/sessions/whoami", []change{header("Origin", www+".evil.test")}, 401, none},
		{"an origin that ends alike", "GET", "/sessions/whoami", []change{header("Origin", "https://evil.test/.wild.cardea.testx")}, 401, none},
		{"only the ends of a wildcard", "GET", "/sessions/whoami", []change{header("Origin", "https://.wild.cardea.tes")}, 401, none},
	}
	p := newPorch(t, corsConfig)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := p.ask(c.method, c.path, "", c.changes...)
			if a.Code != c.status {
				t.Errorf("answered %d, want %d", a.Code, c.status)
			}
			if diff := cmp.Diff(c.want, corsHeaders(a)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			wantVary := []string{"Origin", "Cookie"}
			if c.method == "OPTIONS" {
				wantVary = []string{preflightVary}
			}
			if diff := cmp.Diff(wantVary, a.Result().Header["Vary"]); diff != "" {
				t.Errorf("Vary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCORSSettings(t *testing.T) {
	const origin = "https://www.cardea.test"
	p := newPorch(t)
	ask := func(config string) answer {
		p.use(config)
		return p.get("/sessions/whoami", header("Origin", origin))
	}
	if got := corsHeaders(ask("")); len(got) > 0 {
		t.Errorf("nobody switched it on, but the answer has %v", got)
	}
	if got := ask("").Result().Header["Vary"]; !cmp.Equal(got, []string{"Cookie"}) {
		t.Errorf("without it the answer varies by %v", got)
	}
	if got := corsHeaders(ask(`serve: {public: {cors: {enabled: true}}}`)); got["Allow-Origin"] != origin {
		t.Errorf("any origin is allowed, but the answer has %v: an origin is named, never *", got)
	}
	quiet := ask(`serve: {public: {cors: {enabled: true, allowed_origins: ["https://www.cardea.test"], allow_credentials: false, exposed_headers: []}}}`)
	if diff := cmp.Diff(map[string]string{"Allow-Origin": origin}, corsHeaders(quiet)); diff != "" {
		t.Errorf("without credentials and exposed headers (-want +got):\n%s", diff)
	}
	if got := corsHeaders(ask(`serve: {public: {cors: {enabled: true, allowed_origins: ["https://*.test", "https://www.*"]}}}`)); len(got) > 0 {
		t.Errorf("a wildcard without bounds lets %v in", got)
	}
	p.use(`serve: {public: {cors: {enabled: true, options_passthrough: true}}}`)
	if a := p.ask("OPTIONS", "/sessions/whoami", "", header("Origin", origin), header("Access-Control-Request-Method", "GET")); a.Code != 401 || corsHeaders(a)["Allow-Origin"] != origin {
		t.Errorf("a preflight that is passed through is answered %d with %v", a.Code, corsHeaders(a))
	}
}

func TestTheAdminPortKnowsNoOtherOrigins(t *testing.T) {
	p := newPorch(t, corsConfig)
	for _, method := range []string{"GET", "OPTIONS"} {
		r := httptest.NewRequest(method, "/health/alive", nil)
		r.Header.Set("Origin", "https://www.cardea.test")
		r.Header.Set("Access-Control-Request-Method", "GET")
		w := httptest.NewRecorder()
		p.wire.Admin().ServeHTTP(w, r)
		if got := corsHeaders(answer{ResponseRecorder: w}); len(got) > 0 {
			t.Errorf("%s is answered with %v", method, got)
		}
	}
}
