package fetch

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

var (
	errTooManyRedirects = errors.New("the answer redirects too often")
	errDowngrade        = errors.New("the answer redirects from https to http")
	errBodyElsewhere    = errors.New("the answer redirects a body to another origin")
)

// checkRedirect lets a redirect carry to another origin only what is nobody's
// secret. net/http itself would take along headers it does not know (an API
// key), the address it came from with its query, and on 307 and 308 the body.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return errTooManyRedirects
	case from.Scheme == "https" && req.URL.Scheme != "https":
		return errDowngrade
	case sameOrigin(via[0].URL, req.URL), upgrade(via[0].URL, req.URL):
		req.Header.Del("Referer")
		return nil
	case req.Body != nil && req.Body != http.NoBody:
		return errBodyElsewhere
	}
	for name := range req.Header {
		if name != "Accept" && name != "Accept-Language" && name != "User-Agent" {
			req.Header.Del(name)
		}
	}
	return nil
}

// sameOrigin compares scheme, host and port (RFC 6454, section 5).
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// upgrade says whether b is the encrypted form of a, on the default ports.
func upgrade(a, b *url.URL) bool {
	return a.Scheme == "http" && b.Scheme == "https" && strings.EqualFold(a.Hostname(), b.Hostname()) &&
		port(a) == "80" && port(b) == "443"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}
