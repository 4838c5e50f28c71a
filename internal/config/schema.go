package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/api"
)

// node is one place in the schema.
type node map[string]any

// document is the schema as data. Loading walks it to find defaults, to resolve
// the names of environment variables and to tell unknown keys.
type document struct {
	root node
}

// readSchema parses the embedded schema.
func readSchema() (document, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(api.ConfigSchema))
	if err != nil {
		return document{}, fmt.Errorf("embedded configuration schema: %w", err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return document{}, fmt.Errorf("embedded configuration schema: not an object")
	}
	return document{root: root}, nil
}

// at follows a JSON pointer of the form "/a/b"; nil when nothing is there.
func (d document) at(pointer string) node {
	var here any = map[string]any(d.root)
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch v := here.(type) {
		case map[string]any:
			here = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			here = v[i]
		default:
			return nil
		}
	}
	n, _ := here.(map[string]any)
	return n
}

// follow resolves a reference to a definition.
func (d document) follow(v any) node {
	n, _ := v.(map[string]any)
	for {
		ref, ok := n["$ref"].(string)
		if !ok {
			return n
		}
		n = d.at(strings.TrimPrefix(ref, "#"))
	}
}

// properties are the named children of an object, unresolved.
func (n node) properties() map[string]any {
	p, _ := n["properties"].(map[string]any)
	return p
}

// kind is the declared type; "object" for a node that only lists properties, ""
// when it can be anything.
func (n node) kind() string {
	if t, ok := n["type"].(string); ok {
		return t
	}
	if n.properties() != nil {
		return "object"
	}
	return ""
}

// defaults gives the default values below a node: those of plain properties, not
// those of list elements and of keys with free names. They stay out on purpose:
// whoever reads such an element fills in what is missing.
func (d document) defaults(n node) any {
	if v, ok := n["default"]; ok {
		return normalize(v)
	}
	out := map[string]any{}
	for name, child := range n.properties() {
		if v := d.defaults(d.follow(child)); v != nil {
			out[name] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// unknown calls report with the keys of a value that the schema does not name, in
// the few objects that tolerate them.
func (d document) unknown(n node, v any, key string, report func(key string)) {
	switch v := v.(type) {
	case map[string]any:
		if n.free() {
			return
		}
		props := n.properties()
		for _, name := range slices.Sorted(maps.Keys(v)) {
			child, ok := props[name]
			if !ok {
				report(join(key, name))
				continue
			}
			d.unknown(d.follow(child), v[name], join(key, name), report)
		}
	case []any:
		items := d.follow(n["items"])
		for i, element := range v {
			d.unknown(items, element, join(key, strconv.Itoa(i)), report)
		}
	}
}

// free says that the keys of an object are not a closed list: a map with names of
// the operator's choice, or alternatives.
func (n node) free() bool {
	return n.properties() == nil || n["patternProperties"] != nil
}

// join appends a name to a dotted key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
