package config

import (
	"encoding/csv"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxIndex bounds KEY_<index>: a list in the environment is as long as its
// highest index says, and no configuration has that many elements.
const maxIndex = 999

// step is one part of the path to a value: a name or, in a list, an index.
type step struct {
	name  string
	index int // -1 for a name
}

func (s step) String() string {
	if s.index >= 0 {
		return strconv.Itoa(s.index)
	}
	return s.name
}

// environment is the layer that environment variables make.
type environment struct {
	tree   map[string]any
	source map[string]string // by dotted key: the variable that set it
	hints  map[string]string // by dotted key
}

// readEnviron picks out the variables ("NAME=value") that name a key of the
// schema and casts their values to the key's type. Other variables are ignored:
// the names have no prefix, so most of the environment is somebody else's.
func readEnviron(schema document, environ []string) environment {
	e := environment{tree: map[string]any{}, source: map[string]string{}, hints: map[string]string{}}
	// Sorted, a whole list comes before its single elements, and these override it.
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		path, leaf := schema.resolve(schema.root, strings.Split(strings.ToLower(name), "_"))
		if len(path) == 0 {
			continue
		}
		key := dotted(path)
		cast, hint := schema.cast(leaf, value)
		e.source[key] = "environment variable " + name
		if hint != "" {
			e.hints[key] = hint
		}
		e.tree, _ = e.place("", e.tree, path, cast, e.source[key]).(map[string]any)
	}
	return e
}

// resolve finds the key that the words of a variable's name spell. Names may hold
// underscores themselves, so each property is tried whose own words come next;
// the first in sorted order that leads somewhere wins.
func (d document) resolve(n node, words []string) ([]step, node) {
	if len(words) == 0 {
		return []step{}, n
	}
	if n.kind() == "array" {
		i, err := strconv.Atoi(words[0])
		if err != nil || i < 0 || i > maxIndex || strconv.Itoa(i) != words[0] {
			return nil, nil
		}
		if rest, leaf := d.resolve(d.follow(n["items"]), words[1:]); rest != nil {
			return append([]step{{index: i}}, rest...), leaf
		}
		return nil, nil
	}
	props := n.properties()
	for _, name := range slices.Sorted(maps.Keys(props)) {
		own := strings.Split(strings.ToLower(name), "_")
		if len(own) > len(words) || !slices.Equal(own, words[:len(own)]) {
			continue
		}
		if rest, leaf := d.resolve(d.follow(props[name]), words[len(own):]); rest != nil {
			return append([]step{{name: name, index: -1}}, rest...), leaf
		}
	}
	return nil, nil
}

// cast turns the text of a variable into the type of its key. A hint explains a
// result that is not what the text looks like; text that does not fit stays text,
// and validation complains about it.
func (d document) cast(n node, text string) (v any, hint string) {
	switch n.kind() {
	case "integer":
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, ""
		}
	case "number":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f, ""
		}
	case "boolean":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, "the text is none of true, false, 1, 0, t, f and counts as false"
		}
		return b, ""
	case "object":
		if v, err := parseJSON(text); err == nil {
			return v, ""
		}
		return text, "write it as a JSON object"
	case "array":
		return castList(text, d.follow(n["items"]).kind())
	}
	return text, ""
}

// castList reads a list: JSON always, comma separated values for lists of text.
// Text that is JSON but no list, such as digits alone, is no list and not text
// either: the contract makes it null.
func castList(text, items string) (v any, hint string) {
	parsed, err := parseJSON(text)
	switch parsed.(type) {
	case []any, map[string]any:
		return parsed, ""
	}
	if err == nil {
		return nil, "the text is a JSON value by itself: write the list as a JSON array"
	}
	if items != "string" {
		return text, "write it as a JSON array"
	}
	if text == "" {
		return []any{}, ""
	}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return text, "write it as comma separated values or as a JSON array"
	}
	list := make([]any, len(fields))
	for i, f := range fields {
		list[i] = f
	}
	return list, ""
}

func parseJSON(text string) (any, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	return normalize(v), err
}

// place puts a value at a path, making objects and lists on the way. Elements of a
// list that no variable sets are null, as in the contract.
func (e *environment) place(key string, here any, path []step, v any, source string) any {
	if len(path) == 0 {
		return v
	}
	at, rest := path[0], path[1:]
	if at.index < 0 {
		object, ok := here.(map[string]any)
		if !ok {
			object = map[string]any{}
		}
		object[at.name] = e.place(join(key, at.name), object[at.name], rest, v, source)
		return object
	}
	list, _ := here.([]any)
	for len(list) <= at.index {
		gap := join(key, strconv.Itoa(len(list)))
		if _, taken := e.source[gap]; !taken && len(list) < at.index {
			e.source[gap] = source
			e.hints[gap] = "elements in the environment count from 0 without gaps"
		}
		list = append(list, nil)
	}
	list[at.index] = e.place(join(key, at.String()), list[at.index], rest, v, source)
	return list
}

// sourceOf names the variable that set a key, itself or with what contains it.
func (e *environment) sourceOf(key string) string {
	l := layers{origin: e.source}
	return l.source(key)
}

// installs are the keys that make an installation: what is kept where and under
// which secrets, who it is for, and under which address others reach it. Everything
// else tunes, and is as welcome in the development mode.
var installs = []string{
	"dsn", "secrets", "identity", "selfservice.default_browser_return_url",
	"serve.public.host", "serve.public.base_url", "serve.public.socket", "serve.public.tls",
	"serve.admin.host", "serve.admin.base_url", "serve.admin.socket", "serve.admin.tls",
}

// installation is a key that ends the development mode, "" when the environment has
// none such.
func (e *environment) installation() string {
	for _, key := range slices.Sorted(maps.Keys(e.source)) {
		for _, one := range installs {
			if within(key, one) || within(one, key) {
				return key
			}
		}
	}
	return ""
}

func within(key, outer string) bool { return key == outer || strings.HasPrefix(key, outer+".") }

// ports are those that the environment sets, and the schema's where it sets none.
func (e *environment) ports(schema document) Ports {
	set := newLayers(schema.defaults(schema.root))
	set.add(e.tree, overlayLists, e.sourceOf)
	port := func(key string) int {
		v, _ := set.lookup(key)
		n, _ := v.(int64)
		return int(n)
	}
	return Ports{Public: port("serve.public.port"), Admin: port("serve.admin.port")}
}

func dotted(path []step) string {
	names := make([]string, len(path))
	for i, s := range path {
		names[i] = s.String()
	}
	return strings.Join(names, ".")
}
