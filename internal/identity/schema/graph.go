package schema

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/internal/identity"
)

// edgeKind says how a schema leads to another.
type edgeKind int

const (
	always     edgeKind = iota // the same value: $ref, allOf
	either                     // the same value, if it matches: anyOf, oneOf, if
	thenBranch                 // the same value, if "if" matches
	elseBranch                 // the same value, if "if" does not match
	dependent                  // the same value, if it has the property key
	never                      // the same value must not match: not
	property                   // the member key
	pattern                    // members whose names match
	additional                 // members that no other keyword names
	items                      // list elements from index on
	tuple                      // the list element at index
)

// conditional says whether an edge leads to an alternative.
func (k edgeKind) conditional() bool { return k >= either && k <= never }

// inPlace says whether an edge leads to a schema for the same value.
func (k edgeKind) inPlace() bool { return k <= never }

// edge is one step through a schema.
type edge struct {
	kind  edgeKind
	key   string
	index int
	match jsonschema.Regexp // of pattern
	to    *jsonschema.Schema
}

var errCircle = errors.New("references lead in a circle")

// index walks everything reachable once: it lists the edges in document order,
// refuses circles in which no value is ever consumed, and marks what leads to an
// extension.
func (s *Schema) index(order map[string][]string) error {
	s.explore(s.root, order)
	done := map[*jsonschema.Schema]bool{}
	for from := range s.edges {
		if err := s.circles(from, map[*jsonschema.Schema]bool{}, done); err != nil {
			return err
		}
	}
	for changed := true; changed; {
		changed = false
		for from, list := range s.edges {
			if !s.marked[from] && slices.ContainsFunc(list, func(e edge) bool { return s.marked[e.to] }) {
				s.marked[from], changed = true, true
			}
		}
	}
	return nil
}

func (s *Schema) explore(at *jsonschema.Schema, order map[string][]string) {
	if _, done := s.edges[at]; done {
		return
	}
	s.edges[at] = edgesOf(at, order)
	if e := factsOf(at).Extension; e != (Extension{}) {
		s.marked[at] = true
		s.noteTypes(e)
	}
	for _, e := range s.edges[at] {
		s.explore(e.to, order)
	}
}

// circles follows the schemas that apply to one and the same value; open are
// those on the way here.
func (s *Schema) circles(at *jsonschema.Schema, open, done map[*jsonschema.Schema]bool) error {
	if open[at] {
		return errCircle
	}
	if done[at] {
		return nil
	}
	open[at] = true
	for _, e := range s.edges[at] {
		if e.kind.inPlace() {
			if err := s.circles(e.to, open, done); err != nil {
				return err
			}
		}
	}
	delete(open, at)
	done[at] = true
	return nil
}

func (s *Schema) noteTypes(e Extension) {
	for typ, on := range map[identity.CredentialType]bool{identity.Password: e.Password, identity.WebAuthn: e.WebAuthn, identity.Code: e.Code} {
		if on && !slices.Contains(s.types, typ) {
			s.types = append(s.types, typ)
		}
	}
}

// edgesOf lists where a schema leads, in the order of its document.
func edgesOf(s *jsonschema.Schema, order map[string][]string) []edge {
	if s.Ref != nil && s.DraftVersion < 2019 {
		return []edge{{kind: always, to: s.Ref}} // all else is ignored beside it
	}
	var list []edge
	add := func(kind edgeKind, key string, schemas ...*jsonschema.Schema) {
		for i, to := range schemas {
			if to != nil {
				list = append(list, edge{kind: kind, key: key, index: i, to: to})
			}
		}
	}
	for _, keyword := range order[s.Location] {
		names := order[below(s.Location, keyword)]
		switch keyword {
		case "$ref":
			add(always, "", s.Ref)
		case "$recursiveRef":
			add(always, "", s.RecursiveRef)
		case "$dynamicRef":
			if s.DynamicRef != nil {
				add(always, "", s.DynamicRef.Ref)
			}
		case "allOf":
			add(always, "", s.AllOf...)
		case "anyOf":
			add(either, "", s.AnyOf...)
		case "oneOf":
			add(either, "", s.OneOf...)
		case "if":
			add(either, "", s.If)
		case "then":
			add(thenBranch, "", s.Then)
		case "else":
			add(elseBranch, "", s.Else)
		case "not":
			add(never, "", s.Not)
		case "dependentSchemas":
			for _, name := range names {
				add(dependent, name, s.DependentSchemas[name])
			}
		case "dependencies":
			for _, name := range names {
				if to, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
					add(dependent, name, to)
				}
			}
		case "properties":
			for _, name := range names {
				add(property, name, s.Properties[name])
			}
		case "patternProperties":
			list = append(list, patternEdges(s, names)...)
		case "additionalProperties":
			if to, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
				add(additional, "", to)
			}
		case "items":
			list = append(list, itemEdges(s)...)
		case "prefixItems":
			add(tuple, "", s.PrefixItems...)
		}
	}
	return list
}

func patternEdges(s *jsonschema.Schema, names []string) []edge {
	var list []edge
	for _, name := range names {
		for re, to := range s.PatternProperties {
			if re.String() == name {
				list = append(list, edge{kind: pattern, match: re, to: to})
			}
		}
	}
	return list
}

func itemEdges(s *jsonschema.Schema) []edge {
	if s.Items2020 != nil {
		return []edge{{kind: items, index: len(s.PrefixItems), to: s.Items2020}}
	}
	switch of := s.Items.(type) {
	case *jsonschema.Schema:
		return []edge{{kind: items, to: of}}
	case []*jsonschema.Schema:
		var list []edge
		for i, to := range of {
			list = append(list, edge{kind: tuple, index: i, to: to})
		}
		if rest, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
			list = append(list, edge{kind: items, index: len(of), to: rest})
		}
		return list
	}
	return nil
}
