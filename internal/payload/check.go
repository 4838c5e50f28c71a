package payload

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"

	"cardea/internal/problem"
)

// Kind says what is wrong with a field of a method's own input.
type Kind string

// The two things that can be wrong with an input before its method looks at it.
const (
	MissingRequired Kind = "required" // message 4000002
	WrongType       Kind = "type"     // message 4000026
)

// Violation is one field that is missing or has the wrong type.
type Violation struct {
	Path    []string
	Kind    Kind
	Allowed []string // of WrongType: the names of the types that fit
	Actual  string   // of WrongType: the name of the type that came
}

// Check compares a fitted tree with its shape and the dotted names that must be
// there. Violations come in the order of the shape. What was grafted with With
// is not looked into.
func Check(shape *Shape, required []string, tree map[string]any) []Violation {
	return checkObject(nil, shape, required, tree)
}

func checkObject(path []string, s *Shape, required []string, tree map[string]any) []Violation {
	var out []Violation
	for _, field := range s.Fields {
		at := append(slices.Clone(path), field.Name)
		v, ok := tree[field.Name]
		switch {
		case !ok && (slices.Contains(required, Name(at...)) || s.requires(field.Name)):
			out = append(out, Violation{Path: at, Kind: MissingRequired})
		case ok && !field.Shape.grafted:
			out = append(out, checkValue(at, field.Shape, required, v)...)
		}
	}
	return out
}

func checkValue(path []string, s *Shape, required []string, v any) []Violation {
	if !fits(s, v) {
		return []Violation{{Path: path, Kind: WrongType, Allowed: []string{string(s.Type)}, Actual: typeName(v)}}
	}
	switch v := v.(type) {
	case map[string]any:
		return checkObject(path, s, required, v)
	case []any:
		if s.Items == nil {
			return nil
		}
		var out []Violation
		for i, item := range v {
			out = append(out, checkValue(append(slices.Clone(path), strconv.Itoa(i)), s.Items, nil, item)...)
		}
		return out
	}
	return nil
}

func fits(s *Shape, v any) bool {
	if s.Type == Any || v == nil && s.Nullable {
		return true
	}
	if s.Type == Integer {
		n, ok := v.(json.Number)
		return ok && isInteger(n)
	}
	return typeName(v) == string(s.Type)
}

func isInteger(n json.Number) bool {
	r, ok := new(big.Rat).SetString(n.String())
	return ok && r.IsInt()
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return string(String)
	case bool:
		return string(Boolean)
	case json.Number:
		return string(Number)
	case []any:
		return string(Array)
	}
	return string(Object)
}

// Bind fills a struct from a fitted tree that passed Check. What still does not
// fit (a number out of its range) gives a 400.
func Bind(tree map[string]any, in any) error {
	raw, err := json.Marshal(tree)
	if err != nil {
		return problem.Internal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(in); err != nil {
		// The cause may quote what was typed; it stays behind.
		return problem.BadRequest("A field of the submission has a value that does not fit.")
	}
	return nil
}
