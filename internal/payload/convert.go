package payload

import (
	"encoding/json"
	"strconv"
	"strings"
)

// scalar converts the value of a field: the first of several, of booleans the
// last, because a hidden "false" stands before its checkbox.
func scalar(s *Shape, values []any, required bool) (any, bool) {
	v := values[0]
	if s.Type == Boolean {
		v = values[len(values)-1]
	}
	switch v {
	case nil:
		return nil, s.Nullable
	case "":
		zero, ok := zeros[s.Type]
		return zero, ok && required
	}
	text, ok := scalarText(v)
	if !ok {
		return v, true // an object or a list: validation will say so
	}
	if convert, ok := converters[s.Type]; ok {
		if converted, ok := convert(text, v); ok {
			return converted, true
		}
	}
	return v, true
}

// zeros are what an empty text stands for where a value is required: an empty
// number field or an unchecked box, which HTML cannot tell from nothing.
var zeros = map[Type]any{Boolean: false, Number: json.Number("0"), Integer: json.Number("0")}

// converters turn the text of a JSON scalar, given with it, into what a shape
// wants. Types without one keep the value.
var converters = map[Type]func(text string, v any) (any, bool){
	String: func(text string, _ any) (any, bool) { return text, true },
	Boolean: func(text string, v any) (any, bool) {
		if _, isText := v.(string); !isText {
			return v, true
		}
		if text == "on" { // a checkbox without a value attribute
			return true, true
		}
		b, err := strconv.ParseBool(text)
		return b, err == nil
	},
	Number: func(text string, v any) (any, bool) {
		if _, isText := v.(string); !isText {
			return v, true
		}
		return parseNumber(strings.TrimSpace(text))
	},
	Integer: func(text string, v any) (any, bool) {
		if _, isText := v.(string); !isText {
			return v, true
		}
		text = strings.TrimSpace(text)
		if strings.ContainsAny(text, ".eE") {
			return nil, false
		}
		return parseNumber(text)
	},
}

// parseNumber reads a number as people write it: a plus sign, leading zeros and
// a bare decimal point are fine, infinities and hexadecimals are not.
func parseNumber(text string) (any, bool) {
	digits := strings.TrimLeft(text, "+-")
	if digits == "" || len(text)-len(digits) > 1 || strings.Trim(digits, "0123456789.eE+-") != "" || !saneNumber([]byte(text)) {
		return nil, false
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return nil, false
	}
	canonical := strings.TrimLeft(digits, "0")
	if canonical == "" || strings.IndexByte("0123456789", canonical[0]) < 0 {
		canonical = "0" + canonical
	}
	if text[0] == '-' {
		canonical = "-" + canonical
	}
	canonical = strings.TrimSuffix(strings.Replace(strings.Replace(canonical, ".e", ".0e", 1), ".E", ".0E", 1), ".")
	return json.Number(canonical), json.Valid([]byte(canonical))
}
