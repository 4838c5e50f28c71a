package identity

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// MaxIdentifier is how many characters an identifier or address may have.
const MaxIdentifier = 255

// Reasons why a strict rule refuses a value. They never hold the value itself.
var (
	ErrForbiddenRune = errors.New("it contains characters that cannot be seen or told apart")
	ErrBidi          = errors.New("it mixes writing directions")
	ErrEmail         = errors.New("it is not an e-mail address")
	ErrPhone         = errors.New("it is not an international phone number")
)

// NormalizeIdentifier gives the one form under which an identifier or address
// is stored and looked up. It never refuses: invisible and unassigned
// characters are dropped, width and case are folded, the rest is NFKC (the
// preparation of RFC 8265 on the FreeformClass of RFC 8264, with lower case);
// a valid international phone number becomes E.164. It is idempotent.
func NormalizeIdentifier(s string) string {
	s = fold(strings.Map(dropForbidden, s))
	if phone, err := phoneNumber(s); err == nil {
		return phone
	}
	return s
}

// StrictEmail is for registering an e-mail address: the same form as
// NormalizeIdentifier, but what would have to be dropped is refused, the Bidi
// Rule of RFC 5893 holds, and the result must be an address of RFC 5322 that
// needs no quoting. Only the address is kept, never a display name.
func StrictEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > 8*MaxIdentifier {
		return "", ErrEmail // not worth parsing
	}
	if strings.ContainsFunc(s, forbidden) {
		return "", ErrForbiddenRune
	}
	s = fold(s)
	if bidirule.DirectionString(s) != bidi.LeftToRight && !bidirule.ValidString(s) {
		return "", ErrBidi
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || !plainAddress(parsed.Address, s) {
		return "", ErrEmail
	}
	return parsed.Address, nil
}

// plainAddress tells addresses that can be written as they are from those that
// need quotes around the local part or name a host by number.
func plainAddress(address, written string) bool {
	if strings.ContainsAny(address, " \"[]<>") || utf8.RuneCountInString(address) > MaxIdentifier {
		return false
	}
	if address == written {
		return true
	}
	again, err := mail.ParseAddress(address)
	return err == nil && again.Address == address
}

// StrictPhone is for registering a phone number: it must be a valid
// international number (with +), without an extension; the result is E.164.
func StrictPhone(s string) (string, error) {
	return phoneNumber(width.Fold.String(strings.TrimSpace(s)))
}

func phoneNumber(s string) (string, error) {
	if !strings.HasPrefix(s, "+") {
		return "", ErrPhone
	}
	n, err := phonenumbers.Parse(s, "")
	if err != nil || n.GetExtension() != "" || !phonenumbers.IsValidNumber(n) {
		return "", ErrPhone
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

// CountryOf is the country of a telephone number in E.164 (ISO 3166-1 alpha-2), or ""
// for what is no number of a country.
func CountryOf(number string) string {
	n, err := phonenumbers.Parse(number, "")
	if err != nil || !strings.HasPrefix(number, "+") {
		return ""
	}
	if country := phonenumbers.GetRegionCodeForNumber(n); len(country) == 2 && country != "ZZ" {
		return country
	}
	return ""
}

// fold applies trimming, width folding, lower case and NFKC until nothing
// changes any more: compositions may yield new upper case, and the other way
// round. Real text is stable after the first or second round; the bound is for
// text made to be difficult.
func fold(s string) string {
	if ascii(s) {
		return strings.TrimSpace(strings.ToLower(s))
	}
	lower := cases.Lower(language.Und, cases.HandleFinalSigma(false))
	for range 8 {
		next := norm.NFKC.String(width.Fold.String(s))
		next = norm.NFKC.String(lower.String(next))
		next = strings.TrimSpace(strings.Map(dropForbidden, next))
		if next == s {
			break
		}
		s = next
	}
	return s
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func dropForbidden(r rune) rune {
	if forbidden(r) {
		return -1
	}
	return r
}

// forbidden are the characters that identifiers never contain: controls, format
// characters (bidi controls among them), default-ignorable code points, line and
// paragraph separators, private use, surrogates, unassigned and non-characters.
func forbidden(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return r == utf8.RuneError ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs)
}

// MaskAddress hides the middle of an address that may not be shown in full to
// whoever asks: two characters and the domain of an e-mail address, the ends of
// anything else. What is too short to hide anything stays as it is.
func MaskAddress(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		local := []rune(s[:at])
		if len(local) < 2 {
			return s
		}
		return string(local[:2]) + "****" + s[at:]
	}
	all := []rune(s)
	if len(all) < 6 {
		return s
	}
	return string(all[:3]) + "****" + string(all[len(all)-2:])
}
