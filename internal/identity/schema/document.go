package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"cardea/internal/payload"
)

// Limits of one schema document. They are far above what people write.
const (
	// MaxBytes is the size of one document: 1 MiB.
	MaxBytes = 1 << 20
	// MaxDocuments is how many documents one schema may refer to, itself included.
	MaxDocuments = 32

	maxDepth = 100
	maxKeys  = 20_000
)

// document is one parsed schema file: its value for the validator, and the
// order of its keys, which decides the order of form fields.
type document struct {
	value any
	order map[string][]string // keys of each object, by location
}

// parser reads JSON token by token, because maps forget the order of keys.
type parser struct {
	dec   *json.Decoder
	order map[string][]string
	keys  int
}

// parse reads one document. Locations are those of the compiled schema: the
// document's URL, "#", and a JSON pointer whose tokens are percent-encoded.
func parse(docURL string, raw []byte) (*document, error) {
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("the schema is larger than %d bytes", MaxBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	p := &parser{dec: dec, order: map[string][]string{}}
	value, err := p.value(docURL+"#", 0)
	if err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	if dec.More() {
		return nil, errors.New("the schema is not JSON: something follows its end")
	}
	return &document{value: value, order: p.order}, nil
}

func (p *parser) value(at string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		return p.object(at, depth)
	case json.Delim('['):
		return p.list(at, depth)
	}
	if n, ok := tok.(json.Number); ok {
		if _, err := payload.DecodeJSON([]byte(n)); err != nil { // the limits of traits hold here, too
			return nil, errors.New("a number is too large or too precise")
		}
	}
	return tok, nil
}

func (p *parser) object(at string, depth int) (any, error) {
	obj := map[string]any{}
	var keys []string
	for p.dec.More() {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		key := tok.(string) // the decoder allows nothing else here
		if p.keys++; p.keys > maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		if _, again := obj[key]; !again {
			keys = append(keys, key)
		}
		if obj[key], err = p.value(below(at, key), depth+1); err != nil {
			return nil, err
		}
	}
	p.order[at] = keys
	_, err := p.dec.Token()
	return obj, err
}

func (p *parser) list(at string, depth int) (any, error) {
	list := []any{}
	for i := 0; p.dec.More(); i++ {
		v, err := p.value(below(at, strconv.Itoa(i)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.dec.Token()
	return list, err
}

// escape writes a token of a JSON pointer (RFC 6901 section 3).
func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

// below gives the location of a member of what is at a location.
func below(at, token string) string { return at + "/" + url.PathEscape(escape(token)) }

// checkDocument enforces what an identity schema has to be beyond a JSON
// schema: an object whose "traits" is an object with properties.
func checkDocument(value any) error {
	root, _ := value.(map[string]any)
	properties, _ := root["properties"].(map[string]any)
	traits, ok := properties["traits"].(map[string]any)
	if !ok {
		return errors.New(`an identity schema needs an object at "properties.traits"`)
	}
	if t, given := traits["type"]; given && t != "object" {
		return errors.New(`"properties.traits.type" must be "object"`)
	}
	fields, _ := traits["properties"].(map[string]any)
	if len(fields) == 0 {
		return errors.New(`"properties.traits.properties" must name at least one trait`)
	}
	for name, field := range fields {
		obj, ok := field.(map[string]any)
		if !ok {
			return fmt.Errorf("trait %q must be described by an object", name)
		}
		if err := checkVerification(obj); err != nil {
			return fmt.Errorf("trait %q: %w", name, err)
		}
	}
	return checkExtensions(value)
}

// verifiableFormats are the formats that a verifiable trait may have when it is
// a direct child of traits.
var verifiableFormats = map[any]bool{"email": true, "tel": true, "date": true, "time": true, "date-time": true, "no-validate": true}

func checkVerification(field map[string]any) error {
	extension, _ := field[extensionKey].(map[string]any)
	format, given := field["format"]
	if _, verifiable := extension["verification"]; verifiable && given && !verifiableFormats[format] {
		return fmt.Errorf("format %v cannot be combined with verification", format)
	}
	return nil
}

// checkExtensions finds every extension object, at any depth.
func checkExtensions(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if key == extensionKey {
				if _, err := parseExtension(member); err != nil {
					return err
				}
			}
			if err := checkExtensions(member); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := checkExtensions(item); err != nil {
				return err
			}
		}
	}
	return nil
}
