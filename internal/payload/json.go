package payload

import (
	"bytes"
	"encoding/json"
	"strconv"

	"cardea/internal/problem"
)

// DecodeJSON decodes the first JSON value of raw into maps, slices, strings,
// bools and json.Number, within the limits of this package. Of repeated keys
// the last wins; what follows the value is ignored. The error is a
// *problem.Error with status 400.
func DecodeJSON(raw []byte) (any, error) {
	if err := scan(raw); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		// The decoder's words may quote the input; they stay behind.
		return nil, problem.BadRequest("The body is not well-formed JSON.")
	}
	return v, nil
}

// scan enforces the limits before anything is allocated for the values. It need
// not understand broken JSON, only never let an expensive document pass.
func scan(raw []byte) error {
	depth, values := 0, 1
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			end, zero := skipString(raw, i)
			if zero {
				return badText()
			}
			i = end
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return problem.BadRequest("The JSON body is nested too deeply.")
			}
			values++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return nil
			}
		case c == ',':
			values++
		case c == '-' || c >= '0' && c <= '9':
			end := numberEnd(raw, i)
			if !saneNumber(raw[i:end]) {
				return problem.BadRequest("The JSON body holds a number that is too large or too precise.")
			}
			i = end - 1
		}
		if values > MaxValues {
			return tooMany()
		}
	}
	return nil
}

// skipString gives the index of the closing quote of the string that opens at i,
// and whether it holds an escaped zero character.
func skipString(raw []byte, i int) (end int, zero bool) {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i, false
		case '\\':
			if bytes.HasPrefix(raw[i:], []byte(`\u0000`)) {
				return i, true
			}
			i++
		}
	}
	return i, false
}

func numberEnd(raw []byte, i int) int {
	for i < len(raw) && bytes.IndexByte([]byte("+-.0123456789eE"), raw[i]) >= 0 {
		i++
	}
	return i
}

func saneNumber(literal []byte) bool {
	if len(literal) > MaxNumber {
		return false
	}
	e := bytes.IndexAny(literal, "eE")
	if e < 0 {
		return true
	}
	exp, err := strconv.Atoi(string(literal[e+1:]))
	return err == nil && exp >= -MaxExponent && exp <= MaxExponent
}
