package ui

import (
	"fmt"
	"strconv"
	"strings"
)

// template is a message text with placeholders such as "{provider}", which stand
// for the context's values. "{{" and "}}" are braces.
type template struct {
	pieces []piece
}

// piece is a stretch of text or a placeholder.
type piece struct {
	text string
	key  string // the context key, "" for text
}

// parseTemplate reads a template.
func parseTemplate(s string) (template, error) {
	var t template
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			t.pieces = append(t.pieces, piece{text: text.String()})
			text.Reset()
		}
	}
	for s != "" {
		at := strings.IndexAny(s, "{}")
		if at < 0 {
			text.WriteString(s)
			break
		}
		text.WriteString(s[:at])
		brace, rest := s[at], s[at+1:]
		if rest != "" && rest[0] == brace {
			text.WriteByte(brace)
			s = rest[1:]
			continue
		}
		key, after, closed := strings.Cut(rest, "}")
		if brace == '}' || !closed || !isKey(key) {
			return template{}, fmt.Errorf("a brace in %q is neither doubled nor part of a placeholder", s)
		}
		flush()
		t.pieces = append(t.pieces, piece{key: key})
		s = after
	}
	flush()
	return t, nil
}

// isKey says whether a placeholder may have this name: letters and underscores.
func isKey(s string) bool {
	for _, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

// expand gives the text for a context. A key that is missing leaves a gap.
func (t template) expand(context map[string]any) string {
	if len(t.pieces) == 1 && t.pieces[0].key == "" {
		return t.pieces[0].text
	}
	var out []byte
	for _, p := range t.pieces {
		out = append(out, p.text...)
		if p.key != "" {
			out = appendText(out, context[p.key])
		}
	}
	return string(out)
}

// keys are the placeholders, in their order.
func (t template) keys() []string {
	var all []string
	for _, p := range t.pieces {
		if p.key != "" {
			all = append(all, p.key)
		}
	}
	return all
}

// appendText appends a context value as people write it; lists with commas.
func appendText(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return dst
	case string:
		return append(dst, v...)
	case float64:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	case Message:
		return append(dst, v.Text...)
	case []Message:
		return appendList(dst, v)
	case []string:
		return appendList(dst, v)
	case []any:
		return appendList(dst, v)
	}
	return fmt.Append(dst, value)
}

func appendList[T any](dst []byte, list []T) []byte {
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendText(dst, v)
	}
	return dst
}
