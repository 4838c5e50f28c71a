package config

import (
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// schemaURL names the schema inside the compiler; nothing is ever fetched from it.
const schemaURL = "cardea:config"

// compiled is the schema as it checks a tree: the same for every load of a process.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	schema, err := readSchema()
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	c.RegisterFormat(&jsonschema.Format{Name: "go-duration", Validate: checkText(parseDuration)})
	c.RegisterFormat(&jsonschema.Format{Name: "byte-size", Validate: checkText(ParseByteSize)})
	c.RegisterFormat(&jsonschema.Format{Name: "argon2-memory", Validate: checkText(parseArgon2Memory)})
	if err := c.AddResource(schemaURL, map[string]any(schema.root)); err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	s, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	return s, nil
})

// validate checks the merged tree and lists everything that is wrong with it.
// The error is a broken schema, not a broken configuration.
func (d document) validate(l *layers) ([]Issue, error) {
	s, err := compiled()
	if err != nil {
		return nil, err
	}
	failed, _ := s.Validate(l.tree).(*jsonschema.ValidationError)
	if failed == nil {
		return nil, nil
	}
	r := reporter{schema: d, layers: l, printer: message.NewPrinter(language.English)}
	r.report(failed)
	return r.issues, nil
}

// checkText makes a format check of a parser.
func checkText[T any](parse func(string) (T, error)) func(any) error {
	return func(v any) error {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		_, err := parse(text)
		return err
	}
}

// reporter turns a tree of validation errors into issues.
type reporter struct {
	schema  document
	layers  *layers
	printer *message.Printer
	issues  []Issue
}

func (r *reporter) report(e *jsonschema.ValidationError) {
	key := strings.Join(e.InstanceLocation, ".")
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			r.add(join(key, name), "is required and not set")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			r.add(join(key, name), "is not a known key")
		}
	case *kind.AnyOf, *kind.OneOf:
		r.reportAlternatives(key, e)
	default:
		if len(e.Causes) == 0 {
			r.add(key, r.reason(e))
			return
		}
		for _, cause := range e.Causes {
			r.report(cause)
		}
	}
}

// reportAlternatives reports the alternative that was meant: the one whose
// constants ("hook: web_hook") all fit. When none does, the constants are what is
// wrong.
func (r *reporter) reportAlternatives(key string, e *jsonschema.ValidationError) {
	var constants []*jsonschema.ValidationError
	for _, alternative := range e.Causes {
		found := mismatches(alternative, len(e.InstanceLocation)+1)
		if len(found) == 0 {
			r.report(alternative)
			return
		}
		constants = append(constants, found...)
	}
	wanted := map[string][]string{}
	for _, c := range constants {
		at := strings.Join(c.InstanceLocation, ".")
		wanted[at] = append(wanted[at], constantsOf(c.ErrorKind)...)
	}
	for at, words := range wanted {
		r.add(at, "has to be "+oneOf(words))
	}
	if len(wanted) == 0 {
		r.add(key, r.reason(e))
	}
}

// mismatches finds the constants that an alternative wanted to be different, down
// to a depth: what tells alternatives apart is the value itself or one of its keys.
func mismatches(e *jsonschema.ValidationError, depth int) (found []*jsonschema.ValidationError) {
	if len(e.InstanceLocation) > depth {
		return nil
	}
	if constantsOf(e.ErrorKind) != nil {
		return []*jsonschema.ValidationError{e}
	}
	for _, cause := range e.Causes {
		found = append(found, mismatches(cause, depth)...)
	}
	return found
}

// constantsOf are the values that a failed comparison would have taken.
func constantsOf(k jsonschema.ErrorKind) []string {
	switch k := k.(type) {
	case *kind.Const:
		return []string{fmt.Sprint(k.Want)}
	case *kind.Enum:
		words := make([]string, len(k.Want))
		for i, w := range k.Want {
			words[i] = fmt.Sprint(w)
		}
		return words
	}
	return nil
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// reason says what is wrong without showing the value, which may be a secret; the
// validator's own sentences for these kinds do show it.
func (r *reporter) reason(e *jsonschema.ValidationError) string {
	if words := constantsOf(e.ErrorKind); words != nil {
		return "has to be " + oneOf(words)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "has to be of type " + strings.Join(k.Want, " or ") + ", not " + k.Got
	case *kind.InvalidJsonValue:
		return "is not a value that a configuration can hold"
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Pattern:
		return "has to match " + k.Want
	case *kind.Not:
		if text := r.description(e); text != "" {
			return text
		}
		return "is not allowed here"
	}
	return e.ErrorKind.LocalizedString(r.printer)
}

// description is what the schema says about the combination that a "not" forbids.
func (r *reporter) description(e *jsonschema.ValidationError) string {
	_, pointer, _ := strings.Cut(e.SchemaURL, "#")
	text, _ := r.schema.at(pointer + "/not")["description"].(string)
	return text
}

func (r *reporter) add(key, reason string) {
	if hint := r.layers.hints[key]; hint != "" {
		reason += " (" + hint + ")"
		delete(r.layers.hints, key)
	}
	r.issues = append(r.issues, Issue{Key: key, Source: r.layers.source(key), Reason: reason})
}
