package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"cardea/internal/config"
)

// cookie are the attributes that cookies of one kind are sent with.
type cookie struct {
	key                    string // of the configuration: "cookies", "session.cookie"
	domain, path, sameSite string
	secure                 bool
}

// page is where browsers are sent.
type page struct {
	key string
	url *url.URL
}

// cookies finds out whether browsers will keep the cookies and bring them to where
// they are needed (RFC 6265bis, sections 5.6 and 5.7), which no log ever tells.
func cookies(_ context.Context, p *Patient) (found []Finding) {
	c := p.Config
	base := c.Serve.Public.BaseURL
	kinds := []cookie{
		{"cookies", c.Cookies.Domain, c.Cookies.Path, c.Cookies.SameSite, c.Cookies.Secure},
		{"session.cookie", c.Session.Cookie.Domain, c.Session.Cookie.Path, c.Session.Cookie.SameSite, c.Session.Cookie.Secure},
	}
	for _, k := range kinds {
		found = append(found, k.transport(base)...)
		found = append(found, k.scope(base)...)
	}
	for _, pg := range pages(c) {
		found = append(found, kinds[1].reaches(base, pg)...)
		found = append(found, crossOrigin(c.Serve.Public.CORS, base, pg)...)
	}
	return found
}

// transport compares Secure and SameSite with the scheme of the base URL.
func (k cookie) transport(base *url.URL) (found []Finding) {
	if k.secure && base.Scheme != "https" && !loopback(base.Hostname()) {
		found = append(found, Finding{Severity: Problem, Key: k.key + ".secure",
			What:   fmt.Sprintf("browsers throw Secure cookies away that come over %s", origin(base)),
			Remedy: "Set serve.public.base_url to the https address that browsers use; for development start the server with --dev."})
	}
	if !k.secure && base.Scheme == "https" {
		found = append(found, Finding{Severity: Warning, Key: k.key + ".secure",
			What:   "is off although the public base URL has https: the cookie also goes over connections that anybody can read",
			Remedy: "Leave the key out, and start the server without --dev."})
	}
	if k.sameSite == "None" && !k.secure {
		found = append(found, Finding{Severity: Problem, Key: k.key + ".same_site",
			What:   "is None without Secure: browsers throw such cookies away",
			Remedy: "Use Lax, or https with Secure cookies."})
	}
	return found
}

// scope compares Domain and Path with the base URL.
func (k cookie) scope(base *url.URL) (found []Finding) {
	domain, host := strings.TrimPrefix(k.domain, "."), base.Hostname()
	key := k.key + ".domain"
	switch suffix, _ := publicsuffix.PublicSuffix(domain); {
	case domain == "":
	case !covers(domain, host):
		found = append(found, Finding{Severity: Problem, Key: key,
			What:   fmt.Sprintf("browsers refuse a cookie for %s from %s", domain, host),
			Remedy: "Set it to the host of serve.public.base_url or a domain above it, or leave it out."})
	case net.ParseIP(domain) != nil || suffix == domain && domain != host:
		found = append(found, Finding{Severity: Problem, Key: key,
			What:   fmt.Sprintf("browsers refuse cookies for all of %s", domain),
			Remedy: "Set it to a domain of your own, or leave it out."})
	}
	if under := strings.TrimSuffix(k.path, "/"); under != "" && base.Path != under && !strings.HasPrefix(base.Path, under+"/") {
		found = append(found, Finding{Severity: Problem, Key: k.key + ".path",
			What:   fmt.Sprintf("browsers do not send a cookie of %s to %s", k.path, base),
			Remedy: "Set it to the path of serve.public.base_url, or to /."})
	}
	return found
}

// reaches says whether a page elsewhere can do something with the session.
func (k cookie) reaches(base *url.URL, p page) (found []Finding) {
	host, home := p.url.Hostname(), base.Hostname()
	domain := strings.TrimPrefix(k.domain, ".")
	switch {
	case host == home || domain != "" && covers(domain, host):
	case site(host) != site(home) && k.sameSite != "None":
		found = append(found, Finding{Severity: Problem, Key: p.key,
			What:   fmt.Sprintf("%s and %s are different sites: pages there never have the session cookie", host, home),
			Remedy: "Serve both below one domain and set " + k.key + ".domain to it."})
	case site(host) != site(home):
	default:
		found = append(found, Finding{Severity: Warning, Key: p.key,
			What:   fmt.Sprintf("the session cookie belongs to %s alone and does not go to %s", home, host),
			Remedy: "Set " + k.key + ".domain to a domain above both if the pages are made by a server there; pages that fetch from the browser work as they are."})
	}
	if base.Scheme == "https" && p.url.Scheme == "http" {
		found = append(found, Finding{Severity: Problem, Key: p.key,
			What:   "is http while the public base URL is https: Secure cookies do not go there",
			Remedy: "Serve the page over https."})
	}
	return found
}

// crossOrigin compares pages with the origins that may fetch. Without CORS there is
// nothing to compare: pages that a server makes need none.
func crossOrigin(c config.CORS, base *url.URL, p page) []Finding {
	if !c.Enabled || origin(p.url) == origin(base) {
		return nil
	}
	if !c.AllowCredentials {
		return []Finding{{Severity: Warning, Key: "serve.public.cors.allow_credentials", What: "is off: pages at " + origin(p.url) + " cannot fetch with cookies", Remedy: "Switch it on."}}
	}
	for _, pattern := range c.AllowedOrigins {
		before, after, wild := strings.Cut(strings.ToLower(pattern), "*")
		o := origin(p.url)
		if o == before && !wild || wild && len(o) >= len(before)+len(after) && strings.HasPrefix(o, before) && strings.HasSuffix(o, after) {
			return nil
		}
	}
	return []Finding{{Severity: Warning, Key: "serve.public.cors.allowed_origins",
		What:   fmt.Sprintf("does not have %s, where %s is", origin(p.url), p.key),
		Remedy: "Add the origin if these pages fetch from the browser."}}
}

// pages are those of an operator's own; the built-in ones are at the base URL. One
// of each host and scheme is enough.
func pages(c *config.Snapshot) (all []page) {
	f := &c.SelfService.Flows
	seen := map[string]bool{}
	for _, name := range []string{"login", "registration", "settings", "recovery", "verification"} {
		kind := f.ByKind(name)
		u, err := url.Parse(kind.UIURL)
		if !kind.Enabled || kind.UIBuiltIn || err != nil || u.Host == "" || seen[origin(u)] {
			continue
		}
		seen[origin(u)] = true
		all = append(all, page{"selfservice.flows." + name + ".ui_url", u})
	}
	return all
}

func origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// covers says whether a cookie of the domain goes to the host (RFC 6265, section
// 5.1.3).
func covers(domain, host string) bool {
	domain, host = strings.ToLower(domain), strings.ToLower(host)
	return host == domain || strings.HasSuffix(host, "."+domain) && net.ParseIP(host) == nil
}

// site is the registrable domain of a host, or the host itself.
func site(host string) string {
	if s, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host)); err == nil && net.ParseIP(host) == nil {
		return s
	}
	return host
}

// loopback hosts are trustworthy to browsers without TLS (Secure Contexts,
// section 3.1).
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
