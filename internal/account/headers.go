package account

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cardea/internal/flow"
)

// secure gives a page its headers.
func secure(h http.Header, set *flow.Setup) {
	h.Set("Content-Security-Policy", policy(set, false))
	h.Set("Cache-Control", "no-store")
	// The origin stays visible to this server: with no-referrer browsers would
	// send "Origin: null" with every form.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// policy is the page's content security policy (W3C CSP level 3). Scripts run only
// on pages that need one, and only files of this server. Browsers hold
// form-action against the redirects that follow a submission as well, so it lists
// where these may lead.
func policy(set *flow.Setup, scripted bool) string {
	forms := []string{"'self'"}
	for _, d := range append([]string{set.Public("", nil)}, destinations(set)...) {
		if source, ok := sourceOf(d); ok && !slices.Contains(forms, source) {
			forms = append(forms, source)
		}
	}
	images := []string{"'self'", "data:"}
	if source, ok := sourceOf(set.Cardea.Account.LogoURL); ok {
		images = append(images, source)
	}
	directives := []string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src " + strings.Join(images, " "),
		"form-action " + strings.Join(forms, " "),
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}
	if scripted {
		directives = append(directives, "script-src 'self'")
	}
	return strings.Join(directives, "; ")
}

// Hosts and schemes as a policy may name them; the rest could end a directive.
var (
	policyHost   = regexp.MustCompile(`^[A-Za-z0-9.*:\[\]_-]+$`)
	policyScheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
)

// sourceOf is the source expression of an address: its origin, or its scheme
// when that is an app's. Addresses of this server have none.
func sourceOf(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || !policyScheme.MatchString(u.Scheme) || slices.Contains(scriptSchemes, u.Scheme) {
		return "", false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme + ":", true
	}
	return u.Scheme + "://" + u.Host, policyHost.MatchString(u.Host)
}
