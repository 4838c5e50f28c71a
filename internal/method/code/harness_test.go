package code_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// schema knows a mail address and a phone; codes, verification and recovery work
// with both.
const schema = `{
  "$id": "https://schemas.cardea.test/reachable.schema.json",
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"traits": {"type": "object", "properties": {
    "email": {"type": "string", "format": "email", "title": "E-mail", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
      "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    "other": {"type": "string", "format": "email", "title": "Other e-mail", "ory.sh/kratos": {
      "credentials": {"code": {"identifier": true, "via": "email"}},
      "verification": {"via": "email"}, "recovery": {"via": "email"}}},
    "phone": {"type": "string", "format": "tel", "title": "Phone", "ory.sh/kratos": {
      "verification": {"via": "sms"}}},
    "username": {"type": "string", "title": "Name", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}}}}
  }, "required": ["email"], "additionalProperties": false}}}`

const email = "ann@cardea.test"

// server starts a server on which every journey with codes is on. lines are laid
// over its configuration.
func server(t *testing.T, lines string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: config("", lines)})
}

// config is a configuration; method is more lines below code, lines are more at the top.
func config(method, lines string) string {
	return fmt.Sprintf(`
identity: {schemas: [{id: default, url: "base64://%s"}]}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/?disable_starttls=true"}, channels: [{id: sms, type: http, request_config: {url: "http://127.0.0.1:1", method: POST, body: "base64://e30="}}]}
selfservice:
  methods:
    code:
      enabled: true
      %s
  flows:
    registration: {after: {code: {hooks: [{hook: session}]}}}
    recovery: {enabled: true}
    verification: {enabled: true}
%s`, base64.StdEncoding.EncodeToString([]byte(schema)), method, lines)
}

// passwordless is a server on which people sign in and up with a code alone.
func passwordless(t *testing.T, lines string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: config("passwordless_enabled: true", lines)})
}

// each runs a journey once per kind of client, each on a server of its own.
func each(t *testing.T, start func(*testing.T, string) *cardeatest.Server, lines string, journey func(*testing.T, *cardeatest.Server, *cardeatest.Client)) {
	t.Helper()
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, lines)
			journey(t, s, s.Client(kind))
		})
	}
}

// somebody makes an identity with traits and a password.
func somebody(t *testing.T, s *cardeatest.Server, traits map[string]any) string {
	t.Helper()
	a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": traits,
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}}},
	})
	wantStatus(t, "create an identity", a, 201)
	return a.Text("id")
}

func wantStatus(t *testing.T, what string, a *cardeatest.Answer, want ...int) {
	t.Helper()
	if !slices.Contains(want, a.Status) {
		t.Fatalf("%s: answered %d %s %s, want %v", what, a.Status, a.Location, a.Body, want)
	}
}

func wantMessages(t *testing.T, what string, a *cardeatest.Answer, want ...int) {
	t.Helper()
	if got := a.Messages(); !slices.Equal(got, want) {
		t.Fatalf("%s: the form says %v, want %v\n%s", what, got, want, a.Body)
	}
}

func wantState(t *testing.T, what string, a *cardeatest.Answer, want string) {
	t.Helper()
	if got := a.Text("state"); got != want {
		t.Fatalf("%s: the flow is in %q, want %q\n%s", what, got, want, a.Body)
	}
}

// goesOn is the status after a step with which a journey goes on.
func goesOn(c *cardeatest.Client, applications int) int {
	if c.Kind == cardeatest.Browser {
		return 303
	}
	return applications
}

// verified says whether an address of an identity is verified.
func verified(t *testing.T, s *cardeatest.Server, id, value string) bool {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities/" + id)
	wantStatus(t, "read the identity", a, 200)
	list, _ := a.JSON["verifiable_addresses"].([]any)
	for _, entry := range list {
		row, _ := entry.(map[string]any)
		if row["value"] == value {
			done, _ := row["verified"].(bool)
			return done
		}
	}
	t.Fatalf("the identity has no address %s: %s", value, a.Body)
	return false
}

// names are the names of a form's inputs with their values, in order.
func names(a *cardeatest.Answer) []string {
	var out []string
	for _, n := range a.UI().Nodes {
		name, _ := n.Attributes["name"].(string)
		if kind, _ := n.Attributes["type"].(string); kind == "submit" || kind == "hidden" && name == "method" {
			value, _ := n.Attributes["value"].(string)
			name += "=" + value
		}
		if !strings.HasPrefix(name, "csrf_token") {
			out = append(out, name)
		}
	}
	return out
}

// listOf is an answer that is a list.
func listOf(t *testing.T, a *cardeatest.Answer) []any {
	t.Helper()
	var list []any
	if err := json.Unmarshal(a.Body, &list); err != nil {
		t.Fatalf("read a list: %v in %s", err, a.Body)
	}
	return list
}
