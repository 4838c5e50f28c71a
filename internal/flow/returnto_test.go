package flow_test

import (
	"testing"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// The two configurations of places: one with absolute addresses, as almost
// everybody has it, one where pages and server share an origin and nobody wrote
// it down.
const (
	absolutePlaces = `selfservice: {allowed_return_urls: ["http://127.0.0.1:14445", "https://*.example.com/app", "https://exact.test:8443/in/side", "myapp://callback/done"], default_browser_return_url: "http://127.0.0.1:14445/default"}`
	relativePlaces = `selfservice: {allowed_return_urls: ["/dashboard", "/"], default_browser_return_url: "/home"}`
)

// fallbackOf is the default of a configuration of places.
func fallbackOf(s *flow.Setup) string { return s.SelfService.DefaultBrowserReturnURL }

func TestReturnToLeadsToTheListAndNowhereElse(t *testing.T) {
	const forbidden, malformed = "forbidden", "malformed"
	cases := []struct {
		name, raw string
		want      string // where it leads, or forbidden, or malformed
	}{
		{"nothing", "", "http://127.0.0.1:14445/default"},

		// The table of section 4 of the HTTP reference.
		{"an allowed host", "http://127.0.0.1:14445", "http://127.0.0.1:14445"},
		{"path, query and fragment", "http://127.0.0.1:14445/a?b=c#d", "http://127.0.0.1:14445/a?b=c#d"},
		{"the scheme in capitals", "HTTP://127.0.0.1:14445/x", "http://127.0.0.1:14445/x"},
		{"a path alone", "/foo", "http://127.0.0.1:14445/foo"},
		{"a host alone", "//127.0.0.1:14445/x", "http://127.0.0.1:14445/x"},
		{"a scheme and a path", "http:/foo", "http://127.0.0.1:14445/foo"},
		{"a relative path", "foo", forbidden},
		{"another port", "http://127.0.0.1:14446/", forbidden},
		{"no port", "http://127.0.0.1/", forbidden},
		{"another scheme", "https://127.0.0.1:14445/", forbidden},
		{"a subdomain", "https://a.example.com/app", "https://a.example.com/app"},
		{"a subdomain of a subdomain", "https://a.b.example.com/app/x", "https://a.b.example.com/app/x"},
		{"a host in capitals", "https://A.EXAMPLE.COM/app", "https://A.EXAMPLE.COM/app"},
		{"a path that goes on without a slash", "https://a.example.com/application", "https://a.example.com/application"},
		{"the bare domain of a wildcard", "https://example.com/app", forbidden},
		{"a domain that ends alike", "https://evilexample.com/app", forbidden},
		{"the service's own journeys", "https://id.cardea.test/self-service/login/browser", "https://id.cardea.test/self-service/login/browser"},
		{"the service's own other addresses", "https://id.cardea.test/other", forbidden},
		{"script", "javascript:alert(1)", forbidden},
		{"a native app's own scheme", "myapp://callback/done?x=1", "myapp://callback/done?x=1"},

		// Open redirects.
		{"an allowed host as user", "http://127.0.0.1:14445@evil.test/", forbidden},
		{"an allowed host as user and password", "http://127.0.0.1:14445:x@evil.test/", forbidden},
		{"a user on an allowed host", "http://evil.test@127.0.0.1:14445/", forbidden},
		{"an empty user", "http://@127.0.0.1:14445/", forbidden},
		{"a host in front of an allowed one", "https://a.example.com.evil.test/app", forbidden},
		{"an allowed host in front", "http://127.0.0.1:14445.evil.test/", malformed},
		{"a foreign host without scheme", "//evil.test/x", forbidden},
		{"three slashes", "///evil.test/x", "http://127.0.0.1:14445///evil.test/x"},
		{"a scheme and three slashes", "http:///evil.test/x", "http://127.0.0.1:14445/evil.test/x"},
		{"a scheme and one slash", "http:/evil.test/x", "http://127.0.0.1:14445/evil.test/x"},
		{"a scheme and no slash", "http:evil.test/x", forbidden},
		{"a backslash for a slash", `http://evil.test\@127.0.0.1:14445/`, malformed},
		{"backslashes for slashes", `\\evil.test/x`, malformed},
		{"a slash and a backslash", `/\evil.test/x`, malformed},
		{"a backslash in the path", `https://a.example.com/app\..\x`, malformed},
		{"a tab between slashes", "/\t/evil.test/x", malformed},
		{"a tab in the scheme", "java\tscript:alert(1)", malformed},
		{"a line break", "/x\r\nSet-Cookie: a=b", malformed},
		{"a zero byte", "/x\x00y", malformed},
		{"a delete character", "/x\x7fy", malformed},
		{"a space in front", " http://evil.test/", malformed},
		{"a space in front of two slashes", " //evil.test/", forbidden},
		{"an escaped slash in the host", "https://evil.test%2f.example.com/app", malformed},
		{"an escaped hash in the host", "https://evil.test%23.example.com/app", malformed},
		{"an escaped question mark in the host", "https://evil.test%3f.example.com/app", malformed},
		{"an escaped backslash in the host", "https://evil.test%5c.example.com/app", malformed},
		{"a question mark that ends the host", "https://evil.test?.example.com/app", forbidden},
		{"a hash that ends the host", "https://evil.test#.example.com/app", forbidden},
		{"a second port", "https://evil.test:80:a.example.com/app", malformed},
		{"an empty port", "http://127.0.0.1:/x", forbidden},
		{"the default port written out", "https://a.example.com:443/app", forbidden},
		{"a port behind a wildcard", "https://a.example.com:8443/app", forbidden},
		{"a port that is a word", "https://exact.test:evil/in/side", malformed},
		{"a dot behind the host", "https://exact.test.:8443/in/side", forbidden},
		{"only the suffix of a wildcard", "https://.example.com/app", forbidden},
		{"punycode", "https://xn--exmple-cua.com/app", forbidden},
		{"a letter that looks alike", "https://a.ex\u0430mple.com/app", forbidden},
		{"full width dots", "https://a\uff0eexample\uff0ecom/app", forbidden},
		{"a number for the address", "http://2130706433:14445/", forbidden},
		{"an IPv6 address", "http://[::1]:14445/", forbidden},
		{"an unclosed IPv6 address", "http://[::1/", malformed},
		{"data", "data:text/html,x", forbidden},
		{"script behind slashes", "javascript://127.0.0.1:14445/%0aalert(1)", forbidden},
		{"view-source", "view-source:http://127.0.0.1:14445/", forbidden},
		{"nothing but a colon", ":", malformed},
		{"an escape that is none", "/%zz", malformed},

		// Ways out of an allowed path.
		{"dots", "https://a.example.com/app/../x", forbidden},
		{"escaped dots", "https://a.example.com/app/%2e%2e/x", forbidden},
		{"half escaped dots", "https://a.example.com/app/.%2E/x", forbidden},
		{"an escaped slash behind dots", "https://a.example.com/app/..%2fx", forbidden},
		{"an escaped backslash behind dots", "https://a.example.com/app/..%5cx", forbidden},
		{"dots with a path parameter", "https://a.example.com/app/..;/x", forbidden},
		{"dots with a named path parameter", "https://a.example.com/app/..;a=b/x", forbidden},
		{"dots at the end", "https://a.example.com/app/..", forbidden},
		{"down and further up", "https://a.example.com/app/y/../../x", forbidden},
		{"dots that stay inside", "https://a.example.com/app/y/../x", "https://a.example.com/app/y/../x"},
		{"a path in front", "https://a.example.com/x/app", forbidden},
		{"dots back into an allowed path", "https://a.example.com/x/../app", forbidden},
		{"dots out of the journeys", "https://id.cardea.test/self-service/../admin", forbidden},
		{"no path where one is needed", "https://exact.test:8443", forbidden},
		{"another native app", "myapp://other/done", forbidden},
	}
	s := compile(t, absolutePlaces)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := s.ReturnTo(c.raw, fallbackOf(s))
			switch p := problem.As(err); {
			case err == nil:
			case p == nil || p.Status != 400:
				t.Fatalf("%q: %v, want a problem with status 400", c.raw, err)
			case p.ID == problem.ReturnToForbidden:
				got = forbidden
			case p.ID == "":
				got = malformed
			}
			if got != c.want {
				t.Errorf("%q leads to %q, want %q", c.raw, got, c.want)
			}
		})
	}
}

