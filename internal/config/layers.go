package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// layers is a configuration under construction: the merged tree, where each of
// its values came from, and what the sources have to say about them.
type layers struct {
	tree   map[string]any
	origin map[string]string // by dotted key; schema defaults have none
	hints  map[string]string // by dotted key: how a value was understood, if that is surprising
}

// listRule says what happens when a list meets a list.
type listRule bool

const (
	replaceLists listRule = false // files: the later list replaces the earlier one
	overlayLists listRule = true  // environment: element by element, the earlier tail stays
)

// newLayers starts with the schema's defaults.
func newLayers(defaults any) layers {
	tree, _ := defaults.(map[string]any)
	if tree == nil {
		tree = map[string]any{}
	}
	return layers{tree: tree, origin: map[string]string{}, hints: map[string]string{}}
}

// add lays a tree over what is there. source names where a key's value comes
// from; "" leaves the earlier origin of a container in place.
func (l *layers) add(layer map[string]any, lists listRule, source func(key string) string) {
	l.tree, _ = l.merge("", l.tree, layer, lists, source).(map[string]any)
}

// from is the source function of a layer that comes from one place.
func from(source string) func(string) string {
	return func(string) string { return source }
}

func (l *layers) merge(key string, below, above any, lists listRule, source func(string) string) any {
	if s := source(key); s != "" && key != "" {
		l.origin[key] = s
	}
	switch above := above.(type) {
	case map[string]any:
		merged, ok := below.(map[string]any)
		if !ok {
			l.forget(key)
			merged = make(map[string]any, len(above))
		}
		for name, v := range above {
			merged[name] = l.merge(join(key, name), merged[name], v, lists, source)
		}
		return merged
	case []any:
		var merged []any
		if old, ok := below.([]any); ok && lists == overlayLists {
			merged = old
		} else {
			l.forget(key)
		}
		for i, v := range above {
			element := join(key, strconv.Itoa(i))
			if i == len(merged) {
				merged = append(merged, nil)
			}
			merged[i] = l.merge(element, merged[i], v, lists, source)
		}
		if merged == nil {
			return []any{}
		}
		return merged
	default:
		l.forget(key)
		return above
	}
}

// forget drops the origins below a key whose value is being replaced.
func (l *layers) forget(key string) {
	maps.DeleteFunc(l.origin, func(k, _ string) bool { return strings.HasPrefix(k, key+".") })
}

// source is where the value of a key came from, or where the nearest container
// that has an origin did.
func (l *layers) source(key string) string {
	for {
		if s, ok := l.origin[key]; ok {
			return s
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return ""
		}
		key = key[:i]
	}
}

// lookup finds the value of a dotted key. Keys with free names may hold dots
// themselves and cannot be found this way.
func (l *layers) lookup(key string) (any, bool) {
	var here any = l.tree
	for part := range strings.SplitSeq(key, ".") {
		m, _ := here.(map[string]any)
		v, ok := m[part]
		if !ok {
			return nil, false
		}
		here = v
	}
	return here, true
}

// text is the string under a dotted key, "" when there is none.
func (l *layers) text(key string) string {
	v, _ := l.lookup(key)
	s, _ := v.(string)
	return s
}

// set puts a value under a dotted key, or takes the key out when there is no value.
func (l *layers) set(key string, v any, present bool) {
	parts := strings.Split(key, ".")
	here := l.tree
	for _, part := range parts[:len(parts)-1] {
		next, ok := here[part].(map[string]any)
		if !ok {
			next = map[string]any{}
			here[part] = next
		}
		here = next
	}
	last := parts[len(parts)-1]
	if !present {
		delete(here, last)
		return
	}
	here[last] = v
}

// leaf is a value that is neither an object nor a list.
type leaf struct {
	key   string
	value any
}

// leaves lists the values below a dotted key, sorted by key.
func (l *layers) leaves(key string) []leaf {
	v, ok := l.lookup(key)
	if !ok {
		return nil
	}
	return appendLeaves(nil, key, v)
}

func appendLeaves(out []leaf, key string, v any) []leaf {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = appendLeaves(out, join(key, name), v[name])
		}
	case []any:
		for i, element := range v {
			out = appendLeaves(out, join(key, strconv.Itoa(i)), element)
		}
	default:
		out = append(out, leaf{key: key, value: v})
	}
	return out
}
