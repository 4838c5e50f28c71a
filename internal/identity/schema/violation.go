package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// The message ids of violations. They are the contract's.
const (
	idGeneric          = 4000001
	idRequired         = 4000002
	idMinLength        = 4000003
	idPattern          = 4000004
	idMaxLength        = 4000017
	idMinimum          = 4000018
	idExclusiveMinimum = 4000019
	idMaximum          = 4000020
	idExclusiveMaximum = 4000021
	idMultipleOf       = 4000022
	idMaxItems         = 4000023
	idMinItems         = 4000024
	idUniqueItems      = 4000025
	idType             = 4000026
	idConst            = 4000029
	idConstGeneric     = 4000030
	idEmail            = 4000040
	idPhone            = 4000041
)

// Violation is one thing that is wrong with traits.
type Violation struct {
	Path    []string       // of the value, from "traits" on; of a missing one, where it belongs
	ID      int            // of the message
	Context map[string]any // of the message; nil for none
	Reason  string         // the same in words, for logs and operators
	Pointer string         // the schema's keyword: "#/properties/traits/properties/email/format"
}

// finding is what one failed keyword means.
type finding struct {
	id      int
	context map[string]any
	reason  string
}

// unfold lists the leaves of a validation error: what failed, not what failed
// because of it.
func unfold(e *jsonschema.ValidationError, out []Violation) []Violation {
	if descends(e) {
		for _, cause := range e.Causes {
			out = unfold(cause, out)
		}
		return out
	}
	if e.ErrorKind == nil {
		return out // an alternative nobody asks about
	}
	pointer := keywordPointer(e)
	missing := missingOf(e.ErrorKind)
	for _, name := range missing {
		out = append(out, Violation{
			Path: append(slices.Clone(e.InstanceLocation), name), ID: idRequired, Pointer: pointer,
			Context: map[string]any{"property": name}, Reason: fmt.Sprintf("%s is missing", quote(name)),
		})
	}
	if missing == nil {
		f := translate(e.ErrorKind)
		out = append(out, Violation{Path: slices.Clone(e.InstanceLocation), ID: f.id, Context: f.context, Reason: f.reason, Pointer: pointer})
	}
	return out
}

// descends tells failures that are explained by their causes from those that
// are not: no single element is to blame when none of a list fits.
func descends(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.Contains, *kind.MinContains, *kind.PropertyNames, *kind.ContentSchema:
		return false
	}
	return len(e.Causes) > 0
}

func missingOf(k jsonschema.ErrorKind) []string {
	switch k := k.(type) {
	case *kind.Required:
		return k.Missing
	case *kind.Dependency:
		return k.Missing
	case *kind.DependentRequired:
		return k.Missing
	}
	return nil
}

func keywordPointer(e *jsonschema.ValidationError) string {
	_, fragment, _ := strings.Cut(e.SchemaURL, "#")
	pointer := "#" + fragment
	for _, token := range e.ErrorKind.KeywordPath() {
		pointer += "/" + escape(token)
	}
	return pointer
}

// translate maps a failed keyword to its message.
func translate(k jsonschema.ErrorKind) finding {
	switch k := k.(type) {
	case *kind.Type:
		return wrongType(k.Want, k.Got)
	case *kind.Format:
		return wrongFormat(k.Want, k.Got)
	case *kind.Const:
		return wrongConst(k.Want)
	case *kind.Pattern:
		return finding{idPattern, map[string]any{"pattern": k.Want}, "it does not match the pattern " + k.Want}
	case *kind.MinLength:
		return counted(idMinLength, "length", "min_length", k.Want, "actual_length", k.Got)
	case *kind.MaxLength:
		return counted(idMaxLength, "length", "max_length", k.Want, "actual_length", k.Got)
	case *kind.MinItems:
		return counted(idMinItems, "number of items", "min_items", k.Want, "actual_items", k.Got)
	case *kind.MaxItems:
		return counted(idMaxItems, "number of items", "max_items", k.Want, "actual_items", k.Got)
	case *kind.UniqueItems:
		a, b := k.Duplicates[0], k.Duplicates[1]
		return finding{idUniqueItems, map[string]any{"index_a": a, "index_b": b}, fmt.Sprintf("items %d and %d are the same", a, b)}
	case *kind.Minimum:
		return compared(idMinimum, "minimum", "be at least", k.Want, k.Got)
	case *kind.Maximum:
		return compared(idMaximum, "maximum", "be at most", k.Want, k.Got)
	case *kind.ExclusiveMinimum:
		return compared(idExclusiveMinimum, "minimum", "be more than", k.Want, k.Got)
	case *kind.ExclusiveMaximum:
		return compared(idExclusiveMaximum, "maximum", "be less than", k.Want, k.Got)
	case *kind.MultipleOf:
		return compared(idMultipleOf, "base", "be a multiple of", k.Want, k.Got)
	}
	return generic(otherReason(k))
}

