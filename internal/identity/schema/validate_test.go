package schema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/problem"
)

func validate(t testing.TB, s *schema.Schema, traits string) (*identity.Derived, []schema.Violation) {
	t.Helper()
	d, violations, err := s.Validate(json.RawMessage(traits))
	if err != nil {
		t.Fatalf("Validate: %v", err)
	}
	return d, violations
}

// brief writes violations as "path id context".
func brief(t testing.TB, violations []schema.Violation) string {
	t.Helper()
	var out []string
	for _, v := range violations {
		context, err := json.Marshal(v.Context)
		if err != nil {
			t.Fatal(err)
		}
		if v.ID == 4000001 {
			context = []byte("reason")
			if v.Context["reason"] != v.Reason || v.Reason == "" {
				t.Errorf("reason %q, context %v", v.Reason, v.Context)
			}
		}
		out = append(out, fmt.Sprintf("%s %d %s", strings.Join(v.Path, "."), v.ID, context))
	}
	return strings.Join(out, "\n")
}

func TestViolationsOfATypicalSchema(t *testing.T) {
	s := compile(t, person)
	for about, tc := range map[string]struct{ traits, want string }{
		"nothing at all":         {``, `traits.email 4000002 {"property":"email"}`},
		"no address":             {`{"name":{}}`, `traits.email 4000002 {"property":"email"}`},
		"no good address":        {`{"email":"not-an-address"}`, `traits.email 4000040 {"value":"not-an-address"}`},
		"the format comes first": {`{"email":"x"}`, "traits.email 4000040 {\"value\":\"x\"}\ntraits.email 4000003 {\"actual_length\":1,\"min_length\":3}"},
		"wrong types, in document order": {`{"email":"a@b.c","age":"old","newsletter":"maybe"}`,
			"traits.newsletter 4000026 {\"actual_type\":\"string\",\"allowed_types\":[\"boolean\"]}\ntraits.age 4000026 {\"actual_type\":\"string\",\"allowed_types\":[\"integer\"]}"},
		"below the minimum": {`{"email":"a@b.c","age":-3}`, `traits.age 4000018 {"actual":-3,"minimum":0}`},
		"an unknown trait":  {`{"email":"a@b.c","shoe":3}`, `traits 4000001 reason`},
		"traits are a list": {`[1,2]`, `traits 4000026 {"actual_type":"array","allowed_types":["object"]}`},
		"traits are null":   {`null`, `traits 4000026 {"actual_type":"null","allowed_types":["object"]}`},
		"a nested one":      {`{"email":"a@b.c","name":{"first":"` + strings.Repeat("é", 41) + `"}}`, `traits.name.first 4000017 {"actual_length":41,"max_length":40}`},
	} {
		t.Run(about, func(t *testing.T) {
			_, violations := validate(t, s, tc.traits)
			if d := cmp.Diff(tc.want, brief(t, violations)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestKeywordsAndTheirMessages(t *testing.T) {
	for about, tc := range map[string]struct{ trait, value, want string }{
		"pattern":          {`"type":"string","pattern":"^a$"`, `"b"`, `4000004 {"pattern":"^a$"}`},
		"maximum":          {`"maximum":1.5`, `2`, `4000020 {"actual":2,"maximum":1.5}`},
		"exclusiveMinimum": {`"exclusiveMinimum":1`, `1`, `4000019 {"actual":1,"minimum":1}`},
		"exclusiveMaximum": {`"exclusiveMaximum":1`, `1`, `4000021 {"actual":1,"maximum":1}`},
		"multipleOf":       {`"multipleOf":0.1`, `0.25`, `4000022 {"actual":0.25,"base":0.1}`},
		"minItems":         {`"minItems":1`, `[]`, `4000024 {"actual_items":0,"min_items":1}`},
		"maxItems":         {`"maxItems":1`, `[1,2]`, `4000023 {"actual_items":2,"max_items":1}`},
		"uniqueItems":      {`"uniqueItems":true`, `[1,2,1]`, `4000025 {"index_a":0,"index_b":2}`},
		"const":            {`"const":true`, `false`, `4000029 {"expected":true}`},
		"a big const":      {`"const":{"a":1}`, `false`, `4000030 null`},
		"tel":              {`"format":"tel"`, `"12"`, `4000041 {"value":"12"}`},
		"email_loose":      {`"format":"email_loose"`, `"x"`, `4000040 {"value":"x"}`},
		"enum":             {`"enum":["a"]`, `"b"`, `4000001 reason`},
		"not":              {`"not":{"type":"string"}`, `"b"`, `4000001 reason`},
		"date":             {`"format":"date"`, `"b"`, `4000001 reason`},
		"contains":         {`"contains":{"type":"string"}`, `[1,2]`, `4000001 reason`},
		"propertyNames":    {`"propertyNames":{"maxLength":1}`, `{"ab":1}`, `4000001 reason`},
		"false":            {`"properties":{"x":true},"not":{}`, `{}`, `4000001 reason`},
		"contentEncoding":  {`"contentEncoding":"base64"`, `"!"`, `4000001 reason`},
	} {
		t.Run(about, func(t *testing.T) {
			_, violations := validate(t, compile(t, traitsOf(`"a":{`+tc.trait+`}`)), `{"a":`+tc.value+`}`)
			if d := cmp.Diff("traits.a "+tc.want, brief(t, violations)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCompositeFailuresAreUnfolded(t *testing.T) {
	for about, tc := range map[string]struct{ schema, traits, want string }{
		"$ref and allOf": {`{"definitions":{"n":{"allOf":[{"required":["first"]},{"required":["last"]}]}},
			"properties":{"traits":{"properties":{"n":{"$ref":"#/definitions/n","properties":{}}}}}}`, `{"n":{}}`,
			"traits.n.first 4000002 {\"property\":\"first\"}\ntraits.n.last 4000002 {\"property\":\"last\"}"},
		"anyOf on several fields": {traitsOf(`"b":{},"a":{}`, `,"anyOf":[{"required":["a"]},{"required":["b"]}]`), `{}`,
			"traits.b 4000002 {\"property\":\"b\"}\ntraits.a 4000002 {\"property\":\"a\"}"},
		"the same from two alternatives is said once": {traitsOf(`"a":{}`, `,"oneOf":[{"required":["a"]},{"required":["a"],"minProperties":1}]`), `{}`,
			"traits 4000001 reason\ntraits.a 4000002 {\"property\":\"a\"}"},
		"oneOf that matches twice": {traitsOf(`"a":{}`, `,"oneOf":[{},{}]`), `{}`, "traits 4000001 reason"},
		"if and then":              {traitsOf(`"a":{},"b":{}`, `,"if":{"required":["a"]},"then":{"required":["b"]}`), `{"a":1}`, `traits.b 4000002 {"property":"b"}`},
		"dependencies":             {traitsOf(`"a":{},"b":{}`, `,"dependencies":{"a":["b"]}`), `{"a":1}`, `traits.b 4000002 {"property":"b"}`},
		"elements of a list": {traitsOf(`"l":{"type":"array","items":{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"string"}}}}`), `{"l":[{"a":1,"b":1},{},{"a":1}]}`,
			"traits.l.0.b 4000026 {\"actual_type\":\"number\",\"allowed_types\":[\"string\"]}\ntraits.l.0.a 4000026 {\"actual_type\":\"number\",\"allowed_types\":[\"string\"]}\ntraits.l.2.a 4000026 {\"actual_type\":\"number\",\"allowed_types\":[\"string\"]}"},
	} {
		t.Run(about, func(t *testing.T) {
			_, violations := validate(t, compile(t, tc.schema), tc.traits)
			if d := cmp.Diff(tc.want, brief(t, violations)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFormats(t *testing.T) {
	long := strings.Repeat("x", 64)
	for format, tc := range map[string]struct{ good, bad []string }{
		"email": {[]string{"a@b.c", "A.b+c@Ex-ample.org", "root@localhost", long + "@ex.org"},
			[]string{"a", "a@", "@b", "a@b@", "Foo <a@b.c>", "a b@c.d", "a@-b.c", "a@b..c", "a@münchen.example", long + "x@ex.org", "a@" + strings.Repeat("x.", 130) + "org", "a@[1.2.3.4]"}},
		"email_loose":    {[]string{"a@b.c", "jürgen@münchen.example", long + "x@ex.org"}, []string{"a", "@b", "a@", "a@b c", "<a@b.c>", strings.Repeat("x", 320) + "@b.c"}},
		"tel":            {[]string{"+49 30 901820", "+16502530001"}, []string{"030 901820", "+1", "x"}},
		"date":           {[]string{"2024-02-29"}, []string{"2023-02-29", "x"}},
		"time":           {[]string{"10:00:00Z"}, []string{"25:00:00Z"}},
		"date-time":      {[]string{"2024-02-29T10:00:00Z"}, []string{"2024-02-29"}},
		"uri":            {[]string{"https://a.example/x"}, []string{"/x"}},
		"uriref":         {[]string{"/x"}, []string{"%zz"}},
		"ip-address":     {[]string{"127.0.0.1"}, []string{"::1", "x"}},
		"ipv6":           {[]string{"::1"}, []string{"127.0.0.1"}},
		"hostname":       {[]string{"a.example"}, []string{"-a"}},
		"regex":          {[]string{"^a$"}, []string{"("}},
		"json-pointer":   {[]string{"/a"}, []string{"a"}},
		"no-validate":    {[]string{"", "anything"}, nil},
		"uuid":           {[]string{"is a note"}, nil},
		"never-heard-of": {[]string{"is a note"}, nil},
	} {
		for _, draft := range []string{"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"} {
			s := compile(t, `{"$schema":"`+draft+`",`+traitsOf(`"a":{"type":"string","format":"` + format + `"}`)[1:])
			check := func(value string, want int) {
				raw, _ := json.Marshal(map[string]string{"a": value})
				if _, violations := validate(t, s, string(raw)); len(violations) != want {
					t.Errorf("%s %q in %s: %v", format, value, draft, violations)
				}
			}
			for _, v := range tc.good {
				check(v, 0)
			}
			for _, v := range tc.bad {
				check(v, 1)
			}
		}
	}
}

func TestTraitsThatAreNoGoodJSON(t *testing.T) {
	s := compile(t, person)
	for about, raw := range map[string]string{
		"broken": `{"email":`, "too deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		"a number that would not end": `{"age":1e999999999}`, "a zero character": `{"email":"\u0000"}`,
	} {
		_, _, err := s.Validate(json.RawMessage(raw))
		if p := problem.As(err); p == nil || p.Status != 400 {
			t.Errorf("%s: %v", about, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	s := compile(t, person)
	skeleton := func(traits string) string {
		_, violations := validate(t, s, traits)
		var out []string
		for line := range strings.Lines(schema.ErrorText(violations)) {
			end := strings.LastIndex(line, "] ")
			out = append(out, strings.TrimRight(line[:end+1], " "))
		}
		return strings.Join(out, "\n")
	}
	const p = "#/properties/traits"
	for about, tc := range map[string]struct{ traits, want string }{
		"one line": {`{"email":"nope"}`, "I[#/traits/email] S[" + p + "/properties/email/format]"},
		"a missing property is its parent's failure": {`{}`, "I[#/traits] S[" + p + "/required]"},
		"several are a tree": {`{"email":"x","age":-1,"shoe":3}`, strings.Join([]string{
			"I[#/traits] S[" + p + "]",
			"  I[#/traits] S[" + p + "/additionalProperties]",
			"  I[#/traits/email] S[" + p + "/properties/email]",
			"    I[#/traits/email] S[" + p + "/properties/email/format]",
			"    I[#/traits/email] S[" + p + "/properties/email/minLength]",
			"  I[#/traits/age] S[" + p + "/properties/age/minimum]",
		}, "\n")},
	} {
		if d := cmp.Diff(tc.want, skeleton(tc.traits)); d != "" {
			t.Errorf("%s: %s", about, d)
		}
	}
	if schema.ErrorText(nil) != "" {
		t.Error("no violations are no text")
	}
}

func TestASchemaIsSharedByAllRequests(t *testing.T) {
	s := compile(t, person)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 50 {
				address := fmt.Sprintf("someone-%d-%d@example.test", i, n)
				d, _, err := s.Validate(json.RawMessage(`{"email":"` + address + `"}`))
				if err != nil || d == nil || d.Verifiable[0].Value != address {
					t.Errorf("%s: %v, %v", address, d, err)
				}
				_, bad, _ := s.Validate(json.RawMessage(`{"email":"x","age":-1}`))
				s.Fields()[0].Name = "changed"
				if len(bad) != 3 || s.KeyOrder()[0] != "traits.email" {
					t.Errorf("%v", bad)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkValidate(b *testing.B) {
	s := compile(b, person)
	for name, traits := range map[string]string{
		"valid":   `{"email":"someone@example.test","name":{"first":"Ann","last":"Noun"},"newsletter":true,"age":44}`,
		"invalid": `{"email":"nope","name":{"first":"Ann","last":"Noun"},"newsletter":true,"age":-44}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Validate(json.RawMessage(traits))
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		compile(b, person)
	}
}
