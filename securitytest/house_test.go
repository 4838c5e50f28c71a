package securitytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"go.yaml.in/yaml/v3"

	"cardea/cardeatest"
	"cardea/internal/jsonnet"
)

// TestMain is also the worker that evaluates Jsonnet.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == jsonnet.WorkerCommand {
		if err := jsonnet.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// schema has an address with which everything can be done.
const schema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}, "webauthn": {"identifier": true}},
    "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "name": {"type": "string", "maxLength": 200}}, "required": ["email"], "additionalProperties": false}}}`

func encoded(text string) string {
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(text))
}

// everything switches on all ways in that need no party outside. more are laid over it.
func everything(more ...string) string {
	all := map[string]any{}
	for _, text := range append([]string{fmt.Sprintf(`
identity: {schemas: [{id: default, url: %q}]}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/?disable_starttls=true"}}
cardea: {throttle: {enabled: false}}
selfservice:
  methods:
    code: {enabled: true, passwordless_enabled: true, config: {max_submissions: 50}}
    link: {enabled: true}
    totp: {enabled: true}
    lookup_secret: {enabled: true}
  flows:
    registration: {after: {code: {hooks: [{hook: session}]}}}
    recovery: {enabled: true, use: code}
    verification: {enabled: true, use: code}
`, encoded(schema))}, more...) {
		var layer map[string]any
		if err := yaml.Unmarshal([]byte(text), &layer); err != nil {
			panic(err)
		}
		lay(all, layer)
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// lay puts a layer of configuration over another.
func lay(under, over map[string]any) {
	for k, v := range over {
		inner, ok := v.(map[string]any)
		below, is := under[k].(map[string]any)
		if ok && is {
			lay(below, inner)
			continue
		}
		under[k] = v
	}
}

// house is a server with people.
type house struct {
	*testing.T
	*cardeatest.Server
	operator *cardeatest.Client
	owner    string // an account, where a test is about one
}

func newHouse(t *testing.T, o cardeatest.Options) *house {
	t.Helper()
	s := cardeatest.New(t, o)
	return &house{T: t, Server: s, operator: s.Client(cardeatest.Native)}
}

const appKey = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

// appCode is what the authenticator app shows.
func (h *house) appCode() string {
	h.Helper()
	text, err := totp.GenerateCode(appKey, time.Now())
	if err != nil {
		h.Fatal(err)
	}
	return text
}

func passwordOf(email string) string {
	return "Sturdy-Wombats-of-" + strings.ToUpper(email[:3]) + "-77"
}

// person makes somebody with a password; more are credentials besides.
func (h *house) person(email string, more map[string]any) string {
	h.Helper()
	credentials := map[string]any{"password": map[string]any{"config": map[string]any{"password": passwordOf(email)}}}
	for k, v := range more {
		credentials[k] = v
	}
	a := h.operator.Do("POST", h.AdminURL+"/admin/identities", map[string]any{"schema_id": "default", "traits": map[string]any{"email": email}, "credentials": credentials})
	if a.Status != 201 {
		h.Fatalf("create %s: %d %s", email, a.Status, a.Body)
	}
	return a.Text("id")
}

// app is the credential of an authenticator app.
func app() map[string]any {
	return map[string]any{"totp": map[string]any{"config": map[string]any{"totp_url": "otpauth://totp/Test:x?secret=" + appKey + "&issuer=Test"}}}
}

// row is an account as operators see it.
func (h *house) row(id string) *cardeatest.Answer {
	h.Helper()
	return h.operator.Get(h.AdminURL + "/admin/identities/" + id)
}

// sessions is how many sessions of an account count.
func (h *house) sessions(id string) int {
	h.Helper()
	a := h.operator.Get(h.AdminURL + "/admin/identities/" + id + "/sessions?active=true")
	var all []any
	if err := json.Unmarshal(a.Body, &all); err != nil {
		h.Fatalf("the sessions of %s: %d %s", id, a.Status, a.Body)
	}
	return len(all)
}

// verified says whether the address of an account is proved.
func (h *house) verified(id string) bool {
	h.Helper()
	return strings.Contains(string(h.row(id).Body), `"verified":true`)
}

// in signs somebody in with the password.
func (h *house) in(kind cardeatest.Kind, email string) *cardeatest.Client {
	h.Helper()
	c := h.Client(kind)
	took(c, c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": passwordOf(email)}))
	if a := c.WhoAmI(); a.Status != 200 && a.ErrorID() != "session_aal2_required" {
		h.Fatalf("sign in as %s: %d %s", email, a.Status, a.Body)
	}
	return c
}

// took lets an app keep the session token that an answer holds, wherever it is.
func took(c *cardeatest.Client, a *cardeatest.Answer) *cardeatest.Answer {
	if c.Kind == cardeatest.Native {
		if token := find(a.JSON, "session_token", "ory_session_token"); token != "" {
			c.Token = token
		}
	}
	return a
}

// find is the first text of one of the names anywhere in a value.
func find(v any, names ...string) string {
	switch v := v.(type) {
	case map[string]any:
		for _, n := range names {
			if text, ok := v[n].(string); ok && text != "" {
				return text
			}
		}
		for _, inner := range v {
			if text := find(inner, names...); text != "" {
				return text
			}
		}
	case []any:
		for _, inner := range v {
			if text := find(inner, names...); text != "" {
				return text
			}
		}
	}
	return ""
}

// who is the address of whoever is signed in, "" for nobody.
func who(c *cardeatest.Client) string { return c.WhoAmI().Text("identity", "traits", "email") }

// each runs a test once per kind of client, with an address of its own.
func each(t *testing.T, config string, test func(h *house, kind cardeatest.Kind, email string)) {
	t.Helper()
	h := newHouse(t, cardeatest.Options{Config: config})
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			test(&house{T: t, Server: h.Server, operator: h.operator}, kind, string(kind)+"@cardea.test")
		})
	}
}
