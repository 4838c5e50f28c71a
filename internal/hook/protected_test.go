package hook_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"cardea/cardeatest"
)

// An operator changes a read-only trait while somebody's profile is on its way to the
// database: the hook that is asked in between makes the moment.
func TestAFormDoesNotUndoWhatAnOperatorDidMeanwhile(t *testing.T) {
	const schema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
		"email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
		"name": {"type": "string"},
		"plan": {"type": "string", "cardea": {"read_only": true}}}}}}`
	journey(t, func(x *target) string {
		return "identity: {default_schema_id: p, schemas: [{id: p, url: 'base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "'}]}\n" +
			"selfservice: {flows: {settings: {after: {profile: {hooks: [" + x.webHook("/change", "response: {parse: true}") + "]}}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		c.SignUp(ann, cardeatest.Password)
		operator, address := s.Client(cardeatest.Native), s.AdminURL+"/admin/identities/"+c.WhoAmI().Text("identity", "id")
		patch := func(plan string) int {
			return operator.Do("PATCH", address, []map[string]any{{"op": "add", "path": "/traits/plan", "value": plan}}).Status
		}
		patch("gold")
		patched := 0
		x.answer = func(w http.ResponseWriter, r *http.Request) {
			patched = patch("free")
			answering(200, "{}")(w, r)
		}
		settings := c.Start("settings", "")
		settings.Form(settings.Submit(map[string]any{"method": "profile", "traits": map[string]any{"email": ann, "name": "Ann", "plan": "gold"}}))
		if read := operator.Get(address); patched != 200 || read.Text("traits", "plan") != "free" || read.Text("traits", "name") != "Ann" {
			t.Errorf("the form undid it: %d, %s", patched, read.Body)
		}
	})
}
