package schema_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity/schema"
	"cardea/internal/payload"
)

// person is a typical schema: an address that does everything, some text.
const person = `{
  "$id": "https://schemas.example.test/person.schema.json",
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"traits": {"type": "object", "additionalProperties": false, "required": ["email"], "properties": {
    "email": {"type": "string", "format": "email", "title": "E-mail address", "minLength": 3, "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}, "totp": {"account_name": true}, "webauthn": {"identifier": true},
        "passkey": {"display_name": true}, "code": {"identifier": true, "via": "email"}},
      "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    "name": {"type": "object", "properties": {
      "first": {"type": "string", "title": "First name", "maxLength": 40},
      "last": {"type": "string", "title": "Last name"}}},
    "newsletter": {"type": "boolean", "title": "Newsletter"},
    "age": {"type": "integer", "title": "Age", "minimum": 0}}}}}`

// traitsOf wraps the description of traits' properties in a schema.
func traitsOf(properties string, more ...string) string {
	return `{"type":"object","properties":{"traits":{"type":"object","properties":{` + properties + `}` + strings.Join(more, "") + `}}}`
}

func compile(t testing.TB, raw string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile("default", []byte(raw), schema.Options{})
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return s
}

func TestFieldsOfATypicalSchema(t *testing.T) {
	s := compile(t, person)
	var got []string
	for _, f := range s.Fields() {
		got = append(got, fmt.Sprintf("%s %s %q %q required=%v", f.Name, f.Type, f.Format, f.Title, f.Required))
	}
	want := []string{
		`traits.email string "email" "E-mail address" required=true`,
		`traits.name.first string "" "First name" required=false`,
		`traits.name.last string "" "Last name" required=false`,
		`traits.newsletter boolean "" "Newsletter" required=false`,
		`traits.age integer "" "Age" required=false`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"traits.email", "traits.name.first", "traits.name.last", "traits.newsletter", "traits.age"}, s.KeyOrder()); d != "" {
		t.Error(d)
	}
	if e := s.Fields()[0].Extension; !e.Password || e.CodeVia != "email" || e.VerificationVia != "email" || e.RecoveryVia != "email" {
		t.Errorf("the extension of traits.email is %+v", e)
	}
}

// names lists the fields as "name:type", with * for required ones.
func names(s *schema.Schema) string {
	var out []string
	for _, f := range s.Fields() {
		mark := ""
		if f.Required {
			mark = "*"
		}
		out = append(out, f.Name+":"+f.Type+mark)
	}
	return strings.Join(out, " ")
}

