package org

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"cardea/internal/problem"
)

const (
	maxDomain = 253 // RFC 1035, section 2.3.4, without the root's dot
	maxPart   = 63
)

// NormalizeDomain gives a mail domain the form in which mail servers look it up and
// in which it is stored and compared: ASCII, lower case, without a trailing dot
// (RFC 5891, UTS 46). Letters that merely look alike stay different: "аcme" with a
// Cyrillic а is another name than "acme". Errors are problems with status 400.
func NormalizeDomain(name string) (string, error) {
	bad := problem.BadRequest("%.80q is not the name of a mail domain.", name)
	if !utf8.ValidString(name) { // idna makes a name of it that nobody can look up
		return "", bad
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSpace(name))
	if err != nil {
		return "", bad.With(err)
	}
	ascii = strings.TrimSuffix(strings.ToLower(ascii), ".")
	parts := strings.Split(ascii, ".")
	if len(parts) < 2 || len(ascii) > maxDomain {
		return "", bad
	}
	for _, p := range parts {
		if p == "" || len(p) > maxPart {
			return "", bad
		}
	}
	return ascii, nil
}

// DomainOf is the domain of an e-mail address, normalised; false for what is not
// one. It is what stands behind the last @: before it there may be others (RFC
// 5321, section 4.1.2).
func DomainOf(address string) (string, bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "", false
	}
	name, err := NormalizeDomain(address[at+1:])
	return name, err == nil
}
