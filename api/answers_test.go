package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"cardea/cardeatest"
)

// journeys switches on what is off by default.
const journeys = `
selfservice: {flows: {recovery: {enabled: true}, verification: {enabled: true}}}
cardea: {account: {allow_export: true, allow_deletion: true}}
`

// subscribed tells what happens to a system that nobody asks.
const subscribed = `cardea: {events: {subscriptions: [{id: crm, url: "https://crm.cardea.test/"}]}}`

// nobody is an id that nothing has.
const nobody = "00000000-0000-4000-8000-000000000000"

type fields = map[string]any

func TestAnswersAreAsDescribed(t *testing.T) {
	d := read(t)
	for _, kind := range cardeatest.Kinds {
		t.Run("journeys of a "+string(kind)+" client", func(t *testing.T) {
			c := caller{t, d, cardeatest.New(t, cardeatest.Options{Config: journeys}), kind}
			person := c.server.Client(kind)
			c.signUp(person)
			c.signInAgain(person)
			c.ownSessions(person)
			c.settings(person)
			c.signOut(person)
			c.addresses(person)
			c.account(c.server.Client(kind))
		})
		t.Run("old flows of a "+string(kind)+" client", func(t *testing.T) {
			caller{t, d, cardeatest.New(t, cardeatest.Options{Config: `selfservice: {flows: {login: {lifespan: 1ns}}}`}), kind}.oldFlow()
		})
	}
	t.Run("errors", func(t *testing.T) { caller{t, d, cardeatest.New(t, cardeatest.Options{}), cardeatest.SPA}.errors() })
	t.Run("schemas and health", func(t *testing.T) { caller{t, d, cardeatest.New(t, cardeatest.Options{}), cardeatest.Native}.service() })
	t.Run("identities", func(t *testing.T) { operator(t, d).identities() })
	t.Run("recoveries handed out", func(t *testing.T) { operator(t, d).recoveries() })
	t.Run("sessions of others", func(t *testing.T) { operator(t, d).sessions() })
	t.Run("organizations", func(t *testing.T) { operator(t, d).organizations() })
	t.Run("addresses brought back", func(t *testing.T) {
		for _, kind := range cardeatest.Kinds {
			caller{t, d, cardeatest.New(t, cardeatest.Options{Config: noticing}), kind}.undo()
		}
	})
	t.Run("sessions of strangers", func(t *testing.T) {
		for _, kind := range cardeatest.Kinds {
			caller{t, d, cardeatest.New(t, cardeatest.Options{Config: suspicious}), kind}.notMe()
		}
	})
	t.Run("providers tried out", func(t *testing.T) {
		s := cardeatest.New(t, cardeatest.Options{Config: trying})
		admin{t, d, s, s.Client(cardeatest.Native)}.trials()
	})
	t.Run("providers that browsers ask", func(t *testing.T) {
		for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
			p := cardeatest.NewProvider(t)
			p.Unmapped = true
			s := cardeatest.New(t, cardeatest.Options{Config: `selfservice: {methods: {oidc: {enabled: true, config: {providers: [` +
				p.Config("acme", ", fedcm_config_url: https://acme.test/fedcm.json") + `]}}}}
cardea: {federation: {providers: [{id: acme, claims: [{to: traits.email, from: [email]}]}]}}`})
			caller{t, d, s, kind}.mediated(p)
		}
	})
	t.Run("messages", func(t *testing.T) {
		s := cardeatest.New(t, cardeatest.Options{Config: journeys})
		admin{t, d, s, s.Client(cardeatest.Native)}.messages()
	})
	t.Run("deliveries", func(t *testing.T) {
		s := cardeatest.New(t, cardeatest.Options{Config: subscribed})
		admin{t, d, s, s.Client(cardeatest.Native)}.deliveries()
	})
	t.Run("audit log", func(t *testing.T) {
		s := cardeatest.New(t, cardeatest.Options{})
		admin{t, d, s, s.Client(cardeatest.Native)}.auditLog()
	})
	if missed := d.missed(); !t.Failed() && len(missed) > 0 {
		t.Errorf("no answer was checked of %v", missed)
	}
}

