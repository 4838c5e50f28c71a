package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"cardea/internal/identity"
	"cardea/internal/payload"
)

// Validate checks traits and, when they are valid, gives what follows from
// them. Traits may be empty, which means {}. Violations come in document order
// and, for one value, in the order of evaluation (format before length). The
// error is a *problem.Error with status 400 for what is not JSON or beyond the
// limits of package payload.
func (s *Schema) Validate(traits json.RawMessage) (*identity.Derived, []Violation, error) {
	if len(traits) == 0 {
		traits = json.RawMessage(`{}`)
	}
	v, err := payload.DecodeJSON(traits)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.check(v)
	if err != nil {
		return nil, nil, err
	}
	d := newDeriver(s, v)
	if traitsSchema := s.root.Properties[rootName]; s.marked[traitsSchema] {
		d.visit(traitsSchema, v, []string{rootName})
	}
	found = merge(found, d.found)
	if len(found) > 0 {
		slices.SortStableFunc(found, s.compare)
		return nil, found, nil
	}
	out, err := d.result(traits, v)
	return out, nil, err
}

// check runs the JSON schema alone.
func (s *Schema) check(v any) ([]Violation, error) {
	err := s.root.Validate(map[string]any{rootName: v})
	if err == nil {
		if _, ok := v.(map[string]any); !ok { // the schema need not say so
			f := wrongType([]string{"object"}, typeName(v))
			return []Violation{{Path: []string{rootName}, ID: f.id, Context: f.context, Reason: f.reason, Pointer: "#/properties/traits/type"}}, nil
		}
		return nil, nil
	}
	failed, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil, err
	}
	return dedupe(unfold(failed, nil)), nil
}

// typeName names the type of a JSON value that is not an object.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case []any:
		return "array"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	}
	return "string"
}

// dedupe drops what two alternatives say alike about the same value.
func dedupe(list []Violation) []Violation {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(v Violation) bool {
		key := fmt.Sprintf("%q %d %v", v.Path, v.ID, v.Context)
		again := seen[key]
		seen[key] = true
		return again
	})
}

// merge adds what the extensions found, except about values that the schema
// itself has refused: one reason is enough.
func merge(found, derived []Violation) []Violation {
	for _, v := range dedupe(derived) {
		if !slices.ContainsFunc(found, func(f Violation) bool { return slices.Equal(f.Path, v.Path) }) {
			found = append(found, v)
		}
	}
	return found
}

// compare orders violations by the document order of their fields.
func (s *Schema) compare(a, b Violation) int {
	for i := range min(len(a.Path), len(b.Path)) {
		if a.Path[i] == b.Path[i] {
			continue
		}
		x, xErr := strconv.Atoi(a.Path[i])
		y, yErr := strconv.Atoi(b.Path[i])
		if xErr == nil && yErr == nil {
			return cmp.Compare(x, y)
		}
		return cmp.Or(cmp.Compare(s.rank(a.Path[:i+1]), s.rank(b.Path[:i+1])), cmp.Compare(a.Path[i], b.Path[i]))
	}
	return cmp.Or(cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(evaluation(a), evaluation(b)))
}

// rank is the position of a property in the document; unknown ones come last.
func (s *Schema) rank(path []string) int {
	if n, ok := s.ranks[rankKey(path)]; ok {
		return n
	}
	generic := slices.Clone(path)
	for i, seg := range generic {
		if _, err := strconv.Atoi(seg); err == nil {
			generic[i] = anyIndex
		}
	}
	if n, ok := s.ranks[rankKey(generic)]; ok {
		return n
	}
	return len(s.ranks)
}

// evaluation orders the violations of one value: formats are asserted late by
// the validator, but come first.
func evaluation(v Violation) int {
	if v.ID == idEmail || v.ID == idPhone {
		return 0
	}
	return 1
}

// result completes the facts of valid traits.
func (d *deriver) result(traits json.RawMessage, v any) (*identity.Derived, error) {
	out := &d.out
	out.Traits = traits
	out.CodeAddresses = identity.SortAddresses(out.CodeAddresses)
	for _, a := range out.CodeAddresses {
		d.identify(identity.Code, a.Value)
	}
	if len(d.rewrites) == 0 {
		return out, nil
	}
	for _, r := range d.rewrites {
		replace(v, r.path[1:], r.value)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	out.Traits = bytes.TrimSpace(buf.Bytes())
	return out, nil
}

// replace sets the value at a path that is known to exist.
func replace(v any, path []string, value string) {
	for i, seg := range path {
		last := i == len(path)-1
		switch in := v.(type) {
		case map[string]any:
			if last {
				in[seg] = value
			}
			v = in[seg]
		case []any:
			n, _ := strconv.Atoi(seg)
			if last {
				in[n] = value
			}
			v = in[n]
		}
	}
}

func tooLong(value string) *finding {
	n := utf8.RuneCountInString(value)
	if n <= identity.MaxIdentifier {
		return nil
	}
	f := translate(&kind.MaxLength{Got: n, Want: identity.MaxIdentifier})
	return &f
}
