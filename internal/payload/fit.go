package payload

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Fit gives the submission as a typed tree: maps, slices, strings, bools and
// json.Number. Texts become what the shape asks for; what cannot be converted
// stays as it came, so that validation can say so. Empty texts count as absent.
// Objects that are absent become empty objects, except inside lists and inside
// alternatives of a schema. The tree may share values with the Body: read only.
func (b *Body) Fit(shape *Shape) map[string]any {
	f := fitter{form: b.form}
	return f.object(shape, f.members(b.root), true)
}

// fitter carries the one thing that differs between forms and JSON: a form has
// no unknown members.
type fitter struct{ form bool }

// member is one value on its way into an object.
type member struct {
	name  string
	below bool // the name is what remains of a dotted one
	value any
}

// members lists an object's members in a fixed order: a key that is not dotted
// comes before those that continue it.
func (f fitter) members(obj map[string]any) []member {
	list := make([]member, 0, len(obj))
	for _, key := range slices.Sorted(maps.Keys(obj)) {
		list = append(list, member{name: key, value: obj[key]})
	}
	return list
}

// arrivals is what came for one field: whole values, and parts of it.
type arrivals struct {
	whole []any
	parts []member
}

func (f fitter) object(s *Shape, in []member, fill bool) map[string]any {
	out := make(map[string]any, len(s.Fields))
	came := make(map[string]*arrivals, len(s.Fields))
	for _, m := range in {
		f.sort(s, m, came, out)
	}
	for _, field := range s.Fields {
		a := came[field.Name]
		if a == nil {
			if fill && field.Shape.Type == Object && !field.Conditional && !field.Shape.Nullable {
				out[field.Name] = f.object(field.Shape, nil, true)
			}
			continue
		}
		if v, ok := f.value(field.Shape, *a, s.requires(field.Name), fill); ok {
			out[field.Name] = v
		}
	}
	return out
}

// sort puts a member with the field it belongs to. A field whose own name has
// dots is found by the whole key first.
func (f fitter) sort(s *Shape, m member, came map[string]*arrivals, out map[string]any) {
	name, rest, dotted := m.name, "", false
	if s.index(name) < 0 {
		name, rest, dotted = head(m.name)
	}
	if s.index(name) < 0 {
		f.keep(s, m, out)
		return
	}
	a := came[name]
	if a == nil {
		a = &arrivals{}
		came[name] = a
	}
	if dotted {
		a.parts = append(a.parts, member{name: rest, below: true, value: m.value})
		return
	}
	a.whole = append(a.whole, m.value)
}

// keep takes what no field names into an open object. Only JSON has such
// members: a form field always belongs to something that was rendered.
func (f fitter) keep(s *Shape, m member, out map[string]any) {
	if !s.Open || f.form && len(s.Fields) > 0 {
		return
	}
	value := m.value
	if t, ok := value.(texts); ok {
		value = t[0]
	}
	name, rest, dotted := head(m.name)
	if !m.below || !dotted {
		out[m.name] = value
		return
	}
	sub, ok := out[name].(map[string]any)
	if !ok {
		sub = map[string]any{}
		out[name] = sub
	}
	f.keep(&Shape{Type: Object, Open: true}, member{name: rest, below: true, value: value}, sub)
}

// value makes one value of what came for a field; false means absent.
func (f fitter) value(s *Shape, a arrivals, required, fill bool) (any, bool) {
	switch s.Type {
	case Object:
		return f.objectValue(s, a, fill)
	case Array:
		return f.list(s, a)
	}
	if len(a.whole) == 0 {
		return nil, false
	}
	return scalar(s, flatten(a.whole), required)
}

func (f fitter) objectValue(s *Shape, a arrivals, fill bool) (any, bool) {
	var in []member
	for _, v := range a.whole {
		obj, odd, ok := asObject(v)
		if !ok {
			if odd == nil {
				continue // null and empty text count as absent
			}
			return odd, true
		}
		in = append(in, f.members(obj)...)
	}
	if len(a.parts) == 0 && len(in) == 0 && allNull(a.whole) && s.Nullable {
		return nil, true
	}
	return f.object(s, append(in, a.parts...), fill), true
}