// caller walks through the public operations as one kind of client.
type caller struct {
	*testing.T
	d      *described
	server *cardeatest.Server
	kind   cardeatest.Kind
}

// pick is a value for pages that are redirected, and one for applications.
func (c caller) pick(page, application int) int {
	if c.kind == cardeatest.Browser {
		return page
	}
	return application
}

// begin checks the start of a journey, and what is read of the flow it began.
func (c caller) begin(p *cardeatest.Client, journey, name, query string) *cardeatest.Flow {
	c.Helper()
	operation, endpoint := "createBrowser"+name+"Flow", "/browser"
	if c.kind == cardeatest.Native {
		operation, endpoint = "createNative"+name+"Flow", "/api"
	}
	c.d.check(c.T, operation, p.Get("/self-service/"+journey+endpoint+"?"+query), c.pick(303, 200))
	f := p.Start(journey, query)
	c.d.check(c.T, "get"+name+"Flow", f.Fetch(), 200)
	return f
}

func (c caller) signUp(p *cardeatest.Client) {
	c.Helper()
	c.d.check(c.T, "toSession", p.WhoAmI(), 401)
	f := c.begin(p, "registration", "Registration", "")
	c.d.check(c.T, "updateRegistrationFlow", f.Submit(fields{"method": "password", "traits.email": "nope", "traits.age": "old"}), c.pick(302, 400))
	c.d.check(c.T, "getRegistrationFlow", f.Fetch(), 200)
	done := c.d.check(c.T, "updateRegistrationFlow", f.Submit(fields{
		"method": "password", "traits.email": "ann@cardea.test", "password": cardeatest.Password, "transient_payload": fields{"a": 1},
	}), c.pick(303, 200))
	p.Token = done.Text("session_token")
	c.d.check(c.T, "toSession", p.WhoAmI(), 200)
}

func (c caller) signInAgain(p *cardeatest.Client) {
	c.Helper()
	operation, path := "createBrowserLoginFlow", "/self-service/login/browser"
	if c.kind == cardeatest.Native {
		operation, path = "createNativeLoginFlow", "/self-service/login/api"
	}
	c.d.check(c.T, operation, p.Get(path), c.pick(303, 400))
	f := c.begin(p, "login", "Login", "refresh=true&return_to="+url.QueryEscape("https://app.cardea.test/inside"))
	c.d.check(c.T, "updateLoginFlow", f.Submit(fields{"method": "password", "identifier": "ann@cardea.test", "password": "wrong-wrong"}), c.pick(303, 400))
	c.d.check(c.T, "getLoginFlow", f.Fetch(), 200)
	c.d.check(c.T, "updateLoginFlow", f.Submit(fields{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}), c.pick(303, 200))
}

func (c caller) ownSessions(p *cardeatest.Client) {
	c.Helper()
	other := c.server.Client(cardeatest.Native)
	other.SignIn("ann@cardea.test", cardeatest.Password)
	c.d.check(c.T, "listMySessions", p.Get("/sessions?page_size=1"), 200)
	c.d.check(c.T, "disableMySession", p.Do("DELETE", "/sessions/"+p.WhoAmI().Text("id"), nil), 400)
	c.d.check(c.T, "disableMySession", p.Do("DELETE", "/sessions/"+other.WhoAmI().Text("id"), nil), 204)
	c.d.check(c.T, "disableMyOtherSessions", p.Do("DELETE", "/sessions", nil), 200)
	stranger := c.server.Client(c.kind)
	c.d.check(c.T, "listMySessions", stranger.Get("/sessions"), 401)
	c.d.check(c.T, "disableMyOtherSessions", stranger.Do("DELETE", "/sessions", nil), 401)
	c.d.check(c.T, "disableMySession", stranger.Do("DELETE", "/sessions/"+nobody, nil), 401)
}

