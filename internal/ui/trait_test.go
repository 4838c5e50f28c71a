package ui

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTraitFieldTypes(t *testing.T) {
	tests := []struct {
		name, jsonType, format string
		want                   InputType
		autocomplete           Autocomplete
	}{
		{"traits.x", "string", "", InputText, ""},
		{"traits.x", "string", "email", InputEmail, AutocompleteEmail},
		{"traits.x", "string", "tel", InputTel, AutocompleteTel},
		{"traits.x", "string", "uri", InputURL, AutocompleteURL},
		{"traits.x", "string", "date", InputDate, ""},
		{"traits.x", "string", "date-time", InputDateTimeLocal, ""},
		{"traits.x", "string", "regex", InputText, ""},
		{"traits.x", "string", "ipv4", InputText, ""},
		{"traits.x", "number", "", InputNumber, ""},
		{"traits.x", "integer", "email", InputNumber, ""},
		{"traits.x", "boolean", "", InputCheckbox, ""},
		{"traits.x", "array", "", InputText, ""},
		{"traits.x", "", "", InputText, ""},
		{"password", "string", "", InputPassword, ""},
		{"csrf_token", "string", "", InputHidden, ""},
		{"traits.password", "string", "", InputText, ""},
	}
	for _, tt := range tests {
		n := TraitField(TraitSpec{Name: tt.name, JSONType: tt.jsonType, Format: tt.format, Group: Default})
		want := Input{Name: tt.name, Type: tt.want, Autocomplete: tt.autocomplete}.Node(Default)
		if diff := cmp.Diff(want, n); diff != "" {
			t.Errorf("%s of type %q and format %q (-want +got):\n%s", tt.name, tt.jsonType, tt.format, diff)
		}
	}
}

func TestTraitFieldTakesEverythingFromTheSchema(t *testing.T) {
	got := TraitField(TraitSpec{
		Name: "traits.rank", JSONType: "string", Title: "Rank", Enum: []any{"mate", 2.0}, Pattern: "^[a-z]+$",
		Required: true, Disabled: true, Group: Profile, Value: "mate",
	})
	want := Input{
		Name: "traits.rank", Type: InputText, Value: "mate", Required: true, Pattern: "^[a-z]+$", Disabled: true,
		Options: []Option{{"mate"}, {2.0}},
	}.Node(Profile).Labelled(Message{
		ID: LabelTrait, Type: Info, Context: map[string]any{"title": "Rank", "name": "traits.rank"},
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongEnumerationsAreCut(t *testing.T) {
	n := TraitField(TraitSpec{Name: "traits.x", Enum: make([]any, MaxOptions+1)})
	if got := len(n.Attributes.(Input).Options); got != MaxOptions {
		t.Errorf("got %d options, want %d", got, MaxOptions)
	}
}
