package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// query finds parts of a JSON document, step by step from its root. It is the part
// of JSONPath (RFC 9535) that needs no expressions: names, indices and wildcards;
// or a JSON Pointer (RFC 6901).
type query []step

// step goes from a value to some of its children.
type step struct {
	name  string // of a member; in a pointer also an index
	index int    // of an element, from the end when negative
	kind  stepKind
}

type stepKind int

const (
	byName stepKind = iota
	byIndex
	byEither // a pointer's token: a member's name or an element's index
	all
)

var errJSONPath = errors.New("--format jsonpath=…: use a path like $.identities[0].traits.email or $.identities[*].id")

// parseJSONPath reads a path. The braces of kubectl around it are optional, like
// the leading $.
func parseJSONPath(text string) (query, error) {
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		if text, ok = strings.CutSuffix(inner, "}"); !ok {
			return nil, errJSONPath
		}
	}
	rest := strings.TrimPrefix(text, "$")
	if rest == "" && text == "" {
		return nil, errJSONPath
	}
	if rest != "" && rest[0] != '.' && rest[0] != '[' {
		rest = "." + rest
	}
	var q query
	for rest != "" {
		s, after, err := parseStep(rest)
		if err != nil {
			return nil, err
		}
		q, rest = append(q, s), after
	}
	return q, nil
}

// parseStep reads .name, .*, [n], [*] or ['name'].
func parseStep(text string) (step, string, error) {
	if text[0] == '.' {
		end := strings.IndexAny(text[1:], ".[")
		if end < 0 {
			end = len(text) - 1
		}
		name := text[1 : 1+end]
		switch name {
		case "":
			return step{}, "", errJSONPath
		case "*":
			return step{kind: all}, text[1+end:], nil
		}
		return step{name: name}, text[1+end:], nil
	}
	if len(text) > 2 && (text[1] == '\'' || text[1] == '"') {
		end := strings.Index(text[2:], text[1:2]+"]")
		if end < 0 {
			return step{}, "", errJSONPath
		}
		return step{name: text[2 : 2+end]}, text[2+end+2:], nil
	}
	inside, rest, ok := strings.Cut(text[1:], "]")
	if ok && inside == "*" {
		return step{kind: all}, rest, nil
	}
	n, err := strconv.Atoi(inside)
	if !ok || text[0] != '[' || err != nil {
		return step{}, "", errJSONPath
	}
	return step{kind: byIndex, index: n}, rest, nil
}

// parseJSONPointer reads a JSON Pointer (RFC 6901, section 3).
func parseJSONPointer(text string) (query, error) {
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, errors.New("--format jsonpointer=…: a pointer starts with a slash, like /identities/0/id")
	}
	var q query
	for token := range strings.SplitSeq(text[1:], "/") {
		s := step{kind: byEither, index: -1, name: strings.NewReplacer("~1", "/", "~0", "~").Replace(token)}
		if n, err := strconv.Atoi(token); err == nil && n >= 0 && strconv.Itoa(n) == token {
			s.index = n
		}
		q = append(q, s)
	}
	return q, nil
}

// encode writes what the query finds, one value a line; texts without quotes, so
// that a shell can take them as they are. Nothing found is an error.
func (q query) encode(w io.Writer, raw []byte) error {
	found, err := q.find(raw)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("--format: the result has nothing at this place")
	}
	for _, value := range found {
		var text string
		if json.Unmarshal(value, &text) != nil || string(value) == "null" {
			text = string(value)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// find gives the values in document order, as they are written.
func (q query) find(raw []byte) ([]json.RawMessage, error) {
	found := []json.RawMessage{raw}
	for _, s := range q {
		var next []json.RawMessage
		for _, value := range found {
			children, err := s.children(value)
			if err != nil {
				return nil, err
			}
			next = append(next, children...)
		}
		found = next
	}
	return found, nil
}

func (s step) children(raw json.RawMessage) ([]json.RawMessage, error) {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, err
		}
		return s.elements(elements), nil
	case '{':
		return s.members(raw)
	}
	return nil, nil
}

func (s step) elements(list []json.RawMessage) []json.RawMessage {
	n := s.index
	if s.kind == byIndex && n < 0 {
		n += len(list)
	}
	switch {
	case s.kind == all:
		return list
	case s.kind == byName || n < 0 || n >= len(list):
		return nil
	}
	return list[n : n+1]
}

func (s step) members(raw json.RawMessage) (found []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if s.kind == all || s.kind != byIndex && name == s.name {
			found = append(found, value)
		}
	}
	return found, nil
}