// otherReason words the keywords that share the generic message.
func otherReason(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Enum:
		return "it is not one of the allowed values"
	case *kind.Not:
		return "it has a form that is not allowed"
	case *kind.AnyOf:
		return "it matches none of the alternatives"
	case *kind.OneOf:
		return "it does not match exactly one of the alternatives"
	case *kind.AdditionalProperties:
		return "it has members that are not allowed: " + quoteAll(k.Properties)
	case *kind.AdditionalItems:
		return fmt.Sprintf("it has %d items too many", k.Count)
	case *kind.PropertyNames:
		return "the name " + quote(k.Property) + " is not allowed"
	case *kind.MinProperties:
		return fmt.Sprintf("it has %d members, at least %d are needed", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("it has %d members, at most %d are allowed", k.Got, k.Want)
	case *kind.Contains, *kind.MinContains:
		return "it lacks items that it has to contain"
	case *kind.MaxContains:
		return "it contains too many items of a kind"
	case *kind.ContentEncoding:
		return "it is not encoded as " + k.Want
	case *kind.ContentMediaType:
		return "it is not of the type " + k.Want
	case *kind.FalseSchema:
		return "it is not allowed here"
	}
	return "it is not valid"
}

func generic(reason string) finding {
	return finding{idGeneric, map[string]any{"reason": reason}, reason}
}

func wrongType(want []string, got string) finding {
	return finding{idType, map[string]any{"allowed_types": want, "actual_type": got}, "it is a " + got + " where " + strings.Join(want, " or ") + " is wanted"}
}

func wrongFormat(format string, got any) finding {
	switch format {
	case "email", "email_loose":
		return finding{idEmail, map[string]any{"value": got}, "it is not an e-mail address"}
	case "tel":
		return finding{idPhone, map[string]any{"value": got}, "it is not an international phone number"}
	}
	return generic("it is not a valid " + format)
}

func wrongConst(want any) finding {
	switch want.(type) {
	case map[string]any, []any, nil:
		return finding{idConstGeneric, nil, "it is not the one value that is allowed"}
	}
	return finding{idConst, map[string]any{"expected": want}, fmt.Sprintf("it is not %v", want)}
}

func counted(id int, what, wantKey string, want int, gotKey string, got int) finding {
	return finding{id, map[string]any{wantKey: want, gotKey: got}, fmt.Sprintf("its %s is %d where the limit is %d", what, got, want)}
}

func compared(id int, key, phrase string, want, got *big.Rat) finding {
	return finding{id, map[string]any{key: number(want), "actual": number(got)}, fmt.Sprintf("it is %s but has to %s %s", number(got), phrase, number(want))}
}

// number writes a fraction as the shortest JSON number.
func number(r *big.Rat) json.Number {
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	f, _ := r.Float64()
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// Names in reasons come from strangers: they are quoted and cut.
const (
	maxQuoted = 60
	maxNames  = 5
)

func quote(name string) string {
	if r := []rune(name); len(r) > maxQuoted {
		name = string(r[:maxQuoted]) + "…"
	}
	return strconv.Quote(name)
}

func quoteAll(names []string) string {
	names = slices.Sorted(slices.Values(names))
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ") + more
}
