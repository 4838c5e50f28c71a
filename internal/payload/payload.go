// Package payload owns what a client submits: it reads a request's body (or, on
// GET, its query) exactly once and fits it to a shape, so that a form, JSON with
// nested objects and JSON with dotted keys all give the same typed tree.
//
// It refuses content types that are not forms or JSON, files, and whatever
// would cost more than it is worth: deep nesting, too many values, numbers
// with absurd exponents, text that no database can keep.
//
// Invariants: nothing read here is ever part of an error's text, because it may
// be a password; a Body is read-only once Read has returned it.
package payload

import (
	"encoding/json"
	"log/slog"
	"strings"
)

// Limits of one submission.
const (
	// DefaultLimit is the size of a body in bytes when Source.Limit is 0: 5 MiB.
	DefaultLimit = 5 << 20
	// MaxDepth is how deeply objects and lists may be nested.
	MaxDepth = 64
	// MaxValues is how many values one submission may hold in all.
	MaxValues = 10_000
	// MaxNumber is how many characters a number may have.
	MaxNumber = 400
	// MaxExponent bounds the exponent of a number, in either direction: JSON
	// Schema compares exact fractions, and 1e999999 is a large one.
	MaxExponent = 400
)

// texts are the values of one form field, in the order they came.
type texts []string

// Body is one submission. Keys of a form are kept as they came ("traits.email");
// what they mean is decided by the shape they are fitted to.
type Body struct {
	root map[string]any // JSON values, or texts when form is set
	form bool
}

// String keeps what was submitted out of logs.
func (b *Body) String() string { return "payload" }

// GoString keeps what was submitted out of logs.
func (b *Body) GoString() string { return "payload" }

// LogValue keeps what was submitted out of logs.
func (b *Body) LogValue() slog.Value { return slog.StringValue("payload") }

// First gives the text of a value by its dotted name ("method",
// "traits.email"); of several form values, the first. It is "" for what is
// absent, null, an object or a list.
func (b *Body) First(name string) string { return b.text(name, func(t texts) string { return t[0] }) }

// Last is First, but of several form values it gives the last.
func (b *Body) Last(name string) string {
	return b.text(name, func(t texts) string { return t[len(t)-1] })
}

// Has says whether a dotted name was submitted at all, even with an empty value.
func (b *Body) Has(name string) bool {
	_, ok := lookup(b.root, name)
	return ok
}

func (b *Body) text(name string, pick func(texts) string) string {
	v, _ := lookup(b.root, name)
	if t, ok := v.(texts); ok {
		return pick(t)
	}
	s, _ := scalarText(v)
	return s
}

// lookup finds a dotted name in objects whose own keys may be dotted, too. The
// longest undivided key wins.
func lookup(obj map[string]any, name string) (any, bool) {
	if v, ok := obj[name]; ok {
		return v, true
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '.' {
			continue
		}
		if sub, ok := obj[name[:i]].(map[string]any); ok {
			if v, ok := lookup(sub, name[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// scalarText writes a JSON scalar as a form would have sent it.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// Name joins path segments to a node name; dots inside a segment are escaped
// with a backslash.
func Name(path ...string) string {
	var b strings.Builder
	for i, seg := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strings.ReplaceAll(seg, ".", `\.`))
	}
	return b.String()
}

// head splits a name at its first dot that is not escaped.
func head(name string) (first, rest string, dotted bool) {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return unescape(name[:i]), name[i+1:], true
		}
	}
	return unescape(name), "", false
}

func unescape(seg string) string { return strings.ReplaceAll(seg, `\.`, ".") }
