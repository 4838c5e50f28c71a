package ui

// MaxOptions is how many values of an enumeration an input lists.
const MaxOptions = 500

// TraitSpec is what an identity schema says about one leaf property.
type TraitSpec struct {
	Name     string // full node name, such as "traits.name.first"
	JSONType string // the schema's type, such as "string"
	Format   string // the schema's format, "" for none; counts for strings only
	Title    string // the schema's title, "" for none
	Enum     []any  // the values allowed; nil for any
	Pattern  string // regular expression, "" for none
	Required bool   // the parent object requires it
	Disabled bool   // shown but not to be changed
	Group    Group
	Value    any // what the trait is now, nil when it is not set
}

// TraitField gives the input for a leaf property of an identity schema.
func TraitField(spec TraitSpec) Node {
	kind := spec.inputKind()
	n := Input{
		Name:         spec.Name,
		Type:         kind.input,
		Value:        spec.Value,
		Required:     spec.Required,
		Autocomplete: kind.autocomplete,
		Pattern:      spec.Pattern,
		Disabled:     spec.Disabled,
		Options:      options(spec.Enum),
	}.Node(spec.Group)
	if spec.Title == "" {
		return n
	}
	return n.Labelled(New(LabelTrait, "title", spec.Title, "name", spec.Name))
}

// inputKind is how a property is typed in.
type inputKind struct {
	input        InputType
	autocomplete Autocomplete
}

// What a property's name, format and type say about its input, the first that
// says something. Names are full, so they never match below "traits".
var (
	kindByName = map[string]inputKind{
		"password":   {input: InputPassword},
		"csrf_token": {input: InputHidden},
	}
	kindByFormat = map[string]inputKind{
		"email":     {InputEmail, AutocompleteEmail},
		"tel":       {InputTel, AutocompleteTel},
		"uri":       {InputURL, AutocompleteURL},
		"date":      {input: InputDate},
		"date-time": {input: InputDateTimeLocal},
	}
	kindByType = map[string]inputKind{
		"number":  {input: InputNumber},
		"integer": {input: InputNumber},
		"boolean": {input: InputCheckbox},
	}
)

func (s TraitSpec) inputKind() inputKind {
	if k, ok := kindByName[s.Name]; ok {
		return k
	}
	if k, ok := kindByFormat[s.Format]; ok && s.JSONType == "string" {
		return k
	}
	if k, ok := kindByType[s.JSONType]; ok {
		return k
	}
	return inputKind{input: InputText}
}

func options(enum []any) []Option {
	var out []Option
	for _, v := range enum[:min(len(enum), MaxOptions)] {
		out = append(out, Option{Value: v})
	}
	return out
}