// asObject reads a value where an object is wanted. A text may hold one as JSON
// (transient_payload={"a":1}); anything else is odd and kept for validation.
func asObject(v any) (obj map[string]any, odd any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, nil, true
	case texts:
		return asObject(v[0])
	case string:
		if v == "" {
			return nil, nil, false
		}
		if decoded, good := embedded(v).(map[string]any); good {
			return decoded, nil, true
		}
	}
	return nil, v, false
}

// embedded decodes a text that is one whole JSON value, or gives nil.
func embedded(text string) any {
	if !json.Valid([]byte(text)) {
		return nil
	}
	v, err := DecodeJSON([]byte(text))
	if err != nil {
		return nil
	}
	return v
}

func (f fitter) list(s *Shape, a arrivals) (any, bool) {
	items := s.Items
	if items == nil {
		items = &Shape{}
	}
	var out []any
	for _, v := range a.whole {
		switch v := v.(type) {
		case []any:
			if out == nil {
				out = make([]any, 0, len(v))
			}
			for _, item := range v {
				out = append(out, f.item(items, item))
			}
		case texts:
			out = append(out, f.texts(items, v)...)
		case nil:
			if s.Nullable {
				return nil, true
			}
		case map[string]any:
			return v, true
		default:
			if t, ok := scalarText(v); ok && t != "" {
				out = append(out, f.texts(items, texts{t})...)
			}
		}
	}
	if len(a.parts) > 0 && !slices.ContainsFunc(a.whole, isList) {
		out = append(f.numbered(items, a.parts), out...) // the field of the list adds to those of its items
	}
	return out, out != nil
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// item fits one element of a JSON list. Unlike a field it is never absent.
func (f fitter) item(s *Shape, v any) any {
	if v == nil || v == "" {
		return v
	}
	if got, ok := f.value(s, arrivals{whole: []any{v}}, false, false); ok {
		return got
	}
	return v
}

// texts makes list elements of a form field's values. Lists of objects come as
// one text of JSON.
func (f fitter) texts(items *Shape, values texts) []any {
	var out []any
	for _, text := range values {
		if text == "" {
			continue
		}
		if !items.scalar() {
			if list, ok := embedded(text).([]any); ok {
				for _, item := range list {
					out = append(out, f.item(items, item))
				}
				continue
			}
		}
		out = append(out, f.item(items, text))
	}
	return out
}

// numbered makes a list of fields named by position: tags.0, pets.1.name. Gaps
// close up, so that no position costs memory.
func (f fitter) numbered(items *Shape, parts []member) []any {
	byIndex := map[int]*arrivals{}
	for _, p := range parts {
		first, rest, dotted := head(p.name)
		n, err := strconv.Atoi(first)
		if err != nil || n < 0 {
			continue
		}
		a := byIndex[n]
		if a == nil {
			a = &arrivals{}
			byIndex[n] = a
		}
		if dotted {
			a.parts = append(a.parts, member{name: rest, below: true, value: p.value})
			continue
		}
		a.whole = append(a.whole, p.value)
	}
	var out []any
	for _, n := range slices.Sorted(maps.Keys(byIndex)) {
		if v, ok := f.value(items, *byIndex[n], false, false); ok {
			out = append(out, v)
		}
	}
	return out
}

// flatten lays the texts of a form field side by side with JSON values.
func flatten(in []any) []any {
	out := make([]any, 0, len(in))
	for _, v := range in {
		t, ok := v.(texts)
		if !ok {
			out = append(out, v)
			continue
		}
		for _, text := range t {
			out = append(out, text)
		}
	}
	return out
}

func allNull(in []any) bool {
	return len(in) > 0 && !slices.ContainsFunc(in, func(v any) bool { return v != nil })
}