func TestFields(t *testing.T) {
	for about, tc := range map[string]struct{ schema, want string }{
		"document order": {traitsOf(`"z":{"type":"string"},"a":{"type":"string"},"m":{"type":"object","properties":{"y":{"type":"number"},"b":{"type":"boolean"}}}`),
			"traits.z:string traits.a:string traits.m.y:number traits.m.b:boolean"},
		"document order through $ref": {`{"definitions":{"n":{"type":"object","required":["last"],"properties":{"last":{"type":"string"},"first":{"type":"string"}}}},
			"properties":{"traits":{"type":"object","properties":{"n":{"$ref":"#/definitions/n"},"a":{"type":"string"}}}}}`,
			"traits.n.last:string* traits.n.first:string traits.a:string"},
		"document order through combinators": {traitsOf(`"b":{"type":"string"}`,
			`,"allOf":[{"properties":{"z":{"type":"string"},"b":{"title":"B"}}}],"anyOf":[{"properties":{"y":{"type":"string"}}}],"oneOf":[{"properties":{"x":{"type":"string"}}}],
			 "if":{"properties":{"b":{"const":"1"},"w":{"type":"string"}}},"then":{"properties":{"v":{"type":"string"}}},"else":{"properties":{"u":{"type":"string"}}},"not":{"properties":{"t":{"type":"string"}}}`),
			"traits.b:string traits.z:string traits.y:string traits.x:string traits.w:string traits.v:string traits.u:string traits.t:string"},
		"combinators before properties": {`{"properties":{"traits":{"allOf":[{"properties":{"z":{"type":"string"}}}],"properties":{"b":{"type":"string"}}}}}`,
			"traits.z:string traits.b:string"},
		"a member is required by its parent only": {traitsOf(`"n":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","minLength":1}},"required":["a"]}`, `,"required":["n"]`),
			"traits.n.a:string* traits.n.b:string"},
		"an alternative requires nothing": {traitsOf(`"k":{"type":"string"}`, `,"required":["k"],"oneOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]`),
			"traits.k:string* traits.a:string traits.b:string"},
		"lists of scalars are one field, lists of objects none": {traitsOf(`"tags":{"type":"array","items":{"type":"string"}},"any":{"type":"array"},"pets":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}}`),
			"traits.tags:array traits.any:array"},
		"a list of types makes no field":              {traitsOf(`"nick":{"type":["string","null"]},"a":{"type":"string"}`), "traits.a:string"},
		"an object without properties makes no field": {traitsOf(`"meta":{"type":"object"},"a":{"type":"string"}`), "traits.a:string"},
		"a constant has the type of its value":        {traitsOf(`"a":{"const":"x"},"b":{"const":3},"c":{"const":true}`), "traits.a:string traits.b:number traits.c:boolean"},
		"an enum without a type":                      {traitsOf(`"a":{"enum":[1,2]}`), "traits.a:number"},
		"nothing said is text":                        {traitsOf(`"a":{}`), "traits.a:string"},
		"a dot in a name is escaped":                  {traitsOf(`"a.b":{"type":"string"}`), `traits.a\.b:string`},
		"a name with a slash and a percent sign":      {traitsOf(`"a/b%~ c":{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}`), `traits.a/b%~ c.z:string traits.a/b%~ c.a:string`},
		"recursion through a list ends": {`{"definitions":{"p":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/definitions/p"}}}}},
			"properties":{"traits":{"type":"object","properties":{"p":{"$ref":"#/definitions/p"}}}}}`, "traits.p.name:string"},
		"recursion through a property ends": {`{"definitions":{"p":{"type":"object","properties":{"name":{"type":"string"},"boss":{"$ref":"#/definitions/p"}}}},
			"properties":{"traits":{"type":"object","properties":{"p":{"$ref":"#/definitions/p"},"q":{"$ref":"#/definitions/p"}}}}}`, "traits.p.name:string traits.q.name:string"},
		"draft 2020-12 reads what stands beside $ref": {`{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"t":{"type":"string"}},
			"properties":{"traits":{"type":"object","properties":{"a":{"$ref":"#/$defs/t","title":"A"}}}}}`, "traits.a:string"},
	} {
		t.Run(about, func(t *testing.T) {
			if got := names(compile(t, tc.schema)); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestFieldFacts(t *testing.T) {
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprintf(`"v%d"`, i))
	}
	s := compile(t, traitsOf(`"a":{"type":"string","pattern":"^x$","disableFormField":true,"format":"uri","enum":["x","y"]},"b":{"type":"string","enum":[`+strings.Join(many, ",")+`]}`))
	f := s.Fields()
	want := schema.Field{Name: "traits.a", Path: []string{"traits", "a"}, Type: "string", Format: "uri", Pattern: "^x$", Disabled: true, Enum: []any{"x", "y"}}
	if d := cmp.Diff(want, f[0]); d != "" {
		t.Error(d)
	}
	if len(f[1].Enum) != schema.MaxOptions {
		t.Errorf("a long enum offers %d values", len(f[1].Enum))
	}
}

func TestIdentifierLabel(t *testing.T) {
	const id = `"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}`
	for about, tc := range map[string]struct {
		schema, title, name string
		ok                  bool
	}{
		"one trait":          {person, "E-mail address", "traits.email", true},
		"a nested one":       {traitsOf(`"a":{"type":"object","properties":{"b":{"type":"string","title":"B",` + id + `}}}`), "B", "traits.a.b", true},
		"elements of a list": {traitsOf(`"a":{"type":"array","title":"Addresses","items":{"type":"string",` + id + `}}`), "Addresses", "traits.a", true},
		"two traits":         {traitsOf(`"a":{"type":"string","title":"A",` + id + `},"b":{"type":"string","title":"B","ory.sh/kratos":{"credentials":{"totp":{"account_name":true}}}}`), "", "", false},
		"no title":           {traitsOf(`"a":{"type":"string",` + id + `}`), "", "", false},
		"none":               {traitsOf(`"a":{"type":"string","title":"A","ory.sh/kratos":{"recovery":{"via":"email"}}}`), "", "", false},
	} {
		title, name, ok := compile(t, tc.schema).IdentifierLabel()
		if title != tc.title || name != tc.name || ok != tc.ok {
			t.Errorf("%s: %q, %q, %v", about, title, name, ok)
		}
	}
}

func TestTraitsShape(t *testing.T) {
	s := compile(t, traitsOf(`"n":{"type":"object","properties":{"first":{"type":"string"}}},"ok":{"type":"boolean"},"age":{"type":"integer"},
		"nick":{"type":["string","null"]},"tags":{"type":"array","items":{"type":"number"}},
		"pets":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}},"any":{}`,
		`,"required":["ok"],"anyOf":[{"properties":{"firm":{"type":"object","properties":{"vat":{"type":"string"}}}}},{}]`))
	body, err := payload.Read(payload.Source{Method: "POST", ContentType: "application/x-www-form-urlencoded",
		Body: strings.NewReader(`traits.ok=&traits.age=7&traits.nick=&traits.tags=1&traits.tags=2&traits.pets.0.name=Rex&traits.any=3`)})
	if err != nil {
		t.Fatal(err)
	}
	shape := (&payload.Shape{Type: payload.Object}).With("traits", s.TraitsShape())
	got, _ := json.Marshal(body.Fit(shape))
	want := `{"traits":{"age":7,"any":"3","n":{},"ok":false,"pets":[{"name":"Rex"}],"tags":[1,2]}}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestCompileRefuses(t *testing.T) {
	nested := strings.Repeat(`{"not":`, 200) + "{}" + strings.Repeat("}", 200)
	// Every level refers twice to the next: more fields than atoms.
	var doubling strings.Builder
	for i := range 40 {
		fmt.Fprintf(&doubling, `"d%d":{"type":"object","properties":{"a":{"$ref":"#/definitions/d%d"},"b":{"$ref":"#/definitions/d%d"}}},`, i, i+1, i+1)
	}
	var inPlace strings.Builder
	for i := range 40 {
		fmt.Fprintf(&inPlace, `"d%d":{"allOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]},`, i, i+1, i+1)
	}
	withDefinitions := func(defs string) string {
		return `{"definitions":{` + defs + `"d40":{"type":"string"}},"properties":{"traits":{"properties":{"a":{"$ref":"#/definitions/d0"}}}}}`
	}
	for about, raw := range map[string]string{
		"what is not JSON":                 `{`,
		"two documents":                    person + person,
		"a list":                           `[]`,
		"no traits":                        `{"type":"object","properties":{"name":{}}}`,
		"traits that are true":             `{"properties":{"traits":true}}`,
		"traits without properties":        `{"properties":{"traits":{"type":"object"}}}`,
		"traits with empty properties":     traitsOf(``),
		"traits that are a list":           `{"properties":{"traits":{"type":"array","properties":{"a":{}}}}}`,
		"a trait that is true":             traitsOf(`"a":true`),
		"an unknown extension key":         traitsOf(`"a":{"ory.sh/kratos":{"credential":{}}}`),
		"an unknown nested key":            traitsOf(`"a":{"ory.sh/kratos":{"credentials":{"password":{"identifer":true}}}}`),
		"an unknown key in a definition":   `{"definitions":{"x":{"ory.sh/kratos":{"x":1}}},` + traitsOf(`"a":{}`)[1:],
		"an unknown channel":               traitsOf(`"a":{"ory.sh/kratos":{"verification":{"via":"pigeon"}}}`),
		"a flag that is text":              traitsOf(`"a":{"ory.sh/kratos":{"credentials":{"password":{"identifier":"true"}}}}`),
		"an unknown matcher":               traitsOf(`"a":{"ory.sh/kratos":{"organizations":{"matcher":"x"}}}`),
		"an extension that is no object":   traitsOf(`"a":{"ory.sh/kratos":true}`),
		"verification of a strange format": traitsOf(`"a":{"type":"string","format":"uri","ory.sh/kratos":{"verification":{"via":"email"}}}`),
		"a schema that is none":            traitsOf(`"a":{"type":"strin"}`),
		"a pattern with a look-ahead":      traitsOf(`"a":{"type":"string","pattern":"(?=x)"}`),
		"a reference to itself":            traitsOf(`"a":{"$ref":"#/properties/traits/properties/a"}`),
		"a circle of references":           traitsOf(`"a":{"$ref":"#/properties/traits/properties/b"},"b":{"allOf":[{"$ref":"#/properties/traits/properties/a"}]}`),
		"a circle below a property":        `{"definitions":{"a":{"allOf":[{"properties":{"x":{"$ref":"#/definitions/b"}}},{"$ref":"#/definitions/b"}]},"b":{"allOf":[{"$ref":"#/definitions/a"}]}},"properties":{"traits":{"properties":{"a":{"$ref":"#/definitions/a"}}}}}`,
		"a reference to nothing":           traitsOf(`"a":{"$ref":"#/definitions/nothing"}`),
		"a reference to a file":            traitsOf(`"a":{"$ref":"file:///etc/passwd"}`),
		"a reference to the network":       traitsOf(`"a":{"$ref":"https://schemas.example.test/x.json"}`),
		"a dialect from the network":       `{"$schema":"https://schemas.example.test/dialect",` + traitsOf(`"a":{}`)[1:],
		"a number with an absurd exponent": traitsOf(`"a":{"minimum":1e999999}`),
		"nesting without end":              traitsOf(`"a":` + nested),
		"more than its size":               traitsOf(`"a":{"description":"` + strings.Repeat("x", schema.MaxBytes) + `"}`),
		"more keys than its limit":         traitsOf(`"a":{"default":{` + manyKeys(20_001) + `}}`),
		"fields without number":            withDefinitions(doubling.String()),
		"alternatives without number":      withDefinitions(inPlace.String()),
	} {
		t.Run(about, func(t *testing.T) {
			if _, err := schema.Compile("default", []byte(raw), schema.Options{}); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	return strings.Join(keys, ",")
}

func TestCompileAcceptsALargeSchema(t *testing.T) {
	var traits []string
	for i := range 500 {
		traits = append(traits, fmt.Sprintf(`"t%d":{"type":"string","title":"T"}`, i))
	}
	if n := len(compile(t, traitsOf(strings.Join(traits, ","))).Fields()); n != 500 {
		t.Errorf("%d fields", n)
	}
}

func TestCompileLoadsWhatItMay(t *testing.T) {
	other := `{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}`
	loads := 0
	opts := schema.Options{BaseURL: "https://schemas.example.test/dir/main.json", Load: func(url string) ([]byte, error) {
		if loads++; url != "https://schemas.example.test/dir/other.json" {
			return nil, errors.New("unexpected " + url)
		}
		return []byte(other), nil
	}}
	s, err := schema.Compile("default", []byte(traitsOf(`"n":{"$ref":"other.json"}`)), opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(s); got != "traits.n.z:string traits.n.a:string" || loads != 1 {
		t.Errorf("%d loads, fields %s", loads, got)
	}
	inline := compile(t, traitsOf(`"n":{"$ref":"base64://`+base64.StdEncoding.EncodeToString([]byte(other))+`"}`))
	if got := names(inline); got != "traits.n.z:string traits.n.a:string" {
		t.Errorf("fields %s", got)
	}
	bad := schema.Options{Load: func(string) ([]byte, error) {
		return []byte(`{"definitions":{"unused":{"ory.sh/kratos":{"x":1}}}}`), nil
	}}
	if _, err := schema.Compile("default", []byte(traitsOf(`"n":{"$ref":"other.json"}`)), bad); err == nil {
		t.Error("an unknown extension key in another document was accepted")
	}
	endless := schema.Options{Load: func(url string) ([]byte, error) { return fmt.Appendf(nil, `{"allOf":[{"$ref":"%s0"}]}`, url), nil }}
	if _, err := schema.Compile("default", []byte(traitsOf(`"n":{"$ref":"other.json"}`)), endless); err == nil {
		t.Error("documents without end were accepted")
	}
}
