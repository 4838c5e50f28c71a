package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/internal/payload"
)

// MaxOptions is how many values of an enum a field offers.
const MaxOptions = 500

// Bounds of the walk over a schema: references may multiply without end.
const (
	maxFields = 1_000
	maxSteps  = 100_000
)

// Field is a trait that makes one form field: what is known of it, not how it looks.
type Field struct {
	Name      string   // dotted path with its prefix: "traits.name.first"
	Path      []string // the same in segments: traits, name, first
	Type      string   // string, number, integer, boolean or array (of scalars)
	Format    string   // "" for none; only of strings
	Title     string
	Enum      []any // at most MaxOptions
	Pattern   string
	Required  bool // by its immediate parent, whatever else is submitted
	Disabled  bool // not to be edited ("disableFormField")
	Extension Extension
}

// summary is a property as all schemas about it describe it together.
type summary struct {
	facts
	types   []string
	title   string
	pattern string
	members []*memberOf
	items   []part
	tuple   bool
}

// part is a schema about a property; conditional ones hold in some alternative.
type part struct {
	schema      *jsonschema.Schema
	conditional bool
}

// memberOf is a property of an object.
type memberOf struct {
	name        string
	parts       []part
	required    bool
	conditional bool
}

// walker turns the graph into fields and the shape of traits. Branches that
// come back to a schema they are inside of are cut there: such data is
// validated, but has neither form fields nor a known shape.
type walker struct {
	*Schema
	open      map[*jsonschema.Schema]int
	described map[*jsonschema.Schema]bool
	steps     int
}

func (s *Schema) describe() error {
	w := &walker{Schema: s, open: map[*jsonschema.Schema]int{}, described: map[*jsonschema.Schema]bool{}}
	shape, err := w.object([]string{rootName}, []part{{schema: s.root.Properties[rootName]}})
	s.shape, s.searchStamp = shape, searchStamp(s.searchable)
	if err != nil {
		return err
	}
	return w.settleGuards()
}

// object describes the members of an object and gives its shape.
func (w *walker) object(path []string, parts []part) (*payload.Shape, error) {
	shape := &payload.Shape{Type: payload.Object, Open: true}
	sum, leave, err := w.enter(parts)
	if err != nil || sum == nil {
		return shape, err
	}
	defer leave()
	for _, m := range sum.members {
		at := append(slices.Clone(path), m.name)
		if _, known := w.ranks[rankKey(at)]; !known {
			w.ranks[rankKey(at)] = len(w.ranks)
		}
		sub, err := w.member(at, m)
		if err != nil {
			return nil, err
		}
		shape.Fields = append(shape.Fields, payload.Field{Name: m.name, Shape: sub, Conditional: m.conditional})
		if m.required {
			shape.Required = append(shape.Required, m.name)
		}
	}
	return shape, nil
}

// member describes one property: a field, a list, or an object with more.
func (w *walker) member(path []string, m *memberOf) (*payload.Shape, error) {
	sum, leave, err := w.enter(m.parts)
	if err != nil {
		return nil, err
	}
	if sum == nil {
		return &payload.Shape{}, nil // recursion
	}
	defer leave()
	if sum.Identifies() {
		w.note(path, sum.title)
	}
	if err := w.describeOwn(path, sum.Extension, false); err != nil {
		return nil, err
	}
	typ, nullable := sum.typ()
	switch typ {
	case "object":
		leave() // object enters the same parts again
		shape, err := w.object(path, m.parts)
		if err == nil {
			shape.Nullable = nullable
		}
		return shape, err
	case "array":
		return w.list(path, m, sum, nullable)
	}
	if len(sum.types) <= 1 {
		w.addField(path, m, sum, typ)
	}
	if len(sum.types) == 0 && sum.constType() == "" {
		typ = ""
	}
	return &payload.Shape{Type: payload.Type(typ), Nullable: nullable}, w.bounded()
}

// list describes a list. Lists of scalars have one field, lists of objects none.
func (w *walker) list(path []string, m *memberOf, sum *summary, nullable bool) (*payload.Shape, error) {
	shape := &payload.Shape{Type: payload.Array, Nullable: nullable}
	item, leave, err := w.enter(sum.items)
	if err != nil {
		return nil, err
	}
	if item == nil {
		return shape, nil // recursion
	}
	defer leave()
	if err := w.describeOwn(path, item.Extension, true); err != nil {
		return nil, err
	}
	if item.Identifies() {
		title := item.title
		if title == "" {
			title = sum.title
		}
		w.note(path, title)
	}
	itemType, itemNullable := item.typ()
	switch {
	case itemType == "object":
		leave()
		fields := len(w.fields)
		shape.Items, err = w.object(append(slices.Clone(path), anyIndex), sum.items)
		w.fields = w.fields[:fields]
		if !m.conditional && !slices.Contains(path, anyIndex) {
			w.formless = append(w.formless, slices.Clone(path))
		}
		return shape, err
	case sum.tuple:
	case itemType == "array":
		shape.Items = &payload.Shape{}
	case len(item.types) > 0:
		shape.Items = &payload.Shape{Type: payload.Type(itemType), Nullable: itemNullable}
	}
	if len(sum.types) <= 1 {
		w.addField(path, m, sum, "array")
	}
	return shape, w.bounded()
}

