package account

import (
	"html/template"
	"net/url"
	"slices"
	"strings"

	"cardea/internal/flow"
)

// target is an address that a link may lead to: http, https, a path of this
// server, or a scheme that the configuration itself sends browsers to (an app's).
// Anything else, javascript above all, is refused.
func (v *visit) target(raw string) (string, bool) {
	u, ok := parse(raw)
	if !ok {
		return "", false
	}
	switch {
	case u.Scheme == "" && u.Host == "":
		return raw, strings.HasPrefix(u.Path, "/")
	case u.Scheme == "http" || u.Scheme == "https":
		return raw, u.Host != ""
	}
	return raw, slices.Contains(appSchemes(v.set), u.Scheme)
}

// Trusted gives a link to the template, which knows web schemes only; what is in
// it went through target or was built from the configuration.
func (c control) Trusted() template.URL { return template.URL(c.Href) }

// parse refuses what browsers read differently than a URL parser.
func parse(raw string) (*url.URL, bool) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	return u, err == nil && u.User == nil && !strings.HasPrefix(raw, "//")
}

// pictures are the beginnings of the data URLs that an image may be. Scripts in an
// SVG image do not run.
var pictures = []string{
	"data:image/png;base64,", "data:image/svg+xml;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,",
}

// isPicture says whether an address is a picture itself: nothing but base64 behind
// its beginning.
func isPicture(raw string) bool {
	for _, start := range pictures {
		if content, ok := strings.CutPrefix(raw, start); ok {
			content = strings.TrimSuffix(strings.TrimSuffix(content, "="), "=")
			return !strings.ContainsFunc(content, notBase64)
		}
	}
	return false
}

func notBase64(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/')
}

// imageSource is an address that a picture may have.
func imageSource(raw string) (template.URL, bool) {
	if isPicture(raw) {
		return template.URL(raw), true
	}
	u, ok := parse(raw)
	if !ok || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	return template.URL(raw), true // an address of the web or of this server
}

// destinations are the addresses outside of this server that a submitted form can
// end at, because the configuration says so.
func destinations(set *flow.Setup) []string {
	s := &set.SelfService
	all := []string{s.DefaultBrowserReturnURL, s.Flows.Logout.After.DefaultBrowserReturnURL, s.Flows.Error.UIURL}
	for _, u := range s.AllowedReturnURLs {
		all = append(all, u.String())
	}
	for _, k := range []flow.Kind{flow.Login, flow.Registration, flow.Settings, flow.Recovery, flow.Verification} {
		f := s.Flows.ByKind(string(k))
		all = append(all, f.UIURL, f.After.DefaultBrowserReturnURL)
		for _, m := range f.After.Methods {
			all = append(all, m.DefaultBrowserReturnURL)
		}
	}
	if s.Methods.OIDC.Enabled {
		for _, p := range s.Methods.OIDC.Config.Providers {
			all = append(all, p.AuthURL, p.IssuerURL)
		}
	}
	return all
}

// appSchemes are the schemes of the destinations that are not of the web.
func appSchemes(set *flow.Setup) []string {
	var all []string
	for _, d := range destinations(set) {
		u, err := url.Parse(d)
		if err != nil || u.Scheme == "" || slices.Contains(scriptSchemes, u.Scheme) || u.Scheme == "http" || u.Scheme == "https" {
			continue
		}
		all = append(all, u.Scheme)
	}
	return all
}

// scriptSchemes run or read what they carry; nobody is ever sent there.
var scriptSchemes = []string{"javascript", "data", "vbscript", "blob", "file", "filesystem", "about"}
