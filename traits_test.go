package cardea_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// protectedTraits has a trait that people see and cannot change, and one that they do
// not even see.
func protectedTraits() cardeatest.Options {
	const schema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
		"email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
		"name": {"type": "string"},
		"plan": {"type": "string", "cardea": {"read_only": true}},
		"risk": {"type": "integer", "cardea": {"hidden": true}}}}}}`
	return cardeatest.Options{Config: "identity: {default_schema_id: p, schemas: [{id: p, url: 'base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "'}]}"}
}

func TestPeopleDoNotSetProtectedTraits(t *testing.T) {
	each(t, protectedTraits(), func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		person := s.Client(kind)
		form := person.Start("registration", "")
		if form.Fetch().Node("traits.risk") != nil {
			t.Error("a hidden trait is on the form")
		}
		for _, trait := range []string{"plan", "risk"} {
			values := map[string]any{"plan": "gold", "risk": 1}
			a := form.Submit(map[string]any{"method": "password", "password": cardeatest.Password, "traits": map[string]any{"email": email, trait: values[trait]}})
			form.Form(a)
			if a = form.Fetch(); len(a.FieldMessages("traits."+trait)) != 1 {
				t.Fatalf("registering with %s: %d %s", trait, a.Status, a.Body)
			}
		}
		person.SignUp(email, cardeatest.Password)
		id := person.WhoAmI().Text("identity", "id")
		operator := s.Client(cardeatest.Native)
		wantStatus(t, "an operator sets them", operator.Do("PUT", s.AdminURL+"/admin/identities/"+id,
			map[string]any{"traits": map[string]any{"email": email, "plan": "gold", "risk": 7}}), 200)

		settings := person.Start("settings", "")
		settings.Form(settings.Submit(map[string]any{"method": "profile", "traits": map[string]any{"email": email, "name": "Ann"}}))
		read := operator.Get(s.AdminURL + "/admin/identities/" + id)
		if read.Text("traits", "name") != "Ann" || read.Text("traits", "plan") != "gold" {
			t.Errorf("what was left out did not stay: %s", read.Body)
		}
		settings = person.Start("settings", "")
		settings.Form(settings.Submit(map[string]any{"method": "profile", "traits": map[string]any{"email": email, "plan": "platinum"}}))
		if a := settings.Fetch(); len(a.FieldMessages("traits.plan")) != 1 {
			t.Errorf("a change of what is read-only: %d %s", a.Status, a.Body)
		}
		if read := operator.Get(s.AdminURL + "/admin/identities/" + id); read.Text("traits", "plan") != "gold" {
			t.Errorf("a read-only trait was changed: %s", read.Body)
		}
	})
}

// TestPeopleHaveListsOfObjects is about a trait whose items are objects: a form that
// knows nothing of it leaves it alone, one that does sends it by position or as JSON.
func TestPeopleHaveListsOfObjects(t *testing.T) {
	const schema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
		"email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
		"name": {"type": "string"},
		"pets": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {
			"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}, "chip": {"type": "object", "properties": {"code": {"type": "string"}}}}}}}}}}`
	options := cardeatest.Options{Config: "identity: {default_schema_id: p, schemas: [{id: p, url: 'base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "'}]}"}
	each(t, options, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		operator := s.Client(cardeatest.Native)
		person := s.Client(kind)
		person.SignUp(email, cardeatest.Password)
		address := s.AdminURL + "/admin/identities/" + person.WhoAmI().Text("identity", "id")
		pets := func() any {
			traits, _ := operator.Get(address).JSON["traits"].(map[string]any)
			return traits["pets"]
		}
		if got := pets(); got != nil {
			t.Fatalf("somebody who named no pets has %v", got)
		}

		want := []any{map[string]any{"name": "Rex", "age": 3.0, "chip": map[string]any{"code": "7"}}, map[string]any{"name": "Tom"}}
		for how, sent := range map[string]map[string]any{
			"as JSON":        {"method": "profile", "traits": map[string]any{"email": email, "pets": want}},
			"by position":    {"method": "profile", "traits.email": email, "traits.pets.0.name": "Rex", "traits.pets.0.age": "3", "traits.pets.0.chip.code": "7", "traits.pets.1.name": "Tom"},
			"as text":        {"method": "profile", "traits.email": email, "traits.pets": `[{"name": "Rex", "age": 3, "chip": {"code": "7"}}, {"name": "Tom"}]`},
			"not at all":     {"method": "profile", "traits.email": email, "traits.name": "Ann"},
			"as none":        {"method": "profile", "traits": map[string]any{"email": email, "pets": []any{}}},
			"with a mistake": {"method": "profile", "traits": map[string]any{"email": email, "pets": []any{map[string]any{"age": 3}}}},
		} {
			wantStatus(t, "an operator resets them", operator.Do("PUT", address, map[string]any{"schema_id": "p", "traits": map[string]any{"email": email, "pets": want[1:]}}), 200)
			expected := want
			switch how {
			case "not at all", "with a mistake":
				expected = want[1:]
			case "as none":
				expected = want[:0]
			}
			form := person.Start("settings", "")
			form.Form(form.Submit(sent))
			if diff := cmp.Diff(any(expected), pets()); diff != "" {
				t.Errorf("sent %s (-want +got):\n%s", how, diff)
			}
		}
	})
}

// TestPeopleHaveLists is about a trait whose items are texts: forms show every item in
// a field of its own, and the field of the list adds one.
func TestPeopleHaveLists(t *testing.T) {
	const schema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
		"email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
		"tags": {"type": "array", "items": {"type": "string", "minLength": 2}},
		"risks": {"type": "array", "items": {"type": "string"}, "cardea": {"hidden": true}}}}}}`
	options := cardeatest.Options{Config: "identity: {default_schema_id: p, schemas: [{id: p, url: 'base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "'}]}"}
	each(t, options, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		operator, person := s.Client(cardeatest.Native), s.Client(kind)
		person.SignUp(email, cardeatest.Password)
		address := s.AdminURL + "/admin/identities/" + person.WhoAmI().Text("identity", "id")
		wantStatus(t, "an operator names some", operator.Do("PUT", address,
			map[string]any{"schema_id": "p", "traits": map[string]any{"email": email, "tags": []any{"red", "blue"}, "risks": []any{"high"}}}), 200)

		form := person.Start("settings", "")
		shown := form.Fetch()
		for name, want := range map[string]any{"traits.tags": nil, "traits.tags.0": "red", "traits.tags.1": "blue"} {
			if n := shown.Node(name); n == nil || n.Group != "profile" || n.Attributes["value"] != want {
				t.Errorf("%s is %+v, want the value %v", name, n, want)
			}
		}
		if shown.Node("traits.risks.0") != nil {
			t.Error("an item of a hidden trait is on the form")
		}
		form.Form(form.Submit(map[string]any{"method": "profile", "traits.email": email, "traits.tags": "", "traits.tags.0": "red", "traits.tags.1": "x"}))
		if a := form.Fetch(); len(a.FieldMessages("traits.tags.1")) != 1 || a.Node("traits.tags.0").Attributes["value"] != "red" {
			t.Errorf("an item that is too short: %s", a.Body)
		}
		form.Form(form.Submit(map[string]any{"method": "profile", "traits.email": email, "traits.tags": "green", "traits.tags.0": "", "traits.tags.1": "blue"}))
		want := map[string]any{"email": email, "tags": []any{"blue", "green"}, "risks": []any{"high"}}
		if diff := cmp.Diff(any(want), operator.Get(address).JSON["traits"]); diff != "" {
			t.Errorf("one taken out and one added (-want +got):\n%s", diff)
		}
	})
}
