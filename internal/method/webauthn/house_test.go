package webauthn_test

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

const (
	relyingParty = "cardea.test"
	origin       = "https://ui.cardea.test"
	email        = "ann@cardea.test"
)

const personSchema = `{
  "$id": "https://schemas.cardea.test/keys.schema.json",
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"traits": {"type": "object", "properties": {
    "email": {"type": "string", "format": "email", "title": "E-mail", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}, "webauthn": {"identifier": true}, "passkey": {"display_name": true}}}}
  }, "required": ["email"], "additionalProperties": false}}}`

// house starts a server with both methods. Extra configuration is laid over it: the
// keys below selfservice.methods.webauthn.config, and whole documents.
func house(t *testing.T, mode string, more ...string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: configuration(mode, more...)})
}

// The modes of security keys.
const (
	second = "false"
	first  = "true"
)

func configuration(mode string, more ...string) string {
	rp := "rp: {id: " + relyingParty + ", display_name: Cardea, origins: ['" + origin + "']}"
	return `
identity: {schemas: [{id: default, url: "base64://` + base64.StdEncoding.EncodeToString([]byte(personSchema)) + `"}]}
selfservice:
  methods:
    webauthn: {enabled: true, config: {passwordless: ` + mode + `, ` + rp + `}}
    passkey: {enabled: true, config: {` + rp + `}}
  flows:
    registration: {after: {passkey: {hooks: [{hook: session}]}, webauthn: {hooks: [{hook: session}]}}}
` + strings.Join(more, "\n")
}

func key(t *testing.T) *cardeatest.Authenticator { return cardeatest.NewAuthenticator(t, origin) }

// value is what a node of a form holds.
func value(t *testing.T, a *cardeatest.Answer, node string) string {
	t.Helper()
	n := a.Node(node)
	if n == nil {
		t.Fatalf("there is no node %s in %d %s", node, a.Status, a.Body)
	}
	text, _ := n.Attributes["value"].(string)
	return text
}

func status(t *testing.T, what string, a *cardeatest.Answer, want int) {
	t.Helper()
	if a.Status != want {
		t.Fatalf("%s: answered %d %s, want %d", what, a.Status, a.Body, want)
	}
}

// done is the status of a success for a kind of client.
func done(c *cardeatest.Client) int {
	if c.Kind == cardeatest.Browser {
		return http.StatusSeeOther
	}
	return http.StatusOK
}

// refused says that a form came back with one message.
func refused(t *testing.T, what string, f *cardeatest.Flow, a *cardeatest.Answer, message int) {
	t.Helper()
	form := f.Form(a)
	if a.Status == http.StatusOK || !slices.Equal(form.Messages(), []int{message}) {
		t.Fatalf("%s: answered %d with the messages %v, want %d", what, a.Status, form.Messages(), message)
	}
}

// proofs are the methods of the client's session, each with its level, and once
// when it was proved again.
func proofs(t *testing.T, c *cardeatest.Client) []string {
	t.Helper()
	a := c.WhoAmI()
	status(t, "whoami", a, http.StatusOK)
	var all []string
	methods, _ := a.JSON["authentication_methods"].([]any)
	for _, m := range methods {
		m := m.(map[string]any)
		all = append(all, m["method"].(string)+" "+m["aal"].(string))
	}
	return slices.Compact(all)
}

func proved(t *testing.T, c *cardeatest.Client, want ...string) {
	t.Helper()
	if got := proofs(t, c); !slices.Equal(got, want) {
		t.Fatalf("the session was proved by %v, want %v", got, want)
	}
}

// signUp registers with a passkey.
func signUp(t *testing.T, c *cardeatest.Client, k *cardeatest.Authenticator, email string) *cardeatest.Answer {
	t.Helper()
	f := c.Start("registration", "")
	a := f.Submit(map[string]any{"method": "passkey", "traits.email": email, "passkey_register": k.Create(value(t, f.Answer, "passkey_create_data"))})
	status(t, "sign up with a passkey", a, done(c))
	if c.Kind == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	return a
}

// signIn signs in with a passkey.
func signIn(t *testing.T, c *cardeatest.Client, k *cardeatest.Authenticator) {
	t.Helper()
	f := c.Start("login", "")
	a := f.Submit(map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))})
	status(t, "sign in with a passkey", a, done(c))
	if c.Kind == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
}

// addKey puts a security key on the account of whoever is signed in.
func addKey(t *testing.T, c *cardeatest.Client, k *cardeatest.Authenticator, name string) *cardeatest.Flow {
	t.Helper()
	f := c.Start("settings", "")
	a := f.Submit(map[string]any{
		"method": "webauthn", "webauthn_register_displayname": name, "webauthn_register": k.Create(value(t, f.Answer, "webauthn_register_trigger")),
	})
	status(t, "add a security key", a, done(c))
	return f
}

// addPasskey puts a passkey on the account of whoever is signed in.
func addPasskey(t *testing.T, c *cardeatest.Client, k *cardeatest.Authenticator) *cardeatest.Flow {
	t.Helper()
	f := c.Start("settings", "")
	a := f.Submit(map[string]any{"method": "passkey", "passkey_settings_register": k.Create(value(t, f.Answer, "passkey_create_data"))})
	status(t, "add a passkey", a, done(c))
	return f
}

// stored is a credential's config as an operator sees it.
func stored(t *testing.T, s *cardeatest.Server, identity, credential string) map[string]any {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities/" + identity + "?include_credential=" + credential)
	status(t, "read the identity", a, http.StatusOK)
	all, _ := a.JSON["credentials"].(map[string]any)
	c, _ := all[credential].(map[string]any)
	config, _ := c["config"].(map[string]any)
	return config
}

// storedKey is the only key of a credential.
func storedKey(t *testing.T, s *cardeatest.Server, identity, credential string) map[string]any {
	t.Helper()
	keys, _ := stored(t, s, identity, credential)["credentials"].([]any)
	if len(keys) != 1 {
		t.Fatalf("the identity has %d %s keys, want 1", len(keys), credential)
	}
	return keys[0].(map[string]any)
}

func each(t *testing.T, mode string, kinds []cardeatest.Kind, journey func(*testing.T, *cardeatest.Server, cardeatest.Kind)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			journey(t, house(t, mode), kind)
		})
	}
}

var inBrowsers = []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA}
