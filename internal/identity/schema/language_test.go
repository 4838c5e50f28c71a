package schema_test

import (
	"testing"

	"cardea/internal/identity/schema"
)

func TestTraitsSayInWhichLanguageToWrite(t *testing.T) {
	const mark = `"cardea":{"language":true}`
	marked := compile(t, traitsOf(`"speaks":{"type":"object","properties":{"first":{"type":"string",`+mark+`}}},"second":{"type":"string",`+mark+`},"locale":{"type":"string"}`))
	plain := compile(t, traitsOf(`"email":{"type":"string"},"locale":{"type":"string"}`))
	for _, c := range []struct {
		name         string
		schema       *schema.Schema
		traits, want string
	}{
		{"the marked trait", marked, `{"speaks":{"first":"pt-BR"},"second":"fr"}`, "pt-BR"},
		{"the next marked trait", marked, `{"second":"fr"}`, "fr"},
		{"a custom goes after marks", marked, `{"locale":"de"}`, ""},
		{"the claim of OpenID Connect", plain, `{"locale":"de-AT"}`, "de-AT"},
		{"with an underscore, as many write it", plain, `{"locale":"de_AT"}`, "de-AT"},
		{"the attribute of SCIM", plain, `{"preferredLanguage":"pl","locale":"de"}`, "pl"},
		{"the same in snake case", plain, `{"preferred_language":"pl","locale":"de"}`, "pl"},
		{"what is no tag says nothing", plain, `{"preferred_language":"Deutsch, bitte","locale":"de"}`, "de"},
		{"what is no text says nothing", plain, `{"locale":["de"]}`, ""},
		{"nothing", plain, `{}`, ""},
		{"no traits", plain, ``, ""},
	} {
		if got := c.schema.Language([]byte(c.traits)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
