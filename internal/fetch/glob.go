package fetch

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// globs are the operator's exceptions from the block of private addresses.
type globs []*regexp.Regexp

// compileGlobs translates patterns: "*" and "?" stop at the separators "." and
// "/", "**" does not; "[a-z]" and "[!a-z]" are one character of a set, "{a,b}"
// is one of several patterns, and a backslash takes the next character as it is.
func compileGlobs(patterns []string) (globs, error) {
	out := make(globs, 0, len(patterns))
	for _, p := range patterns {
		text, err := translate(p)
		if err != nil {
			return nil, fmt.Errorf("the pattern %q is not a glob: %w", p, err)
		}
		re, err := regexp.Compile(`(?s)\A` + text + `\z`)
		if err != nil {
			return nil, fmt.Errorf("the pattern %q is not a glob", p)
		}
		out = append(out, re)
	}
	return out, nil
}

// match holds scheme, host and path of a URL against the patterns; the query
// does not count. A path with dot segments matches nothing, because the server
// behind it may understand another path than the pattern did.
func (g globs) match(u *url.URL) bool {
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	text := strings.ToLower(u.Scheme+"://"+u.Host) + u.EscapedPath()
	for _, re := range g {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// translate writes a glob as a regular expression, which Go matches in linear
// time whatever the pattern.
func translate(glob string) (string, error) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case c == '*' && strings.HasPrefix(glob[i:], "**"):
			b.WriteString(`.*`)
			i++
		case c == '*':
			b.WriteString(`[^./]*`)
		case c == '?':
			b.WriteString(`[^./]`)
		case c == '[':
			end := strings.IndexByte(glob[i:], ']')
			if end < 2 {
				return "", fmt.Errorf("a set is not closed")
			}
			b.WriteString(translateSet(glob[i+1 : i+end]))
			i += end
		case c == '{':
			depth++
			b.WriteString(`(?:`)
		case c == '}' && depth > 0:
			depth--
			b.WriteString(`)`)
		case c == ',' && depth > 0:
			b.WriteString(`|`)
		case c == '\\' && i+1 < len(glob):
			i++
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	if depth != 0 {
		return "", fmt.Errorf("an alternative is not closed")
	}
	return b.String(), nil
}

func translateSet(set string) string {
	negated := ""
	if rest, ok := strings.CutPrefix(set, "!"); ok {
		negated, set = "^", rest
	}
	return "[" + negated + strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`).Replace(set) + "]"
}