// noticing tells people about changes of their address.
const noticing = `selfservice: {flows: {verification: {enabled: true}, settings: {after: {profile: {hooks: [{hook: notify_previous_addresses}]}}}}}`

// undo brings an address back that was changed, and tries it twice.
func (c caller) undo() {
	c.Helper()
	p := c.server.Client(c.kind)
	p.SignUp("ann@cardea.test", cardeatest.Password)
	proof := c.mailed("ann@cardea.test")
	a := c.server.Client(cardeatest.Native).Do("POST", "/self-service/verification?flow="+proof.Get("flow"),
		fields{"method": "code", "code": c.server.LastMail("ann@cardea.test").Code()})
	if a.Text("state") != "passed_challenge" {
		c.Fatalf("prove the address: %d %s", a.Status, a.Body)
	}
	if a := p.Start("settings", "").Submit(fields{"method": "profile", "traits.email": "new@cardea.test"}); a.Status >= 400 {
		c.Fatalf("change the address: %d %s", a.Status, a.Body)
	}
	token := c.mailed("ann@cardea.test").Get("token")
	body := any(fields{"token": token})
	if c.kind == cardeatest.Browser {
		body = url.Values{"token": {token}}
	}
	for _, status := range []int{c.pick(303, 200), c.pick(303, 410)} {
		c.d.check(c.T, "undoAddressChange", c.server.Client(c.kind).Do("POST", "/self-service/undo", body), status)
	}
}

// suspicious asks people about sign-ins from elsewhere.
const suspicious = `selfservice: {flows: {verification: {enabled: true}}}
cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [new_network], then: notify}]}}`

// notMe ends a session that was somebody else's, and tries it twice.
func (c caller) notMe() {
	c.Helper()
	c.server.Client(c.kind).SignUp("ann@cardea.test", cardeatest.Password)
	proof := c.mailed("ann@cardea.test")
	c.server.Client(cardeatest.Native).Do("POST", "/self-service/verification?flow="+proof.Get("flow"),
		fields{"method": "code", "code": c.server.LastMail("ann@cardea.test").Code()})
	stranger := c.server.Client(c.kind)
	stranger.Header.Set("X-Forwarded-For", "203.0.113.9")
	stranger.SignIn("ann@cardea.test", cardeatest.Password)
	token := c.mailed("ann@cardea.test").Get("token")
	body := any(fields{"token": token})
	if c.kind == cardeatest.Browser {
		body = url.Values{"token": {token}}
	}
	for _, status := range []int{c.pick(303, 200), c.pick(303, 410)} {
		c.d.check(c.T, "endForeignSession", c.server.Client(c.kind).Do("POST", "/self-service/not-me", body), status)
	}
}

// mailed is what the link of the last message to an address carries.
func (c caller) mailed(to string) url.Values {
	c.Helper()
	link, err := url.Parse(c.server.LastMail(to).Link())
	if err != nil {
		c.Fatal(err)
	}
	return link.Query()
}

// account takes somebody's data along and deletes the account.
func (c caller) account(p *cardeatest.Client) {
	c.Helper()
	const path = "/self-service/account"
	c.d.check(c.T, "exportMyAccount", p.Get(path), 401)
	c.d.check(c.T, "deleteMyAccount", p.Do("DELETE", path, nil), 401)
	p.SignUp("leaves-as-"+string(c.kind)+"@cardea.test", cardeatest.Password)
	c.d.check(c.T, "exportMyAccount", p.Get(path), 200)
	c.d.check(c.T, "deleteMyAccount", p.Do("DELETE", path, nil), 204)
}