func TestReturnToStaysOnTheOriginThatNobodyWroteDown(t *testing.T) {
	s := compile(t, relativePlaces)
	for raw, want := range map[string]string{
		"":                 "/home",
		"/dashboard/x":     "/dashboard/x",
		"/dashboard?a=b":   "/dashboard?a=b",
		"//evil.test":      "",
		"///evil.test":     "",
		"////evil.test":    "",
		"https:evil.test":  "",
		"https:/evil.test": "",
		"/..//evil.test":   "",
		"/.//evil.test":    "",
		"/;//evil.test":    "",
		"/%2f/evil.test":   "",
		"evil.test":        "",
	} {
		got, err := s.ReturnTo(raw, fallbackOf(s))
		if want == "" && err == nil || want != "" && got != want {
			t.Errorf("%q leads to %q (%v), want %q", raw, got, err, want)
		}
	}
}

func TestAWildcardWithoutBoundsIsNoRule(t *testing.T) {
	s := compile(t, `selfservice: {allowed_return_urls: ["https://*", "https://*foo.com", "https://*.com", "https://*.co.uk", "https://foo.*.com", "https://foo.*", "*", "//evil.test", "not a url"]}`)
	for _, raw := range []string{
		"https://evil.com/", "https://evil.co.uk/", "https://evilfoo.com/", "https://foo.evil.com/", "https://foo.evil/",
		"https://evil.test/", "//evil.test/", "http://anything.test/",
	} {
		if got, err := s.ReturnTo(raw, fallbackOf(s)); err == nil {
			t.Errorf("%q leads to %q", raw, got)
		}
	}
}
