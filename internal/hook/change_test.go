package hook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// withGates asks a hook before a registration and a change of the profile are
// stored. There is a second schema.
func withGates(x *target) string {
	schema := base64.StdEncoding.EncodeToString([]byte(cardeatest.Schema))
	gate := "hooks: [" + x.webHook("/change", "response: {parse: true}")
	return "identity: {default_schema_id: default, schemas: [{id: default, url: 'base64://" + schema + "'}, {id: second, url: 'base64://" + schema + "'}]}\n" +
		"selfservice: {methods: {profile: {enabled: true}}, flows: {settings: {after: {profile: {" + gate + "]}}}, registration: {after: {password: {" + gate + ", {hook: session}]}}}}}"
}

// become lets a native client sign up or change its profile, and gives the answer
// and who the account is now; nil for nobody.
func become(s *cardeatest.Server, journey, email string, answer func()) (*cardeatest.Answer, map[string]any) {
	c := s.Client(cardeatest.Native)
	var a *cardeatest.Answer
	if journey == "settings" {
		c.SignUp(email, cardeatest.Password)
		f := c.Start("settings", "")
		answer()
		a = f.Submit(map[string]any{"method": "profile", "traits.email": email, "traits.name.first": "Ann"})
	} else {
		answer()
		_, a = register(c, email)
	}
	var all []map[string]any
	_ = json.Unmarshal(c.Get(s.AdminURL+"/admin/identities?credentials_identifier="+email).Body, &all)
	if len(all) != 1 {
		return a, nil
	}
	return a, all[0]
}

func TestEveryPartOfAnAnswerChangesTheIdentity(t *testing.T) {
	for _, journey := range []string{"registration", "settings"} {
		t.Run(journey, func(t *testing.T) {
			t.Parallel()
			x := newTarget(t, answering(200, "{}"))
			s := cardeatest.New(t, cardeatest.Options{Config: withGates(x)})
			for n, c := range []struct {
				part, value string // with %s for the address
				at          []string
				want        any // nil for what the part says
			}{
				{part: "traits", value: `{"email": "%s", "age": 7}`},
				{part: "schema_id", value: `"second"`},
				{part: "external_id", value: `"e-1"`},
				{part: "state", value: `"inactive"`},
				{part: "metadata_public", value: `{"plan": "gold"}`},
				{part: "metadata_admin", value: `[1, {"score": 2}]`},
				{part: "verifiable_addresses", value: `[{"value": "%s", "via": "email", "verified": true}]`, at: []string{"verifiable_addresses", "verified"}, want: true},
				{part: "verifiable_addresses", value: `[{"value": "%s", "via": "email", "verified": true}]`, at: []string{"verifiable_addresses", "status"}, want: "completed"},
				{part: "verifiable_addresses", value: `[{"value": "eve@cardea.test", "via": "email", "verified": true}]`, at: []string{"verifiable_addresses", "verified"}, want: false},
				{part: "recovery_addresses", value: `[{"value": "eve@cardea.test", "via": "email"}]`, at: []string{"recovery_addresses", "value"}, want: "the address"},
			} {
				email := fmt.Sprintf("person-%d@cardea.test", n)
				value := c.value
				if json.Valid([]byte(fmt.Sprintf(value, email))) {
					value = fmt.Sprintf(value, email)
				}
				a, who := become(s, journey, email, func() { x.set(answering(200, fmt.Sprintf(`{"identity": {%q: %s}}`, c.part, value))) })
				x.set(answering(200, "{}"))
				if who == nil {
					t.Errorf("%s: answered %d %s, and nobody is there", c.part, a.Status, a.Body)
					continue
				}
				var want any
				_ = json.Unmarshal([]byte(value), &want)
				got := who[c.part]
				if c.at != nil {
					got, want = who[c.at[0]].([]any)[0].(map[string]any)[c.at[1]], c.want
				}
				if want == "the address" {
					want = email
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v, want %v (answered %d %s)", c.part, got, want, a.Status, a.Body)
				}
			}
		})
	}
}

func TestAnAnswerThatCannotBeAppliedChangesNothing(t *testing.T) {
	for _, journey := range []string{"registration", "settings"} {
		t.Run(journey, func(t *testing.T) {
			t.Parallel()
			x := newTarget(t, answering(200, "{}"))
			s := cardeatest.New(t, cardeatest.Options{Config: withGates(x)})
			s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{"schema_id": "default", "external_id": "taken", "traits": map[string]any{"email": "eve@cardea.test"}})
			for n, change := range []string{
				`{"traits": {"email": "eve@cardea.test"}}`, `{"traits": {"age": -1}}`, `{"traits": []}`, `{"traits": "text"}`, `{"schema_id": "nowhere"}`, `{"state": "asleep"}`,
				`{"external_id": "taken"}`, `{"external_id": 7}`, `{"verifiable_addresses": {}}`, `{"verifiable_addresses": [{"value": "PERSON", "via": "email", "status": "maybe"}]}`,
			} {
				email := fmt.Sprintf("person-%d@cardea.test", n)
				a, who := become(s, journey, email, func() { x.set(answering(200, `{"identity": `+change+`}`)) })
				x.set(answering(200, "{}"))
				if a.Status < 400 {
					t.Errorf("%s: answered %d %s", change, a.Status, a.Body)
				}
				traits, _ := json.Marshal(who["traits"])
				same := strings.Contains(string(traits), email) && !strings.Contains(string(traits), "Ann") && who["external_id"] == nil && who["state"] == "active"
				if (who == nil) != (journey == "registration") || who != nil && !same {
					t.Errorf("%s: stored %v", change, who)
				}
			}
		})
	}
}
