package flow

import (
	"net/url"
	"path"
	"strings"

	"cardea/internal/problem"
)

// ReturnTo decides where a journey may lead. fallback is used for an empty
// value, and completes a value without host or scheme. Errors are 400s, with id
// self_service_flow_return_to_forbidden when the value is a URL that is not on
// the list (section 4 of the HTTP reference).
//
// Stricter than the contract: userinfo, backslashes, control characters and
// paths that climb out of an allowed prefix are refused, because browsers and
// servers read them differently than a URL parser does.
func (s *Setup) ReturnTo(raw, fallback string) (string, error) {
	if raw == "" {
		return fallback, nil
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
		return "", problem.BadRequest("The return_to address contains characters that are not allowed in a URL.")
	}
	target, err := url.Parse(raw)
	if err != nil {
		return "", problem.BadRequest("The return_to address could not be read as a URL.").With(err)
	}
	base, err := url.Parse(fallback)
	if err != nil {
		return "", problem.Internal(err)
	}
	if target.Host == "" && target.Opaque == "" {
		target.Host = base.Host
	}
	if target.Scheme == "" {
		target.Scheme = base.Scheme
	}
	if target.User == nil && target.Opaque == "" && !hidesHost(target) && s.returnAllowed(target) {
		return target.String(), nil
	}
	return "", problem.BadRequest("The return_to address is not one of the addresses this service may send browsers to.").
		Named(problem.ReturnToForbidden)
}

// hidesHost says whether an address that stays on the origin of its page could be
// read as one that names a host: browsers take every slash in front for the two
// that a host follows.
func hidesHost(target *url.URL) bool {
	return target.Host == "" && strings.Contains(target.Path, "//")
}

func (s *Setup) returnAllowed(target *url.URL) bool {
	for _, allowed := range s.returnURLs {
		if strings.EqualFold(allowed.Scheme, target.Scheme) && hostMatches(allowed.Host, target.Host) &&
			pathMatches(allowed.Path, target.Path) {
			return true
		}
	}
	return false
}

// hostMatches compares hosts with their ports. A leading "*" stands for any
// number of labels; which patterns are acceptable was decided when the
// configuration was read.
func hostMatches(allowed, host string) bool {
	allowed, host = strings.ToLower(allowed), strings.ToLower(host)
	if suffix, ok := strings.CutPrefix(allowed, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == allowed
}

// pathMatches wants the allowed path as a plain prefix, as written and also
// after dot segments (also behind an escaped backslash, and in the "..;" spelling
// that some servers accept) have been resolved.
func pathMatches(allowed, target string) bool {
	if allowed == "" {
		allowed = "/"
	}
	if target == "" {
		target = "/"
	}
	if !strings.HasPrefix(target, "/") || !strings.HasPrefix(target, allowed) {
		return false
	}
	segments := strings.Split(strings.ReplaceAll(target, `\`, "/"), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	clean := path.Clean(strings.Join(segments, "/"))
	return strings.HasPrefix(clean+"/", allowed)
}
