package risk_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/jsonnet"
)

// TestMain is also the worker that evaluates mappers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == jsonnet.WorkerCommand {
		if err := jsonnet.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	quiet, crowded = "192.0.2.7", "203.0.113.9"
	ann            = "ann@cardea.test"
	blocked        = 4019005
	page           = "https://ui.cardea.test"
)

type fields = map[string]any

// house refuses everybody who comes from a place from which somebody else has come.
type house struct {
	*testing.T
	*cardeatest.Server
	kind     cardeatest.Kind
	provider *cardeatest.Provider
	key      *cardeatest.Authenticator
	id       string // Ann's
}

func newHouse(t *testing.T, kind cardeatest.Kind, recovery string) *house {
	t.Helper()
	p := cardeatest.NewProvider(t)
	schema := strings.Replace(cardeatest.Schema, `"credentials": {`, `"credentials": {"passkey": {"display_name": true}, "webauthn": {"identifier": true}, "code": {"identifier": true, "via": "email"}, `, 1)
	rp := "rp: {id: cardea.test, display_name: Cardea, origins: ['" + page + "']}"
	h := &house{T: t, kind: kind, provider: p, key: cardeatest.NewAuthenticator(t, page)}
	h.Server = cardeatest.New(t, cardeatest.Options{Config: `
identity: {schemas: [{id: default, url: "base64://` + base64.StdEncoding.EncodeToString([]byte(schema)) + `"}]}
cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [many_accounts], then: block}], accounts: {max: 1}}}
selfservice:
  methods:
    code: {enabled: true, passwordless_enabled: true}
    link: {enabled: true}
    passkey: {enabled: true, config: {` + rp + `}}
    webauthn: {enabled: true, config: {passwordless: true, ` + rp + `}}
    oidc: {enabled: true, config: {providers: [` + p.Config("open", "") + `]}}
  flows:
    recovery: {enabled: true, use: ` + recovery + `}
    registration: {after: {oidc: {hooks: [{hook: session}]}, code: {hooks: [{hook: session}]}, passkey: {hooks: [{hook: session}]}, webauthn: {hooks: [{hook: session}]}}}
`})
	h.id = h.CreateIdentity(ann, cardeatest.Password)
	h.CreateIdentity("bob@cardea.test", cardeatest.Password)
	bob := h.at(cardeatest.Native, crowded)
	bob.SignIn("bob@cardea.test", cardeatest.Password)
	return h
}

func (h *house) at(kind cardeatest.Kind, address string) *cardeatest.Client {
	c := h.Client(kind)
	c.Header.Set("X-Forwarded-For", address)
	return c
}

func value(a *cardeatest.Answer, node string) string {
	n := a.Node(node)
	if n == nil {
		return ""
	}
	text, _ := n.Attributes["value"].(string)
	return text
}

// way is a way to a session; its answer is that to the proof.
type way func(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer)

// through goes to the provider and comes back.
func through(kind string, who string) way {
	return func(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
		f := c.Start(kind, "")
		a := f.Submit(fields{"method": "oidc", "provider": "open"})
		to := a.Location
		if a.Status == 422 {
			to = a.Text("redirect_browser_to")
		}
		back := h.provider.Consent(to, fields{"sub": "subject of " + who, "email": who, "email_verified": true})
		accept := c.Header.Get("Accept")
		c.Header.Set("Accept", "text/html")
		defer c.Header.Set("Accept", accept)
		return f, c.Get(back)
	}
}

func byPasskey(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "")
	return f, f.Submit(fields{"passkey_login": h.key.Get(value(f.Answer, "passkey_challenge"))})
}

func bySecurityKey(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "")
	f.Submit(fields{"method": "webauthn", "identifier": ann})
	return f, f.Submit(fields{"identifier": ann, "webauthn_login": h.key.Get(value(f.Fetch(), "webauthn_login_trigger"))})
}

func byRecoveryCode(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("recovery", "")
	f.Submit(fields{"method": "code", "email": ann})
	return f, f.Submit(fields{"method": "code", "code": h.LastMail(ann).Code()})
}

func byOperatorsCode(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	handed := h.Client(cardeatest.Native).Do("POST", h.AdminURL+"/admin/recovery/code", fields{"identity_id": h.id})
	u, err := url.Parse(handed.Text("recovery_link"))
	if err != nil {
		h.Fatal(err)
	}
	f := c.Resume("recovery", u.Query().Get("flow"))
	return f, f.Submit(fields{"method": "code", "code": handed.Text("recovery_code")})
}

func byRecoveryLink(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("recovery", "")
	f.Submit(fields{"method": "link", "email": ann})
	return f, c.Get(strings.TrimPrefix(h.LastMail(ann).Link(), h.PublicURL))
}

func signUpByPassword(_ *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("registration", "")
	return f, f.Submit(fields{"method": "password", "traits.email": "eve@cardea.test", "password": cardeatest.Password})
}

