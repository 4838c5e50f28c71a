package account

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cardea/internal/config"
	"cardea/internal/flow"
)

// secure gives a page its headers.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
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

// openings are what a page needs its policy to leave open.
type openings struct {
	leaves  bool // a submission can lead to a provider
	awaited bool // ... or back to an application that an OAuth2 server knows
	guarded bool // the page shows the barrier against robots
}

// policy is the page's content security policy (W3C CSP level 3). Scripts are files
// of this server, nothing inline. Browsers hold form-action against the redirects
// that follow a submission as well, so it lists where these may lead. Providers send people on to places of their own, and OAuth2
// clients can be anywhere, an app's scheme included: nobody can list those.
func policy(set *flow.Setup, w openings) string {
	forms := []string{"'self'"}
	for _, d := range append([]string{set.Public("", nil)}, destinations(set)...) {
		if source, ok := sourceOf(d); ok && !slices.Contains(forms, source) {
			forms = append(forms, source)
		}
	}
	if w.leaves {
		forms = append(forms, webOf(set))
	}
	images := []string{"'self'", "data:"}
	if source, ok := sourceOf(set.Cardea.Account.LogoURL); ok {
		images = append(images, source)
	}
	directives := []string{
		"default-src 'none'",
		"style-src 'self'",
		"img-src " + strings.Join(images, " "),
		"frame-ancestors 'none'",
		"base-uri 'none'",
		"script-src 'self'",
	}
	if w.guarded {
		directives = openToCaptcha(set, directives)
	}
	if !w.awaited {
		directives = append(directives, "form-action "+strings.Join(forms, " "))
	}
	return strings.Join(directives, "; ")
}

// policies are those of a configuration, by what they leave open.
type policies struct {
	set *flow.Setup
	by  map[openings]string
}

// policy gives a policy that was made when the first page of a configuration was.
func (p *Pages) policy(set *flow.Setup, w openings) string {
	made := p.policies.Load()
	if made == nil || made.set != set {
		made = &policies{set: set, by: map[openings]string{}}
		for n := range 8 {
			w := openings{leaves: n&1 > 0, awaited: n&2 > 0, guarded: n&4 > 0}
			made.by[w] = policy(set, w)
		}
		p.policies.Store(made)
	}
	return made.by[w]
}

// hasConnections says whether saying who one is can lead to a provider: that of an
// organization.
func hasConnections(set *flow.Setup) bool {
	return slices.ContainsFunc(set.SelfService.Methods.OIDC.Config.Providers, func(p config.OIDCProvider) bool { return p.OrganizationID != "" })
}

// webOf is every place of the web: the encrypted one, unless a provider that the
// operator has chosen is not part of it.
func webOf(set *flow.Setup) string {
	for _, p := range set.SelfService.Methods.OIDC.Config.Providers {
		for _, address := range []string{p.AuthURL, p.IssuerURL} {
			if strings.HasPrefix(strings.ToLower(address), "http:") {
				return "http:" // stands for both (W3C CSP level 3, section 6.7.2.8)
			}
		}
	}
	return "https:"
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
