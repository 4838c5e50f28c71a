package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
)

const searchable = `"cardea":{"searchable":true}`

func TestSearchableTraits(t *testing.T) {
	s := compile(t, traitsOf(
		`"email":{"type":"string",`+searchable+`},`+
			`"name":{"type":"object","properties":{"first":{"type":"string",`+searchable+`},"last":{"type":"string"}}},`+
			`"age":{"type":"integer",`+searchable+`},"member":{"type":"boolean",`+searchable+`},`+
			`"tags":{"type":"array","items":{"type":"string",`+searchable+`}},`+
			`"homes":{"type":"array","items":{"type":"object","properties":{"city":{"type":"string",`+searchable+`}}}},`+
			`"1":{"type":"string",`+searchable+`},"cardea":{"type":"string"}`))
	want := []string{"email", "name.first", "age", "member", "tags", "homes.city", "1"}
	if diff := cmp.Diff(want, s.Searchable()); diff != "" {
		t.Error(diff)
	}
	d, violations := validate(t, s, `{"email":" Ann@EX.org ","name":{"first":"ÄNN","last":"x"},"age":7,"member":true,"tags":["B","a","b"],`+
		`"homes":[{"city":"Rome"},{"city":"Oslo"}],"1":"x","cardea":"y"}`)
	if violations != nil {
		t.Fatal(violations)
	}
	got := slices.Clone(d.Search)
	slices.SortFunc(got, func(a, b identity.SearchValue) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	if diff := cmp.Diff([]identity.SearchValue{
		{Name: "1", Value: "x"}, {Name: "age", Value: "7"}, {Name: "email", Value: "ann@ex.org"},
		{Name: "homes.city", Value: "oslo"}, {Name: "homes.city", Value: "rome"}, {Name: "member", Value: "true"},
		{Name: "name.first", Value: "änn"}, {Name: "tags", Value: "a"}, {Name: "tags", Value: "b"},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwnKeywordsThatAreRefused(t *testing.T) {
	for about, text := range map[string]string{
		"an unknown key":                traitsOf(`"a":{"type":"string","cardea":{"serchable":true}}`),
		"a value that is no flag":       traitsOf(`"a":{"type":"string","cardea":{"hidden":"yes"}}`),
		"no object":                     traitsOf(`"a":{"type":"string","cardea":true}`),
		"protected elements":            traitsOf(`"a":{"type":"array","items":{"type":"string","cardea":{"read_only":true}}}`),
		"protected members of elements": traitsOf(`"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","cardea":{"hidden":true}}}}}`),
		"protected names by pattern":    traitsOf(`"a":{}`, `,"patternProperties":{"^x":{"type":"string","cardea":{"read_only":true}}}`),
		"protected other names":         traitsOf(`"a":{}`, `,"additionalProperties":{"type":"string","cardea":{"read_only":true}}`),
		"languages of elements":         traitsOf(`"a":{"type":"array","items":{"type":"string","cardea":{"language":true}}}`),
		"languages of members":          traitsOf(`"a":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string","cardea":{"language":true}}}}}`),
		"languages by pattern":          traitsOf(`"a":{}`, `,"patternProperties":{"^x":{"type":"string","cardea":{"language":true}}}`),
	} {
		if _, err := schema.Compile("test", []byte(text), schema.Options{}); err == nil {
			t.Errorf("%s was accepted", about)
		}
	}
}

func TestProtectedTraitsOfForms(t *testing.T) {
	s := compile(t, traitsOf(
		`"plan":{"type":"string","cardea":{"read_only":true}},`+
			`"score":{"type":"object","cardea":{"hidden":true},"properties":{"risk":{"type":"number"}}},`+
			`"vip":{"allOf":[{"type":"boolean"},{"cardea":{"read_only":true}}],"cardea":{"searchable":true}},`+
			`"name":{"type":"string"}`))
	got := map[string][2]bool{}
	for _, f := range s.Fields() {
		got[f.Name] = [2]bool{f.Disabled, f.Extension.Hidden}
	}
	want := map[string][2]bool{"traits.plan": {true, false}, "traits.score.risk": {true, true}, "traits.vip": {true, false}, "traits.name": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func guardedSchema(t *testing.T) *schema.Schema {
	t.Helper()
	return compile(t, traitsOf(
		`"plan":{"type":"string","cardea":{"read_only":true}},`+
			`"inner":{"type":"object","properties":{"score":{"type":"number","cardea":{"hidden":true}},"free":{"type":"string"}}},`+
			`"tags":{"type":"array","items":{"type":"string"},"cardea":{"read_only":true}},"name":{"type":"string"}`))
}

func TestPeopleCannotChangeProtectedTraits(t *testing.T) {
	s := guardedSchema(t)
	const before = `{"plan":"gold","inner":{"score":1.50,"free":"x"},"tags":["a"],"name":"Ann"}`
	for about, tc := range map[string]struct {
		before, submitted, want string
		refused                 []string
	}{
		"what is left out is put back":    {before, `{"name":"Bob"}`, `{"inner":{"score":1.50},"name":"Bob","plan":"gold","tags":["a"]}`, nil},
		"what is sent as it is may come":  {before, before, `{"inner":{"free":"x","score":1.50},"name":"Ann","plan":"gold","tags":["a"]}`, nil},
		"a change is refused":             {before, `{"plan":"free","inner":{"score":1.5}}`, "", []string{"traits.plan"}},
		"a deeper change is refused":      {before, `{"plan":"gold","inner":{"score":2}}`, "", []string{"traits.inner.score"}},
		"a change of a list is refused":   {before, `{"tags":["a","b"]}`, "", []string{"traits.tags"}},
		"null is a change":                {before, `{"plan":null}`, "", []string{"traits.plan"}},
		"what was never there is refused": {`{}`, `{"plan":"gold"}`, "", []string{"traits.plan"}},
		"nobody brings one along":         {"", `{"plan":"gold","inner":{"score":1}}`, "", []string{"traits.plan", "traits.inner.score"}},
		"a new account without":           {"", `{"name":"Ann"}`, `{"name":"Ann"}`, nil},
		"a parent of another type":        {before, `{"inner":"text"}`, "", []string{"traits.inner.score"}},
	} {
		submitted := decodeObject(t, tc.submitted)
		var stored json.RawMessage
		if tc.before != "" {
			stored = json.RawMessage(tc.before)
		}
		violations, err := s.Guard(submitted, stored)
		if err != nil {
			t.Fatal(err)
		}
		var refused []string
		for _, v := range violations {
			refused = append(refused, strings.Join(v.Path, "."))
		}
		if diff := cmp.Diff(tc.refused, refused); diff != "" {
			t.Errorf("%s: %s", about, diff)
		}
		if raw, err := json.Marshal(submitted); tc.want != "" && (err != nil || string(raw) != tc.want) {
			t.Errorf("%s: %s, want %s", about, raw, tc.want)
		}
	}
}

func TestProtectedTraitsThatChangedSinceAreFollowed(t *testing.T) {
	s := guardedSchema(t)
	const seen = `{"inner":{"free":"x","score":1.5},"name":"Bob","plan":"gold"}`
	for about, tc := range map[string]struct{ stored, want string }{
		"nothing changed":        {`{"inner":{"score":1.50},"name":"Ann","plan":"gold"}`, seen},
		"one was changed":        {`{"inner":{"score":1.5},"name":"Ann","plan":"free"}`, `{"inner":{"free":"x","score":1.5},"name":"Bob","plan":"free"}`},
		"one was taken away":     {`{"inner":{"score":1.5},"name":"Ann"}`, `{"inner":{"free":"x","score":1.5},"name":"Bob"}`},
		"a deeper one went":      {`{"name":"Ann","plan":"gold"}`, `{"inner":{"free":"x"},"name":"Bob","plan":"gold"}`},
		"a list came":            {`{"inner":{"score":1.5},"plan":"gold","tags":["new"]}`, `{"inner":{"free":"x","score":1.5},"name":"Bob","plan":"gold","tags":["new"]}`},
		"what is free stays his": {`{"inner":{"free":"y","score":1.5},"name":"Eve","plan":"gold"}`, seen},
	} {
		d, violations, err := s.Regard(&identity.Derived{Traits: json.RawMessage(seen)}, json.RawMessage(tc.stored))
		if err != nil || len(violations) > 0 {
			t.Fatalf("%s: %v %v", about, violations, err)
		}
		if string(d.Traits) != tc.want {
			t.Errorf("%s: %s, want %s", about, d.Traits, tc.want)
		}
	}
	d := &identity.Derived{Traits: json.RawMessage(`{"name":"Bob","plan":"gold"}`)}
	if _, violations, err := s.Regard(d, json.RawMessage(`{"plan":7}`)); err != nil || len(violations) == 0 {
		t.Errorf("traits that are not valid any more: %v %v", violations, err)
	}
}

func decodeObject(t *testing.T, text string) (obj map[string]any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&obj); err != nil {
		t.Fatal(err)
	}
	return obj
}