func (w *walker) addField(path []string, m *memberOf, sum *summary, typ string) {
	f := Field{
		Name: payload.Name(path...), Path: path, Type: typ, Title: sum.title, Pattern: sum.pattern,
		Required: m.required, Disabled: sum.disabled, Extension: sum.Extension,
		Enum: sum.enum[:min(len(sum.enum), MaxOptions)],
	}
	if typ == "string" {
		f.Format = sum.format
	}
	w.fields = append(w.fields, f)
}

func (w *walker) note(path []string, title string) {
	l := label{name: payload.Name(path...), title: title}
	if !slices.Contains(w.labels, l) {
		w.labels = append(w.labels, l)
	}
}

var errTooManyFields = errors.New("the schema describes too many fields")

func (w *walker) bounded() error {
	if len(w.fields) > maxFields {
		return errTooManyFields
	}
	return nil
}

// enter summarises what the parts say and holds their schemas open until leave
// is called. The summary is nil when one of them is open already.
func (w *walker) enter(parts []part) (*summary, func(), error) {
	sum := &summary{}
	seen := map[*jsonschema.Schema]bool{}
	for _, conditional := range []bool{false, true} {
		for _, p := range parts {
			if err := w.gather(sum, p, conditional, seen); err != nil {
				return nil, nil, err
			}
		}
	}
	for s := range seen {
		if w.open[s] > 0 {
			return nil, nil, nil
		}
	}
	for s := range seen {
		w.open[s]++
	}
	left := false
	return sum, func() {
		if left {
			return
		}
		left = true
		for s := range maps.Keys(seen) {
			w.open[s]--
		}
	}, nil
}

// gather adds what one schema and those for the same value say. The first word
// counts; what holds always comes first, in a pass of its own.
func (w *walker) gather(sum *summary, p part, conditional bool, seen map[*jsonschema.Schema]bool) error {
	if w.steps++; w.steps > maxSteps {
		return errTooManyFields
	}
	s := p.schema
	if p.conditional == conditional {
		seen[s], w.described[s] = true, true
		sum.add(s, conditional)
	}
	for _, e := range w.edges[s] {
		sub := part{schema: e.to, conditional: p.conditional || e.kind.conditional()}
		switch {
		case e.kind.inPlace():
			if err := w.gather(sum, sub, conditional, seen); err != nil {
				return err
			}
		case e.kind == property && !conditional:
			// Members are listed in the first pass, all of them: their order is the
			// document's, whether they are conditional or not.
			sum.member(e.key, sub, !sub.conditional && slices.Contains(s.Required, e.key))
		case e.kind == items && !conditional:
			sum.items = append(sum.items, sub)
		case e.kind == tuple && !conditional:
			sum.tuple = true
			sum.items = append(sum.items, sub)
		}
	}
	return nil
}

func (sum *summary) member(name string, p part, required bool) {
	i := slices.IndexFunc(sum.members, func(m *memberOf) bool { return m.name == name })
	if i < 0 {
		i = len(sum.members)
		sum.members = append(sum.members, &memberOf{name: name, conditional: true})
	}
	m := sum.members[i]
	m.parts = append(m.parts, p)
	m.required = m.required || required
	m.conditional = m.conditional && p.conditional
}

// add takes over what is not known yet. Values that an alternative demands are
// not those of the field.
func (sum *summary) add(s *jsonschema.Schema, conditional bool) {
	f := factsOf(s)
	if s.Ref != nil && s.DraftVersion < 2019 {
		return
	}
	if sum.types == nil && s.Types != nil {
		sum.types = s.Types.ToStrings()
	}
	if sum.title == "" {
		sum.title = s.Title
	}
	if sum.format == "" {
		sum.format = f.format
	}
	sum.Extension = sum.Extension.with(f.Extension)
	sum.disabled = sum.disabled || f.disabled
	if conditional {
		return
	}
	if sum.pattern == "" && s.Pattern != nil {
		sum.pattern = s.Pattern.String()
	}
	if sum.enum == nil {
		sum.enum = f.enum
	}
	if f.hasConst && !sum.hasConst {
		sum.hasConst, sum.value = true, f.value
	}
}

// typ is the JSON type of the property, and whether it may be null. Without a
// declared type the rest of the description decides; text is the fallback.
func (sum *summary) typ() (typ string, nullable bool) {
	types := slices.DeleteFunc(slices.Clone(sum.types), func(t string) bool { return t == "null" })
	nullable = len(types) < len(sum.types)
	switch {
	case len(types) == 1:
		return types[0], nullable
	case len(types) > 1:
		return "", nullable
	case len(sum.members) > 0:
		return "object", nullable
	case len(sum.items) > 0:
		return "array", nullable
	case sum.constType() != "":
		return sum.constType(), nullable
	}
	return "string", nullable
}

// constType is the type of a constant, or of the first of the allowed values.
func (sum *summary) constType() string {
	v := sum.value
	if !sum.hasConst && len(sum.enum) > 0 {
		v = sum.enum[0]
	}
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	}
	return ""
}

// anyIndex stands for the position of a list element in a rank key.
const anyIndex = "*"

func rankKey(path []string) string { return strings.Join(path, "\x00") }