func signUpByCode(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("registration", "")
	f.Submit(fields{"method": "code", "traits.email": "eve@cardea.test"})
	return f, f.Submit(fields{"method": "code", "traits.email": "eve@cardea.test", "code": h.LastMail("eve@cardea.test").Code()})
}

func signUpByKey(method, field, data string) way {
	return func(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
		f := c.Start("registration", "")
		return f, f.Submit(fields{"method": method, "traits.email": "eve@cardea.test", field: h.key.Create(value(f.Answer, data))})
	}
}

func byPassword(_ *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "")
	return f, f.Submit(fields{"method": "password", "identifier": ann, "password": cardeatest.Password})
}

func byCode(h *house, c *cardeatest.Client) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "")
	f.Submit(fields{"method": "code", "identifier": ann})
	return f, f.Submit(fields{"method": "code", "identifier": ann, "code": h.LastMail(ann).Code()})
}

// ways are all ways to a session that somebody does not have yet. The test beside the
// table of steps in internal/app knows them by these names.
var ways = []struct {
	name     string
	prove    way
	recovery string // the method of recovery, "" for code
	pages    bool   // only in browsers
	ready    func(h *house, owner *cardeatest.Client)
}{
	{name: "login password", prove: byPassword},
	{name: "login code", prove: byCode},
	{name: "login oidc", prove: through("login", "zoe@cardea.test"), pages: true, ready: func(h *house, _ *cardeatest.Client) {
		through("registration", "zoe@cardea.test")(h, h.at(h.kind, quiet+"0"))
	}},
	{name: "login passkey", prove: byPasskey, pages: true, ready: func(h *house, owner *cardeatest.Client) {
		f := owner.Start("settings", "")
		f.Submit(fields{"method": "passkey", "passkey_settings_register": h.key.Create(value(f.Answer, "passkey_create_data"))})
	}},
	{name: "login webauthn", prove: bySecurityKey, pages: true, ready: func(h *house, owner *cardeatest.Client) {
		f := owner.Start("settings", "")
		f.Submit(fields{"method": "webauthn", "webauthn_register_displayname": "k", "webauthn_register": h.key.Create(value(f.Answer, "webauthn_register_trigger"))})
	}},
	{name: "recovery code", prove: byRecoveryCode},
	{name: "recovery by an operator's code", prove: byOperatorsCode, pages: true},
	{name: "recovery link", prove: byRecoveryLink, recovery: "link", pages: true},
	{name: "registration password", prove: signUpByPassword},
	{name: "registration code", prove: signUpByCode},
	{name: "registration oidc", prove: through("registration", "eve@cardea.test"), pages: true},
	{name: "registration passkey", prove: signUpByKey("passkey", "passkey_register", "passkey_create_data"), pages: true},
	{name: "registration webauthn", prove: signUpByKey("webauthn", "webauthn_register", "webauthn_register_trigger"), pages: true},
}

func TestEveryWayToASessionIsWeighed(t *testing.T) {
	for _, w := range ways {
		for _, kind := range cardeatest.Kinds {
			if w.pages && kind == cardeatest.Native {
				continue
			}
			t.Run(w.name+" "+string(kind), func(t *testing.T) {
				// One at a time: each waits for calls to the provider, which are not patient.
				recovery := w.recovery
				if recovery == "" {
					recovery = "code"
				}
				h := newHouse(t, kind, recovery)
				if w.ready != nil {
					owner := h.at(kind, quiet)
					owner.SignIn(ann, cardeatest.Password)
					w.ready(h, owner)
				}
				c := h.at(kind, crowded)
				f, a := w.prove(h, c)
				stopped := a.ErrorID() == "sign_in_blocked" && a.Status == http.StatusForbidden
				if !stopped && !slices.Contains(c.Resume(strings.Fields(w.name)[0], f.ID).Answer.Messages(), blocked) {
					t.Errorf("in the crowd: %d %s %s", a.Status, a.Location, a.Body)
				}
				if got := c.WhoAmI().Status; got != 401 {
					t.Errorf("in the crowd, who am I: %d", got)
				}
				alone := h.at(kind, "192.0.2.99")
				_, a = w.prove(h, alone)
				if kind == cardeatest.Native {
					alone.Token = tokenIn(a)
				}
				if got := alone.WhoAmI().Status; got != 200 {
					t.Errorf("alone: %d %s %s, who am I: %d", a.Status, a.Location, a.Body, got)
				}
			})
		}
	}
}

// tokenIn is the session token that an answer hands out.
func tokenIn(a *cardeatest.Answer) string {
	if text := a.Text("session_token"); text != "" {
		return text
	}
	next, _ := a.JSON["continue_with"].([]any)
	if len(next) == 0 {
		err, _ := a.JSON["error"].(map[string]any)
		details, _ := err["details"].(map[string]any)
		next, _ = details["continue_with"].([]any)
	}
	for _, one := range next {
		if text, _ := one.(map[string]any)["ory_session_token"].(string); text != "" {
			return text
		}
	}
	return ""
}
