package cardea_test

import (
	"encoding/base64"
	"testing"

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
