package jsonnet

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/go-jsonnet"
)

// withheld stands for a message of the interpreter that may quote data.
const withheld = "the evaluation failed; what the interpreter says of it may quote data and is withheld"

// number is a value in a message of the interpreter.
const number = `, got (?:length )?[-+]?[0-9.]+(?:e[-+]?[0-9]+)?$`

// maxMessage is where a message is cut, in bytes.
const maxMessage = 4 << 10

// wording decides what may be told of a failure. The interpreter's messages quote
// values freely ("… is not a base 10 integer"), so only those pass that are known
// to consist of fixed words and types.
type wording struct {
	number *regexp.Regexp // is cut off
	shapes []shape
}

type shape struct {
	whole *regexp.Regexp
	named string // the message without the name; the name is told if the program's text has it
}

func newWording() wording {
	const (
		kind = `(?:null|boolean|number|string|array|object|function)`
		what = `(?:std\.|str\.)?[A-Za-z]+(?:\(\))?(?: on arrays| on strings)?,? (?:first |second |third |provided )?(?:parameter|param|argument|function)`
		must = `(?:a|an|array|arrays|be|expected|function|got|greater|have|length|must|non-negative|number|Number|object|of|only|or|return|should|string|String|takes|than|zero|-?1|/)`
	)
	fixed := func(p string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + p + `)$`) }
	return wording{number: regexp.MustCompile(number), shapes: []shape{
		{fixed(`max stack frames exceeded\.|max manifest depth exceeded, possible infinite recursion`), ""},
		{fixed(`Division by zero\.|[Oo]verflow|Not a number|Shift by negative exponent\.`), ""},
		{fixed(`Unexpected type ` + kind + `(?:, expected ` + kind + `)?`), ""},
		{fixed(`Field name must be string, got ` + kind), ""},
		{fixed(`Operator \S+ cannot be used on types ` + kind + ` and ` + kind + `\.`), ""},
		{fixed(`Expected string(?: or array)?, got ` + kind), ""},
		{fixed(what + `(?: ` + must + `)+(?:, got ` + kind + `)?`), ""},
		{fixed(`couldn't manifest function as JSON|Cannot test equality of functions`), ""},
		{fixed(`Value non indexable: \*?jsonnet\.[A-Za-z]+`), ""},
		{fixed(`Index (-?\d+) out of bounds, not within \[0, \d+\)`), "Index out of bounds"},
		{fixed(`function expected \d+ positional argument\(s\), but got \d+`), ""},
		{fixed(`Attempt to use super when there is no super class\.`), ""},
		{fixed(`Expected at least one element in array\. Got none|Cannot calculate average of an empty array\.`), ""},
		{fixed(`Truncated format code\.|Mapping keys required\.`), ""},
		{fixed(regexp.QuoteMeta(errNoImports.Error())), ""},
		// Parameters are written in the program or chosen by the caller; no data
		// can name them.
		{fixed(`Missing argument: \w+|function has no parameter \w+|Argument \w+ already provided`), ""},
		{fixed(`Field does not exist: (?s:(.*))`), "Field does not exist"},
		{fixed(`Undefined external variable: (?s:(.*))`), "Undefined external variable"},
		{fixed(`Duplicate field name: "(?s:(.*))"`), "Duplicate field name"},
		{fixed(`No such field: (?s:(.*))`), "No such field"},
	}}
}

// failure is what may be told of an error of the interpreter.
func (w wording) failure(c *compiled, err error) *failure {
	f := &failure{Kind: Runtime, Message: withheld}
	failed, ok := errors.AsType[jsonnet.RuntimeError](err)
	if !ok {
		return f
	}
	for i, frame := range failed.StackTrace { // innermost last
		if file := frame.Loc.File; file == nil || (file != c.source && file != c.raised) {
			continue
		}
		if frame.Loc.IsSet() {
			f.Line, f.Column = frame.Loc.Begin.Line, frame.Loc.Begin.Column
		}
		f.Raised = i == len(failed.StackTrace)-1 && frame.Loc.File == c.raised
	}
	if f.Raised {
		f.Message = clip(failed.Msg)
	} else {
		f.Message = w.of(c, failed.Msg)
	}
	return f
}

func (w wording) of(c *compiled, message string) string {
	message = w.number.ReplaceAllString(message, "")
	for _, known := range w.shapes {
		match := known.whole.FindStringSubmatch(message)
		switch {
		case match == nil:
		case known.named == "" || c.literals[match[1]]:
			return clip(message)
		default:
			return known.named
		}
	}
	return withheld
}

// clip cuts a long message at a character's border.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.Clone(s[:cut]) + " …"
}
