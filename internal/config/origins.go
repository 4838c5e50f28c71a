package config

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// returnURLs are the usable entries of selfservice.allowed_return_urls. An entry
// has to be an absolute URI or an absolute path, and a wildcard has to be bounded;
// other entries would open redirects to strangers and are dropped with a warning.
func (r resolver) returnURLs() []*url.URL {
	const key = "selfservice.allowed_return_urls"
	entries, _ := r.layers.lookup(key)
	list, _ := entries.([]any)
	var out []*url.URL
	for i, entry := range list {
		text, _ := entry.(string)
		at := join(key, strconv.Itoa(i))
		u, err := url.ParseRequestURI(text)
		switch {
		case err != nil || text == "*" || strings.HasPrefix(text, "//"):
			r.warn(at, "is ignored: it is neither an absolute URL nor an absolute path")
		case !r.bounded(u.Hostname()):
			r.warn(at, "is ignored: a wildcard has to be the whole first label in front of a registrable domain")
		default:
			out = append(out, u)
		}
	}
	return out
}

// origins are the usable entries of serve.public.cors.allowed_origins, by the same
// rule; "*" alone stands for every origin and stays.
func (r resolver) origins() []string {
	configured := r.Serve.Public.CORS.AllowedOrigins
	out := make([]string, 0, len(configured))
	for i, entry := range configured {
		u, err := url.Parse(entry)
		if entry != "*" && (err != nil || !r.bounded(u.Hostname())) {
			r.warn(join("serve.public.cors.allowed_origins", strconv.Itoa(i)), "is ignored: a wildcard has to be the whole first label in front of a registrable domain")
			continue
		}
		out = append(out, entry)
	}
	return out
}

// bounded says whether a host has no wildcard or one that cannot match hosts of
// different owners: "*.example.com", not "*.com", "*.co.uk" or "*example.com".
func (r resolver) bounded(host string) bool {
	if !strings.Contains(host, "*") || r.FeatureFlags.LegacyAllowInsecureOrigins {
		return true
	}
	domain, ok := strings.CutPrefix(host, "*.")
	if !ok || strings.Contains(domain, "*") {
		return false
	}
	_, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain))
	return err == nil
}
