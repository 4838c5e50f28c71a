package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
)

func mail(value string) identity.Address { return identity.Address{Value: value, Via: identity.Email} }
func sms(value string) identity.Address  { return identity.Address{Value: value, Via: identity.SMS} }

// marked describes a text trait with an extension.
func marked(name, extension string, more ...string) string {
	return `"` + name + `":{"type":"string","ory.sh/kratos":{` + extension + `}` + strings.Join(more, "") + `}`
}

const (
	passwordID = `"credentials":{"password":{"identifier":true}}`
	codeSMS    = `"credentials":{"code":{"identifier":true,"via":"sms"}}`
	codeMail   = `"credentials":{"code":{"identifier":true,"via":"email"}}`
)

func TestWhatFollowsFromATypicalSchema(t *testing.T) {
	d, violations := validate(t, compile(t, person), `{"email":"Foo@Ex.org","name":{"first":"Ann"}}`)
	if violations != nil {
		t.Fatal(violations)
	}
	ids := []string{"foo@ex.org"}
	want := &identity.Derived{
		Traits:             json.RawMessage(`{"email":"Foo@Ex.org","name":{"first":"Ann"}}`),
		Identifiers:        map[identity.CredentialType][]string{identity.Password: ids, identity.WebAuthn: ids, identity.Code: ids},
		CodeAddresses:      []identity.Address{mail("foo@ex.org")},
		Verifiable:         []identity.Address{mail("foo@ex.org")},
		Recovery:           []identity.Address{mail("foo@ex.org")},
		PasskeyDisplayName: "Foo@Ex.org", TOTPAccountName: "Foo@Ex.org",
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

func TestIdentifiers(t *testing.T) {
	for about, tc := range map[string]struct {
		schema, traits string
		want           []string
	}{
		"a user name is folded":        {traitsOf(marked("u", passwordID)), `{"u":" NEMO "}`, []string{"nemo"}},
		"a phone number becomes E.164": {traitsOf(marked("u", passwordID)), `{"u":"+1 650 253 0001"}`, []string{"+16502530001"}},
		"a number is written out":      {traitsOf(`"n":{"type":"integer","ory.sh/kratos":{` + passwordID + `}}`), `{"n":42}`, []string{"42"}},
		"a value used twice counts once, in document order": {traitsOf(marked("b", passwordID) + `,` + marked("a", passwordID) + `,` + marked("c", passwordID)),
			`{"a":"x","b":"y","c":"X"}`, []string{"y", "x"}},
		"elements of a list":     {traitsOf(`"l":{"type":"array","items":` + marked("x", passwordID)[4:] + `}`), `{"l":["b","a"]}`, []string{"b", "a"}},
		"objects in a list":      {traitsOf(`"l":{"type":"array","items":{"type":"object","properties":{` + marked("id", passwordID) + `}}}`), `{"l":[{"id":"b"},{},{"id":"a"}]}`, []string{"b", "a"}},
		"a tuple":                {traitsOf(`"l":{"type":"array","items":[{},{"ory.sh/kratos":{` + passwordID + `}}]}`), `{"l":["a","b","c"]}`, []string{"b"}},
		"through $ref":           {`{"definitions":{` + marked("u", passwordID) + `},` + traitsOf(`"a":{"$ref":"#/definitions/u"}`)[1:], `{"a":"x"}`, []string{"x"}},
		"beside $ref is ignored": {`{"definitions":{"s":{"type":"string"}},` + traitsOf(`"a":{"$ref":"#/definitions/s","ory.sh/kratos":{` + passwordID + `}}`)[1:], `{"a":"x"}`, nil},
		"through allOf":          {traitsOf(`"u":{}`, `,"allOf":[{"properties":{`+marked("u", passwordID)+`}}]`), `{"u":"x"}`, []string{"x"}},
		"of the alternative that matches": {traitsOf(`"k":{}`, `,"oneOf":[{"properties":{"k":{"const":1},`+marked("a", passwordID)+`}},{"properties":{"k":{"const":2},`+marked("b", passwordID)+`}}]`),
			`{"k":2,"a":"x","b":"y"}`, []string{"y"}},
		"of then": {traitsOf(`"k":{}`, `,"if":{"properties":{"k":{"const":1}}},"then":{"properties":{`+marked("a", passwordID)+`}},"else":{"properties":{`+marked("b", passwordID)+`}}`),
			`{"k":1,"a":"x","b":"y"}`, []string{"x"}},
		"of else": {traitsOf(`"k":{}`, `,"if":{"properties":{"k":{"const":1}}},"then":{"properties":{`+marked("a", passwordID)+`}},"else":{"properties":{`+marked("b", passwordID)+`}}`),
			`{"k":2,"a":"x","b":"y"}`, []string{"y"}},
		"of names by pattern": {traitsOf(`"k":{}`, `,"patternProperties":{"^x":{"ory.sh/kratos":{`+passwordID+`}}}`), `{"x2":"b","x1":"a","y":"c"}`, []string{"a", "b"}},
		"of other names":      {traitsOf(`"k":{}`, `,"additionalProperties":{"ory.sh/kratos":{`+passwordID+`}}`), `{"k":"a","other":"b"}`, []string{"b"}},
		"through recursion": {`{"definitions":{"p":{"type":"object","properties":{` + marked("id", passwordID) + `,"kids":{"type":"array","items":{"$ref":"#/definitions/p"}}}}},` + traitsOf(`"p":{"$ref":"#/definitions/p"}`)[1:],
			`{"p":{"id":"a","kids":[{"id":"b","kids":[{"id":"c"}]}]}}`, []string{"a", "b", "c"}},
		"marked, but without a value": {traitsOf(marked("u", passwordID)), `{}`, []string{}},
		"marked nowhere":              {traitsOf(`"u":{}`), `{"u":"x"}`, nil},
		"null is no value":            {traitsOf(`"u":{"ory.sh/kratos":{` + passwordID + `}}`), `{"u":null}`, []string{}},
	} {
		t.Run(about, func(t *testing.T) {
			d, violations := validate(t, compile(t, tc.schema), tc.traits)
			if violations != nil {
				t.Fatal(violations)
			}
			if diff := cmp.Diff(tc.want, d.Identifiers[identity.Password]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	verify := func(via string) string { return `"verification":{"via":"` + via + `"}` }
	regain := func(via string) string { return `"recovery":{"via":"` + via + `"}` }
	format := func(f string) string { return `,"format":"` + f + `"` }
	for about, tc := range map[string]struct {
		trait, value string
		traits       string // "" for as they were
		verifiable   []identity.Address
		recovery     []identity.Address
		code         []identity.Address
	}{
		"a verifiable address without a format": {trait: marked("a", verify("email")), value: " Foo@Ex.org ", verifiable: []identity.Address{mail("foo@ex.org")}},
		"a verifiable address of any form":      {trait: marked("a", verify("email"), format("no-validate")), value: " NEMO ", verifiable: []identity.Address{mail("nemo")}},
		"a verifiable phone":                    {trait: marked("a", verify("sms"), format("tel")), value: "+1 650-253-0001", traits: `{"a":"+16502530001"}`, verifiable: []identity.Address{sms("+16502530001")}},
		"a verifiable phone of any form":        {trait: marked("a", verify("sms"), format("no-validate")), value: "ext. 5", verifiable: []identity.Address{sms("ext. 5")}},
		"a recovery address without a format":   {trait: marked("a", regain("email")), value: "Foo@Ex.org", recovery: []identity.Address{mail("foo@ex.org")}},
		"a recovery address of any form":        {trait: marked("a", regain("email"), format("hostname")), value: "Ex.org", recovery: []identity.Address{mail("ex.org")}},
		"a recovery phone":                      {trait: marked("a", regain("sms")), value: "+1 650-253-0001", traits: `{"a":"+16502530001"}`, recovery: []identity.Address{sms("+16502530001")}},
		"a code address":                        {trait: marked("a", codeMail), value: "Foo@Ex.org", code: []identity.Address{mail("foo@ex.org")}},
		"a code address of any form":            {trait: marked("a", codeMail, format("no-validate")), value: "NEMO", code: []identity.Address{mail("nemo")}},
		"a code phone":                          {trait: marked("a", codeSMS), value: "+1 650-253-0001", traits: `{"a":"+16502530001"}`, code: []identity.Address{sms("+16502530001")}},
	} {
		t.Run(about, func(t *testing.T) {
			raw, _ := json.Marshal(map[string]string{"a": tc.value})
			d, violations := validate(t, compile(t, traitsOf(tc.trait)), string(raw))
			if violations != nil {
				t.Fatal(violations)
			}
			want := identity.Derived{Verifiable: tc.verifiable, Recovery: tc.recovery, CodeAddresses: tc.code}
			got := identity.Derived{Verifiable: d.Verifiable, Recovery: d.Recovery, CodeAddresses: d.CodeAddresses}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if tc.traits == "" {
				tc.traits = string(raw)
			}
			if string(d.Traits) != tc.traits {
				t.Errorf("traits %s, want %s", d.Traits, tc.traits)
			}
		})
	}
}

func TestCodeAddressesAreSorted(t *testing.T) {
	s := compile(t, traitsOf(marked("b", codeSMS)+`,`+marked("a", codeMail)+`,`+marked("c", codeMail)))
	d, _ := validate(t, s, `{"b":"+16502530001","a":"z@ex.org","c":"a@ex.org"}`)
	want := []identity.Address{sms("+16502530001"), mail("a@ex.org"), mail("z@ex.org")}
	if diff := cmp.Diff(want, d.CodeAddresses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"+16502530001", "a@ex.org", "z@ex.org"}, d.Identifiers[identity.Code]); diff != "" {
		t.Error(diff)
	}
}

func TestPhonesAreRewrittenWhereverTheyStand(t *testing.T) {
	s := compile(t, traitsOf(`"l":{"type":"array","items":{"type":"object","properties":{`+marked("p", codeSMS)+`}}},"t":{"type":"array","items":[{},{"type":"string","ory.sh/kratos":{`+codeSMS+`}}]},"n":{}`))
	d, violations := validate(t, s, `{"l":[{},{"p":"+1 650 253 0001"}],"t":["+1 650 253 0002","+1 650 253 0002"],"n":1.50,"h":"<&>"}`)
	if violations != nil {
		t.Fatal(violations)
	}
	if want := `{"h":"<&>","l":[{},{"p":"+16502530001"}],"n":1.50,"t":["+1 650 253 0002","+16502530002"]}`; string(d.Traits) != want {
		t.Errorf("got %s", d.Traits)
	}
}

func TestExtensionsRefuse(t *testing.T) {
	for about, tc := range map[string]struct{ trait, value, want string }{
		"a code address that is none":                   {marked("a", codeMail), `"nope"`, `traits.a 4000040 {"value":"nope"}`},
		"a code phone that is none":                     {marked("a", codeSMS), `"nope"`, `traits.a 4000041 {"value":"nope"}`},
		"a code address without a channel":              {marked("a", `"credentials":{"code":{"identifier":true}}`), `"a@b.c"`, `traits.a 4000001 reason`},
		"a verifiable phone without a format":           {marked("a", `"verification":{"via":"sms"}`), `"+16502530001"`, `traits.a 4000001 reason`},
		"a verifiable address that is none":             {marked("a", `"verification":{"via":"email"}`), `"nope"`, `traits.a 4000040 {"value":"nope"}`},
		"a recovery address that is none":               {marked("a", `"recovery":{"via":"email"}`), `"nope"`, `traits.a 4000040 {"value":"nope"}`},
		"a recovery phone that is none":                 {marked("a", `"recovery":{"via":"sms"}`), `"nope"`, `traits.a 4000041 {"value":"nope"}`},
		"an invisible character in an address":          {marked("a", codeMail), "\"a\u200b@b.c\"", "traits.a 4000040 {\"value\":\"a\u200b@b.c\"}"},
		"one failure with several reasons is told once": {marked("a", codeMail[:len(codeMail)-1]+`},"recovery":{"via":"email"},"verification":{"via":"email"}`), `"nope"`, `traits.a 4000040 {"value":"nope"}`},
		"an empty identifier":                           {marked("a", passwordID), `""`, `traits.a 4000002 {"property":"a"}`},
		"an identifier of nothing visible":              {marked("a", passwordID), "\"\u200b \"", `traits.a 4000002 {"property":"a"}`},
		"an identifier that no index takes":             {marked("a", passwordID), `"` + strings.Repeat("x", 256) + `"`, `traits.a 4000017 {"actual_length":256,"max_length":255}`},
	} {
		t.Run(about, func(t *testing.T) {
			d, violations := validate(t, compile(t, traitsOf(tc.trait)), `{"a":`+tc.value+`}`)
			if diff := cmp.Diff(tc.want, brief(t, violations)); diff != "" || d != nil {
				t.Errorf("%v %s", d, diff)
			}
		})
	}
}

func FuzzCompileAndValidate(f *testing.F) {
	f.Add(person, `{"email":"Foo@Ex.org","age":3}`)
	f.Add(traitsOf(marked("a", codeSMS, `,"format":"tel"`)), `{"a":"+1 650 253 0001"}`)
	f.Add(`{"definitions":{"p":{"properties":{"k":{"$ref":"#/definitions/p"}},"anyOf":[{"required":["k"]},{}]}},`+traitsOf(`"p":{"$ref":"#/definitions/p"}`)[1:], `{"p":{"k":{"k":{}}}}`)
	f.Add(traitsOf(`"l":{"type":"array","items":[{"multipleOf":0.1}],"additionalItems":{"const":{}},"uniqueItems":true}`, `,"if":{},"then":{"not":{}},"dependencies":{"l":["x"]}`), `{"l":[1,[],1e5]}`)
	f.Fuzz(func(t *testing.T, raw, traits string) {
		s, err := schema.Compile("fuzz", []byte(raw), schema.Options{})
		if err != nil {
			return
		}
		for _, field := range s.Fields() {
			if field.Path[0] != "traits" || field.Name == "" {
				t.Errorf("a field without a place: %+v", field)
			}
		}
		d, violations, err := s.Validate(json.RawMessage(traits))
		if (d != nil) == (err != nil || len(violations) > 0) {
			t.Errorf("both valid and invalid: %v, %v, %v", d, violations, err)
		}
		if d == nil {
			if text := schema.ErrorText(violations); (text == "") != (len(violations) == 0) {
				t.Errorf("%d violations make %q", len(violations), text)
			}
			return
		}
		again, violations, err := s.Validate(d.Traits)
		if err != nil || violations != nil {
			t.Fatalf("the traits to store are not valid: %v, %v", violations, err)
		}
		if diff := cmp.Diff(d.Identifiers, again.Identifiers); diff != "" {
			t.Errorf("the second look differs: %s", diff)
		}
	})
}
