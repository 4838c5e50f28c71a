package systemtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// where is the place an address leads a browser to, as the URL standard of the
// WHATWG reads it: a backslash is a slash, tabs and line breaks are nothing, any
// number of slashes may follow the scheme. Where readers could disagree it picks
// the reading that leads farther away, and it maps no host to another spelling:
// a host that is not literally one of ours is a stranger's.
func where(address, base string) (scheme, host, path string) {
	text := strings.Trim(address, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	home, err := url.Parse(base)
	if err != nil {
		return "", "", ""
	}
	scheme, host = home.Scheme, home.Host
	name, rest, named := strings.Cut(text, ":")
	if named && isScheme(name) {
		scheme, text = strings.ToLower(name), rest
		if scheme != "http" && scheme != "https" {
			return scheme, "", text
		}
		text = "//" + strings.TrimLeft(text, `/\`)
	}
	text = strings.ReplaceAll(text, `\`, "/")
	if strings.HasPrefix(text, "//") {
		text = strings.TrimLeft(text, "/")
		host = text
		if i := strings.IndexAny(text, "/?#"); i >= 0 {
			host = text[:i]
		}
		text = text[len(host):]
		host = host[strings.LastIndex(host, "@")+1:]
		if plain, err := url.PathUnescape(host); err == nil {
			host = plain
		}
		host = strings.ToLower(host)
	}
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i]
	}
	return scheme, host, climb(text)
}

func isScheme(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return name != ""
}

// climb resolves the segments that lead upwards, however they are spelled.
func climb(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		switch strings.ReplaceAll(strings.ToLower(name), "%2e", ".") {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

func TestTheReaderOfAddressesReadsAsBrowsersDo(t *testing.T) {
	for _, c := range []struct{ address, scheme, host, path string }{
		{"/a/b?c#d", "https", "home.test", "/a/b"},
		{"https://a.test/x", "https", "a.test", "/x"},
		{"HTTPS:a.test", "https", "a.test", "/"},
		{`https:\\a.test\x`, "https", "a.test", "/x"},
		{`/\a.test`, "https", "a.test", "/"},
		{"/\t/a.test", "https", "a.test", "/"},
		{"\x01 ///a.test", "https", "a.test", "/"},
		{"https://u:p@b@a.test:8443/x", "https", "a.test:8443", "/x"},
		{"https://a.test/in/..;/%2E%2e/out", "https", "a.test", "/out"},
		{"https://a%2Etest", "https", "a.test", "/"},
		{"javascript:alert(1)", "javascript", "", "alert(1)"},
	} {
		scheme, host, path := where(c.address, "https://home.test/")
		if scheme != c.scheme || host != c.host || path != c.path {
			t.Errorf("%q leads to %s %s %s, want %s %s %s", c.address, scheme, host, path, c.scheme, c.host, c.path)
		}
	}
}

// corpus are addresses that try to leave for evil.test, or for a place on an
// allowed host that was not allowed. {public} is the server's own host and port.
var corpus = []string{
	"https://evil.test", "https://evil.test/inside", "http://evil.test/", "//evil.test", "///evil.test", "////evil.test/inside",
	`\\evil.test`, `/\evil.test`, `\/evil.test`, `/\/evil.test`, `https:\\evil.test`, `https:/\evil.test`, `https:evil.test`, `https:/evil.test`,
	"https://app.cardea.test@evil.test/inside", "https://app.cardea.test:x@evil.test/inside", `https://evil.test\@app.cardea.test/inside`,
	"https://evil.test#@app.cardea.test/inside", "https://evil.test?@app.cardea.test/inside", "https://evil.test/@app.cardea.test/inside",
	"https://app.cardea.test%40evil.test/inside", "https://app.cardea.test%2f@evil.test/inside", "https://user:pass@app.cardea.test/inside",
	"https://app.cardea.test.evil.test/inside", "https://evil-app.cardea.test/inside", "https://evilapp.cardea.test/inside",
	"https://app.cardea.testevil/inside", "https://cardea.test/inside", "https://app.cardea.test./inside", "https://.app.cardea.test/inside",
	"https://app.cardea.test:8443/inside", "https://app.cardea.test:443@evil.test/inside", "https://app.cardea.test:/inside", "https://app.cardea.test:0443/inside",
	"https://app.cardea.test: 443/inside", "https://app.cardea.test:443:80/inside", "https://app.cardea.test:65536/inside",
	"http://app.cardea.test/inside", "ftp://app.cardea.test/inside", "ws://app.cardea.test/inside", "app://app.cardea.test/inside",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", " javascript:alert(1)",
	"javascript://app.cardea.test/inside/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:msgbox(1)", "file:///etc/passwd", "blob:https://app.cardea.test/inside",
	"https://app.cardea.test/inside/../admin", "https://app.cardea.test/inside/..;/admin", "https://app.cardea.test/inside/..;a=b/admin",
	"https://app.cardea.test/inside/%2e%2e/admin", "https://app.cardea.test/inside/.%2e/admin", `https://app.cardea.test/inside\..\admin`,
	"https://app.cardea.test/inside/%2e%2e%2fadmin", "https://app.cardea.test/inside/..%2fadmin", "https://app.cardea.test/inside/..%5cadmin",
	"https://app.cardea.test/inside//../../admin", "https://app.cardea.test//evil.test/inside", "https://app.cardea.test/outside", "https://app.cardea.test",
	"/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "\t//evil.test", "ht\ntps://evil.test", "https://evil\t.test/inside", "https:\n//evil.test", "/%09/evil.test", "/%5cevil.test", "/%2fevil.test",
	"https://app.cardea.test\x00.evil.test/inside", "https://app.cardea.test%00.evil.test/inside", "https://evil.test\x00app.cardea.test/inside", "//evil.test%00.app.cardea.test/inside",
	"https://evil。test/inside", "https://app。cardea。test/inside", "https://app.cardea.test．evil.test/inside", "https://app.cardea.test｡evil.test/inside",
	"https://аpp.cardea.test/inside", "https://xn--pp-6kc.cardea.test/inside", "https://ⓐpp.cardea.test/inside", "https://app.cardea.test／evil.test", "https://evil.test／app.cardea.test/inside", "https://app.cardea.test＠evil.test/inside",
	"HTTPS://EVIL.TEST/inside", "HTTPS://evil.test", "hTTps:evil.test", "HTTP://APP.CARDEA.TEST/inside",
	"https://[::1]/inside", "https://[app.cardea.test]/inside", "https://2130706433/", "https://127.1/", "http://0x7f.1/", "http://127.0.0.1/", "http://localhost/",
	"http://{public}@evil.test/", "http://{public}.evil.test/", "http://{public}:80@evil.test/", `http://{public}\@evil.test/`, "//{public}@evil.test", "https://{public}/", "http://{public}0/", "//evil.test:{public}",
	"https://app.cardea.test;evil.test/inside", "https://app.cardea.test,evil.test/inside", "https://app.cardea.test&@evil.test/inside", "https://app.cardea.test|evil.test/inside", "https://app.cardea.test^evil.test/inside",
	"https://app.cardea.test\r\nLocation: https://evil.test/", "/\r\nSet-Cookie: a=b", "https://%61pp.cardea.test/inside", "https://app%2ecardea.test/inside", "https://evil%2etest",
	"?x=https://evil.test", "evil.test", "./evil", "../evil", "@evil.test", ":@evil.test", "://evil.test", ":evil", "%", "https://", "https:///evil.test", "https:", "*", "https://*/",
}

// permitted says whether a browser may be sent somewhere: the page's hosts, the
// server itself, and the one address that the configuration allows.
func (s *server) permitted(address, base string) bool {
	scheme, host, path := where(address, base)
	switch {
	case scheme == "https" && host == uiHost, scheme == "http" && host == s.publicAddr:
		return true
	case scheme == "https" && host == returnHost:
		return path == "/inside" || strings.HasPrefix(path, "/inside/")
	}
	return false
}

// stays wants an answer that sends nobody to a strange place, in a header or in
// what an application would follow.
func (s *server) stays(t *testing.T, what, try string, a *answer) {
	t.Helper()
	if a.Status >= 500 {
		t.Errorf("%s with %q: answered %d %.200s", what, try, a.Status, a.Body)
	}
	to := []string{a.text("redirect_browser_to"), a.text("error", "details", "redirect_to")}
	to = append(to, a.Header["Location"]...)
	for _, address := range to {
		if address != "" && !s.permitted(address, s.PublicURL+"/self-service/login") {
			t.Errorf("%s with %q: leads to %q", what, try, address)
		}
	}
	if len(a.Header["Location"]) > 1 {
		t.Errorf("%s with %q: %d Location headers", what, try, len(a.Header["Location"]))
	}
	for _, cookie := range (&http.Response{Header: a.Header}).Cookies() {
		if cookie.Name == "a" {
			t.Errorf("%s with %q: a header was injected", what, try)
		}
	}
}

func TestNobodyIsSentToAnAddressThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	if _, err := s.native().signUp("ann@cardea.test"); err != nil {
		t.Fatal(err)
	}
	fresh, signedIn, app := s.browser(t), s.browser(t), s.spa(t)
	s.signInWithForm(t, signedIn, "")
	for _, try := range corpus {
		try = strings.ReplaceAll(try, "{public}", s.publicAddr)
		query := "?return_to=" + url.QueryEscape(try)
		for _, kind := range []string{"login", "registration", "settings", "recovery", "verification"} {
			path := "/self-service/" + kind + "/browser" + query
			s.stays(t, kind, try, fresh.get(t, path))
			s.stays(t, kind+" of somebody who is signed in", try, signedIn.get(t, path))
			s.stays(t, kind+" of an application", try, app.get(t, path))
		}
		s.stays(t, "a refresh", try, signedIn.get(t, "/self-service/login/browser"+query+"&refresh=true"))
		s.stays(t, "the start of a sign-out", try, signedIn.get(t, "/self-service/logout/browser"+query))
		s.stays(t, "a sign-out without a token", try, signedIn.get(t, "/self-service/logout"+query))
	}
}

// signInWithForm signs Ann in as a browser does, with a query for the start, and
// gives the last answer; nil when no form was given out.
func (s *server) signInWithForm(t *testing.T, b *client, query string) *answer {
	t.Helper()
	f, begun := b.begin(t, "login", query)
	s.stays(t, "login", query, begun)
	if f.CSRF == "" {
		return nil
	}
	fields := url.Values{"method": {"password"}, "identifier": {"ann@cardea.test"}, "password": {password}, "csrf_token": {f.CSRF}}
	return b.must(t, request{Method: "POST", Path: "/self-service/login?flow=" + f.ID, Type: formType, Body: []byte(fields.Encode())})
}

func TestNoJourneyEndsAtAnAddressThatIsNotAllowed(t *testing.T) {
	long(t)
	t.Parallel()
	s := start(t, options{})
	if _, err := s.native().signUp("ann@cardea.test"); err != nil {
		t.Fatal(err)
	}
	for _, try := range corpus {
		try = strings.ReplaceAll(try, "{public}", s.publicAddr)
		query := "?return_to=" + url.QueryEscape(try)
		b := s.browser(t)
		if a := s.signInWithForm(t, b, query); a != nil {
			s.stays(t, "the end of a sign-in", try, a)
		} else {
			s.signInWithForm(t, b, "")
		}
		b.accept = jsonType
		token := b.get(t, "/self-service/logout/browser").text("logout_token")
		if token == "" {
			t.Fatalf("with %q: nobody is signed in", try)
		}
		b.accept = pageType
		s.stays(t, "the end of a sign-out", try, b.get(t, "/self-service/logout"+query+"&token="+url.QueryEscape(token)))
		b.http.CloseIdleConnections()
	}
}

func TestTheAllowedAddressIsWhereAJourneyEnds(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	if _, err := s.native().signUp("ann@cardea.test"); err != nil {
		t.Fatal(err)
	}
	const to = "https://app.cardea.test/inside/page?a=b"
	a := s.signInWithForm(t, s.browser(t), "?return_to="+url.QueryEscape(to))
	if a == nil || a.Status != http.StatusSeeOther || a.Header.Get("Location") != to {
		t.Errorf("the sign-in ended with %+v, want 303 to %s", a, to)
	}
}