func (c caller) settings(p *cardeatest.Client) {
	c.Helper()
	f := c.begin(p, "settings", "Settings", "")
	c.d.check(c.T, "updateSettingsFlow", f.Submit(fields{"method": "none"}), c.pick(303, 400))
	stranger := c.server.Client(c.kind)
	operation, path := "createBrowserSettingsFlow", "/self-service/settings/browser"
	if c.kind == cardeatest.Native {
		operation, path = "createNativeSettingsFlow", "/self-service/settings/api"
	}
	c.d.check(c.T, operation, stranger.Get(path), c.pick(303, 401))
	c.d.check(c.T, "getSettingsFlow", stranger.Get("/self-service/settings/flows?id="+f.ID), c.pick(302, 401))
}

func (c caller) signOut(p *cardeatest.Client) {
	c.Helper()
	if c.kind == cardeatest.Native {
		leave := func(token string) *cardeatest.Answer {
			return p.Do("DELETE", "/self-service/logout/api", fields{"session_token": token})
		}
		c.d.check(c.T, "performNativeLogout", leave("unknown"), 403)
		c.d.check(c.T, "performNativeLogout", p.Do("DELETE", "/self-service/logout/api", nil), 400)
		c.d.check(c.T, "performNativeLogout", leave(p.Token), 204)
		return
	}
	begun := c.d.check(c.T, "createBrowserLogoutFlow", p.Get("/self-service/logout/browser"), 200)
	c.d.check(c.T, "updateLogoutFlow", p.Get("/self-service/logout?token=wrong"), c.pick(303, 403))
	c.d.check(c.T, "updateLogoutFlow", p.Get(begun.Text("logout_url")), c.pick(303, 204))
	c.d.check(c.T, "updateLogoutFlow", p.Get(begun.Text("logout_url")), c.pick(303, 401))
	c.d.check(c.T, "createBrowserLogoutFlow", p.Get("/self-service/logout/browser"), c.pick(303, 401))
}

// addresses are the journeys that prove one.
func (c caller) addresses(p *cardeatest.Client) {
	c.Helper()
	p.Token = ""
	f := c.begin(p, "recovery", "Recovery", "")
	c.d.check(c.T, "updateRecoveryFlow", f.Submit(fields{"method": "none"}), c.pick(303, 400))
	f = c.begin(p, "verification", "Verification", "")
	c.d.check(c.T, "updateVerificationFlow", f.Submit(fields{"method": "none"}), c.pick(303, 400))
}

func (c caller) oldFlow() {
	c.Helper()
	p := c.server.Client(c.kind)
	id := ""
	if c.kind == cardeatest.Browser {
		to, err := url.Parse(p.Get("/self-service/login/browser").Location)
		if err != nil {
			c.Fatal(err)
		}
		id = to.Query().Get("flow")
	} else {
		id = p.Start("login", "").ID
	}
	c.d.check(c.T, "getLoginFlow", p.Get("/self-service/login/flows?id="+id), 410)
	body := any(fields{"method": "password"})
	if c.kind == cardeatest.Browser {
		body = url.Values{"method": {"password"}}
	}
	c.d.check(c.T, "updateLoginFlow", p.Do("POST", "/self-service/login?flow="+id, body), c.pick(303, 410))
}

