package flow_test

import (
	"net/url"
	"strings"
	"testing"
)

// special are the schemes whose addresses browsers read leniently: any number of
// slashes and backslashes is in front of the host.
// https://url.spec.whatwg.org/#special-scheme
var special = map[string]bool{"http": true, "https": true, "ftp": true, "ws": true, "wss": true}

// browserOrigin reads an address as the WHATWG URL standard does, on a page with
// the given scheme and host, as far as origins go. ok is false for an address
// that a browser refuses.
func browserOrigin(address, pageScheme, pageHost string) (scheme, host string, ok bool) {
	address = strings.TrimFunc(address, func(r rune) bool { return r <= 0x20 })
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(address)
	scheme, rest, found := strings.Cut(address, ":")
	if !found || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool {
		return !('a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+-.", r))
	}) || !('a' <= scheme[0]|0x20 && scheme[0]|0x20 <= 'z') {
		scheme, rest = pageScheme, address
	} else if scheme = strings.ToLower(scheme); special[scheme] && scheme == pageScheme && !leadsWith(rest, 2) {
		return scheme, pageHost, true // relative to the page
	} else if special[scheme] {
		rest = "//" + strings.TrimLeft(rest, `/\`)
	} else if !strings.HasPrefix(rest, "//") {
		return scheme, "", true
	}
	if !special[scheme] && !strings.HasPrefix(rest, "//") || special[scheme] && !leadsWith(rest, 2) {
		return scheme, pageHost, true
	}
	rest = strings.TrimLeft(rest, `/\`)
	end := `/?#`
	if special[scheme] {
		end += `\`
	}
	if i := strings.IndexAny(rest, end); i >= 0 {
		rest = rest[:i]
	}
	host = rest[strings.LastIndexByte(rest, '@')+1:]
	if decoded, err := url.PathUnescape(host); err == nil {
		host = decoded
	}
	return scheme, strings.ToLower(host), host != ""
}

// leadsWith says whether a text begins with n slashes of either kind.
func leadsWith(text string, n int) bool {
	return len(text) >= n && strings.Trim(text[:n], `/\`) == ""
}

func TestAddressesAreReadAsBrowsersReadThem(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.test/x":        "https a.test",
		`https:\\a.test\x`:        "https a.test",
		"https:////a.test":        "https a.test",
		"https:a.test":            "https page.test",
		"http:a.test":             "http a.test",
		"//a.test":                "https a.test",
		"///a.test":               "https a.test",
		`/\a.test`:                "https a.test",
		"/\t/a.test":              "https a.test",
		"/a.test":                 "https page.test",
		"a.test":                  "https page.test",
		"https://a.test@b.test":   "https b.test",
		`https://a.test\@b.test`:  "https a.test",
		"https://b.test#@a.test":  "https b.test",
		"https://B.test:1/":       "https b.test:1",
		"javascript:alert(1)":     "javascript ",
		"myapp://a.test/x":        "myapp a.test",
		" https://a.test":         "https a.test",
		"https://a%2etest":        "https a.test",
		"ht\ntps://a.test":        "https a.test",
		"//a.test:8443/x?y=/#/z@": "https a.test:8443",
	} {
		scheme, host, ok := browserOrigin(address, "https", "page.test")
		if got := scheme + " " + host; got != want || !ok && host != "" {
			t.Errorf("%q is read as %q, want %q", address, got, want)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{
		"", "/foo", "//evil.test", "///evil.test", `/\evil.test`, `\\evil.test`, "http:/x", "http:evil.test", "https://a.example.com/app",
		"http://127.0.0.1:14445@evil.test/", "http://evil.test#@127.0.0.1:14445/", "https://evil.test?.example.com/app",
		"https://evil.test%2f.example.com/app", "https://a.example.com/app/%2e%2e/x", "https://a.example.com/app/..;/x",
		"https://a.example.com/app/..%5cx", "/%2f/evil.test", "/.//evil.test", "javascript://127.0.0.1:14445/%0aalert(1)",
		"https://exact.test:8443/in/side?x=//evil.test#//evil.test", "myapp://callback/done", "/a b", "/%zz", "?x", "#x", "//", "https://",
		"https://[::1].example.com/app", "https://a\u3002example.com/app", "https://\u212a.example.com/app", "/%E2%80%A8", "/a?\u2028",
	} {
		f.Add(seed)
	}
	absolute, relative := compile(f, absolutePlaces), compile(f, relativePlaces)
	onList := func(scheme, host string) bool {
		switch scheme + "://" + host {
		case "http://127.0.0.1:14445", "https://exact.test:8443", "myapp://callback", "https://id.cardea.test":
			return true
		}
		return scheme == "https" && strings.HasSuffix(host, ".example.com")
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if to, err := absolute.ReturnTo(raw, fallbackOf(absolute)); err == nil {
			// Wherever the page that follows the redirect lives.
			for _, page := range []string{"http", "https"} {
				scheme, host, ok := browserOrigin(to, page, "page.test")
				if ok && !onList(scheme, host) {
					t.Errorf("%q is accepted as %q: a browser goes to %s://%s", raw, to, scheme, host)
				}
			}
			again, err := absolute.ReturnTo(to, fallbackOf(absolute))
			if err != nil || again != to {
				t.Errorf("%q is accepted as %q, which is read as %q (%v)", raw, to, again, err)
			}
		}
		if to, err := relative.ReturnTo(raw, fallbackOf(relative)); err == nil {
			scheme, host, ok := browserOrigin(to, "https", "page.test")
			own := scheme == "https" && (host == "page.test" || host == "id.cardea.test")
			if ok && !own {
				t.Errorf("%q is accepted as %q: a browser leaves the page for %s://%s", raw, to, scheme, host)
			}
		}
	})
}
