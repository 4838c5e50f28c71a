package event_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"cardea/cardeatest"
	"cardea/internal/event"
)

// TestEventsHaveOneShapeWhateverHappens has every type of event happen, and looks at
// the parts of each: what is there is there with its id.
func TestEventsHaveOneShapeWhateverHappens(t *testing.T) {
	const config = "selfservice: {methods: {profile: {enabled: true}, code: {enabled: true}}, flows: {verification: {enabled: true, use: code}, recovery: {enabled: true, use: code}}}"
	journey(t, config, []string{"*"}, func(t *testing.T, x *receiver, s *cardeatest.Server, c *cardeatest.Client) {
		everythingHappens(x, s, c)
		known, seen := knownData(), map[string]bool{}
		for _, body := range x.said() {
			var e struct {
				said
				Data map[string]json.RawMessage `json:"data"`
			}
			var top map[string]json.RawMessage
			if json.Unmarshal([]byte(body), &e) != nil || json.Unmarshal([]byte(body), &top) != nil {
				t.Fatalf("%s is no event", body)
			}
			seen[e.Type] = true
			if got := slices.Sorted(maps.Keys(top)); !slices.Equal(got, []string{"data", "id", "timestamp", "type", "version"}) || e.Version != 1 {
				t.Errorf("%s has %v, version %d", e.Type, got, e.Version)
			}
			for part := range e.Data {
				if !slices.Contains(known[e.Type], part) && !slices.Contains([]string{"identity_id", "session_id"}, part) {
					t.Errorf("%s tells of %s", e.Type, part)
				}
			}
			for _, part := range known[e.Type] {
				if _, told := e.Data[part]; !told && part != "session" {
					t.Errorf("%s does not tell of %s: %s", e.Type, part, body)
				}
			}
			for _, part := range []string{"identity", "session", "flow"} {
				var thing struct{ ID uuid.UUID }
				var id uuid.UUID
				if e.Data[part] == nil {
					continue
				}
				if err := json.Unmarshal(e.Data[part], &thing); err != nil || thing.ID == uuid.Nil {
					t.Errorf("%s: the %s has no id: %s", e.Type, part, e.Data[part])
				}
				if part != "flow" && (json.Unmarshal(e.Data[part+"_id"], &id) != nil || id != thing.ID) {
					t.Errorf("%s: the %s is %s and has the id %s", e.Type, part, e.Data[part+"_id"], thing.ID)
				}
			}
			if _, told := e.Data["identity_id"]; !told && !strings.HasSuffix(e.Type, ".failed") {
				t.Errorf("%s does not say whom it is about: %s", e.Type, body)
			}
		}
		for _, want := range event.Types() {
			if !seen[string(want)] {
				t.Errorf("%s was not told", want)
			}
		}
	})
}

// knownData are the parts of each type besides the ids: the table of the guide.
func knownData() map[string][]string {
	known := map[string][]string{
		"identity.created": {"identity"}, "identity.updated": {"identity", "changed"}, "identity.deleted": {},
		"session.created": {"session"}, "session.revoked": {"reason"},
	}
	for _, k := range []string{"login", "registration", "recovery", "verification", "settings"} {
		known[k+".succeeded"], known[k+".failed"] = []string{"flow", "client", "identity", "session"}, []string{"flow", "client", "failure"}
	}
	return known
}

// everythingHappens goes through all journeys, each with a failure before.
func everythingHappens(x *receiver, s *cardeatest.Server, c *cardeatest.Client) {
	f := c.Start("registration", "")
	f.Submit(map[string]any{"method": "password", "traits.email": ann, "password": "1"})
	a := f.Submit(map[string]any{"method": "password", "traits.email": ann, "password": cardeatest.Password})
	if c.Kind == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	f = c.Start("settings", "")
	f.Submit(map[string]any{"method": "profile", "traits.email": "no address"})
	f.Submit(map[string]any{"method": "profile", "traits.email": ann, "traits.name.first": "Ann"})
	f = s.Client(c.Kind).Start("login", "")
	f.Submit(map[string]any{"method": "password", "identifier": ann, "password": "wrong-Sturdy-Wombats"})
	f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
	for _, k := range []string{"verification", "recovery"} {
		f = s.Client(c.Kind).Start(k, "")
		f.Submit(map[string]any{"method": "code", "email": ann})
		code := s.LastMail(ann).Code()
		f.Submit(map[string]any{"method": "code", "code": cardeatest.WrongCode(code)})
		f.Submit(map[string]any{"method": "code", "code": code})
	}
	x.await("recovery.succeeded", 1)
	id := x.of("recovery.succeeded")[0].Data.IdentityID
	operator := s.Client(cardeatest.Native)
	operator.Do("DELETE", s.AdminURL+"/admin/identities/"+id+"/sessions", nil)
	operator.Do("DELETE", s.AdminURL+"/admin/identities/"+id, nil)
	for _, t := range event.Types() {
		x.await(string(t), 1)
	}
}

// said are the bodies so far.
func (x *receiver) said() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.bodies)
}