func (c caller) errors() {
	c.Helper()
	app, page := c.server.Client(cardeatest.SPA), c.server.Client(cardeatest.Browser)
	app.Header.Set("X-Request-ID", "a-request")
	for _, name := range []string{"login", "registration"} {
		operation := map[string]string{"login": "Login", "registration": "Registration"}[name]
		c.d.check(c.T, "get"+operation+"Flow", app.Get("/self-service/"+name+"/flows?id="+nobody), 404)
		c.d.check(c.T, "update"+operation+"Flow", app.Do("POST", "/self-service/"+name, fields{}), 400)
		c.d.check(c.T, "update"+operation+"Flow", app.Do("POST", "/self-service/"+name+"?flow="+nobody, fields{}), 404)
		c.d.check(c.T, "createBrowser"+operation+"Flow", app.Get("/self-service/"+name+"/browser?return_to="+url.QueryEscape("https://foreign.test")), 400)
		f := app.Start(name, "")
		c.d.check(c.T, "get"+operation+"Flow", c.server.Client(cardeatest.SPA).Get("/self-service/"+name+"/flows?id="+f.ID), 403)
		wrong := fields{
			"method": "password", "identifier": "a", "traits.email": "ann@cardea.test", "password": cardeatest.Password, "csrf_token": "wrong",
		}
		c.d.check(c.T, "update"+operation+"Flow", f.Submit(wrong), 403)
	}
	c.d.check(c.T, "createBrowserLoginFlow", app.Get("/self-service/login/browser?aal=aal2"), 401)

	explained := c.d.check(c.T, "updateLoginFlow", page.Do("POST", "/self-service/login?flow="+nobody, url.Values{}), 303)
	to, err := url.Parse(explained.Location)
	if err != nil {
		c.Fatal(err)
	}
	c.d.check(c.T, "getFlowError", app.Get("/self-service/errors?"+to.RawQuery), 200)
	c.d.check(c.T, "getFlowError", app.Get("/self-service/errors?id=stub:500"), 200)
	c.d.check(c.T, "getFlowError", app.Get("/self-service/errors?id="+nobody), 404)

	c.d.check(c.T, "exchangeSessionToken", app.Get("/sessions/token-exchange?init_code=a"), 400)
	c.d.check(c.T, "exchangeSessionToken", app.Get("/sessions/token-exchange?init_code=a&return_to_code=b"), 404)
}

func (c caller) service() {
	c.Helper()
	p := c.server.Client(c.kind)
	c.d.check(c.T, "getSessionKeys", p.Get("/.well-known/cardea/jwks.json"), 200)
	c.d.check(c.T, "getWebAuthnJavaScript", p.Get("/.well-known/ory/webauthn.js"), 200)
	c.d.check(c.T, "createCaptchaChallenge", p.Get("/self-service/captcha/challenge?flow="+p.Start("login", "").ID), 200)
	c.d.check(c.T, "createCaptchaChallenge", p.Get("/self-service/captcha/challenge?flow=none"), 400)
	c.d.check(c.T, "listIdentitySchemas", p.Get("/schemas"), 200)
	c.d.check(c.T, "getIdentitySchema", p.Get("/schemas/default"), 200)
	c.d.check(c.T, "getIdentitySchema", p.Get("/schemas/none"), 404)
	for _, port := range []string{c.server.PublicURL, c.server.AdminURL} {
		c.d.check(c.T, "isAlive", p.Get(port+"/health/alive"), http.StatusOK)
		c.d.check(c.T, "isReady", p.Get(port+"/health/ready"), http.StatusOK)
	}
	c.d.check(c.T, "getVersion", p.Get(c.server.AdminURL+"/version"), 200)
}

// mediated signs somebody up and in without leaving the page.
func (c caller) mediated(p *cardeatest.Provider) {
	for range 2 { // a registration, a login
		visitor := c.server.Client(c.kind)
		bring := func(who fields, status int) {
			c.Helper()
			m := c.d.check(c.T, "createFedcmFlow", visitor.Get("/self-service/fed-cm/parameters"), 200)
			first := m.JSON["providers"].([]any)[0].(fields)
			nonce := first["nonce"].(string)
			token := p.Assert(first["client_id"].(string), nonce, who)
			c.d.check(c.T, "updateFedcmFlow", visitor.Do("POST", "/self-service/fed-cm/token", fields{"csrf_token": m.Text("csrf_token"), "nonce": nonce, "token": token}), status)
		}
		bring(fields{"sub": "nameless"}, 400)
		bring(fields{"sub": "ann", "email": "ann@cardea.test"}, 200)
	}
	c.d.check(c.T, "updateFedcmFlow", c.server.Client(c.kind).Do("POST", "/self-service/fed-cm/token", fields{}), 403)
}
