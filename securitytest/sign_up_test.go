package securitytest

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// accounts is how many there are.
func (h *house) accounts() int {
	h.Helper()
	var all []any
	if err := json.Unmarshal(h.operator.Get(h.AdminURL+"/admin/identities?page_size=500").Body, &all); err != nil {
		h.Fatal(err)
	}
	return len(all)
}

// TestTheSignUpPolicyHoldsOnEveryPath is about a server that lets nobody sign up, or only
// with one schema: no form that was begun before, no sibling journey and no other method
// makes an account all the same.
func TestTheSignUpPolicyHoldsOnEveryPath(t *testing.T) {
	provider := cardeatest.NewProvider(t)
	methods := "selfservice: {methods: {oidc: {enabled: true, config: {providers: [" + provider.Config("acme", "") + "]}}}}"
	const closed = "selfservice: {flows: {registration: {enabled: false}}}"
	t.Run("nobody may", func(t *testing.T) {
		h := newHouse(t, cardeatest.Options{Config: everything(methods, closed)})
		for _, kind := range cardeatest.Kinds {
			c := h.Client(kind)
			for _, path := range []string{"/self-service/registration/browser", "/self-service/registration/api", "/self-service/registration/browser?identity_schema=default", "/self-service/registration/browser?return_to=https%3A%2F%2Fapp.cardea.test%2Finside"} {
				if a := c.Get(path); a.Status == 200 || strings.Contains(a.Location, "/registration") {
					t.Errorf("%s: %d to %q", path, a.Status, a.Location)
				}
			}
			// A login form is posted to the address of registrations, and the other way round.
			f := c.Start("login", "")
			f.Kind = "registration"
			f.Submit(map[string]any{"method": "password", "traits.email": "eve@cardea.test", "password": passwordOf("eve")})
			f.Kind = "login"
			f.Submit(map[string]any{"method": "password", "traits.email": "eve@cardea.test", "identifier": "eve@cardea.test", "password": passwordOf("eve")})
			f.Submit(map[string]any{"method": "code", "identifier": "eve@cardea.test", "traits.email": "eve@cardea.test"})
			for _, journey := range []string{"recovery", "verification"} {
				c.Start(journey, "").Submit(map[string]any{"method": "code", "email": "eve@cardea.test"})
			}
			if kind == cardeatest.Native {
				continue
			}
			f = c.Start("login", "")
			a := f.Submit(map[string]any{"provider": "acme", "method": "oidc"})
			to := a.Location + a.Text("redirect_browser_to")
			c.Get(provider.Consent(to, map[string]any{"sub": "eve", "email": "eve@cardea.test", "email_verified": true}))
			if who(c) != "" {
				t.Errorf("somebody new came in over a provider as %q", who(c))
			}
		}
		if n := h.accounts(); n != 0 {
			t.Errorf("%d accounts were made", n)
		}
	})
	t.Run("nobody may any more", func(t *testing.T) {
		const place = "https://id.cardea.test"
		both := "selfservice: {methods: {oidc: {config: {base_redirect_uri: '" + place + "'}}}}"
		dsn := "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "shared.db")) + "?_fk=true"
		open := newHouse(t, cardeatest.Options{DSN: dsn, Config: everything(methods, both)})
		shut := newHouse(t, cardeatest.Options{DSN: dsn, Config: everything(methods, both, closed)})
		// over begins a registration over the provider and comes back to one of the servers.
		over := func(kind cardeatest.Kind, back *house) *cardeatest.Answer {
			c := open.Client(kind)
			f := c.Start("registration", "return_session_token_exchange_code=true")
			a := f.Submit(map[string]any{"provider": "acme", "method": "oidc"})
			callback := provider.Consent(a.Location+a.Text("redirect_browser_to"), map[string]any{"sub": string(kind), "email": string(kind) + "-acme@cardea.test"})
			browser := back.Client(cardeatest.Browser)
			if kind != cardeatest.Native {
				browser.Header.Set("Cookie", cookies(open, c))
			}
			return browser.Get(strings.TrimPrefix(callback, place))
		}
		for _, kind := range cardeatest.Kinds {
			for method, fields := range map[string]map[string]any{
				"password": {"traits.email": string(kind) + "@cardea.test", "password": passwordOf(string(kind))},
				"code":     {"traits.email": string(kind) + "-code@cardea.test"},
			} {
				fields["method"] = method
				begun := open.Client(kind).Start("registration", "")
				f := shut.Client(kind).Start("login", "") // for the anti-CSRF cookie of a browser
				f.ID, f.Kind = begun.ID, "registration"
				if a := f.Submit(fields); a.Status < 300 || len(shut.Mails(fields["traits.email"].(string))) > 0 {
					t.Errorf("a %s goes on with a form of before by %s: %d %s", kind, method, a.Status, a.Body)
				}
			}
			if a := over(kind, shut); !strings.Contains(a.Location, "/error") {
				t.Errorf("a %s comes back from the provider: %d to %q", kind, a.Status, a.Location)
			}
		}
		if n := open.accounts(); n != 0 {
			t.Errorf("%d accounts were made", n)
		}
		begun := open.Client(cardeatest.Native).Start("registration", "") // otherwise the test proves nothing
		if a := begun.Submit(map[string]any{"method": "password", "traits.email": owner, "password": passwordOf(owner)}); a.Status != 200 {
			t.Errorf("where people may sign up: %d %s", a.Status, a.Body)
		}
		for _, kind := range cardeatest.Kinds {
			over(kind, open)
		}
		if n := open.accounts(); n != 4 {
			t.Errorf("where people may sign up there are %d accounts, want 4", n)
		}
	})
	t.Run("with one schema", func(t *testing.T) {
		h := newHouse(t, cardeatest.Options{Config: everything(methods,
			"identity: {schemas: [{id: default, url: "+encoded(schema)+", selfservice_selectable: true}, {id: staff, url: "+encoded(schema)+"}]}")})
		for n, query := range []string{"identity_schema=staff", "identity_schema=STAFF", "identity_schema=default&identity_schema=staff", "identity_schema=staff%00", "schema_id=staff", "identity_schema=../staff"} {
			c := h.Client(cardeatest.Native)
			a := c.Get("/self-service/registration/api?" + query)
			if a.Status == 200 {
				f := c.Resume("registration", a.Text("id"))
				email := string(rune('a'+n)) + "ve@cardea.test"
				f.Submit(map[string]any{"method": "password", "traits.email": email, "password": passwordOf("eve"), "schema_id": "staff", "identity_schema": "staff"})
			}
		}
		list := string(h.operator.Get(h.AdminURL + "/admin/identities?page_size=100").Body)
		if strings.Contains(list, `"schema_id":"staff"`) || !strings.Contains(list, `"schema_id":"default"`) {
			t.Errorf("accounts: %s", list)
		}
	})
}

// TestNobodyAssignsThemselvesWhatIsNotTheirs sends members of an account that are not for
// its owner to set, wherever owners send something.
func TestNobodyAssignsThemselvesWhatIsNotTheirs(t *testing.T) {
	foreign := map[string]any{
		"id": "11111111-1111-4111-8111-111111111111", "identity_id": "11111111-1111-4111-8111-111111111111", "state": "inactive", "schema_id": "other", "external_id": "boss", "organization_id": "11111111-1111-4111-8111-111111111111",
		"metadata_public": map[string]any{"role": "admin"}, "metadata_admin": map[string]any{"role": "admin"}, "credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": "x"}}},
		"verified": true, "verifiable_addresses": []any{map[string]any{"value": "eve@cardea.test", "via": "email", "verified": true, "status": "completed"}},
		"recovery_addresses": []any{map[string]any{"value": "boss@cardea.test", "via": "email"}}, "aal": "aal2", "available_aal": "aal2", "created_at": "2001-01-01T00:00:00Z",
		"identity":  map[string]any{"metadata_admin": map[string]any{"role": "admin"}, "verified_addresses": []any{map[string]any{"via": "email", "value": "eve@cardea.test"}}},
		"__proto__": map[string]any{"verified": true}, "constructor": map[string]any{"prototype": map[string]any{"verified": true}}, "admin": true,
	}
	traits := map[string]any{"traits.role": "admin", "traits.metadata_admin": map[string]any{"role": "admin"}, "traits.verified": true, "traits.__proto__": map[string]any{"x": 1}, "traits.email.value": "boss@cardea.test"}
	each(t, everything(), func(h *house, kind cardeatest.Kind, email string) {
		t := h.T
		with := func(fields map[string]any, more map[string]any) map[string]any {
			all := map[string]any{}
			for _, m := range []map[string]any{more, fields} {
				for k, v := range m {
					all[k] = v
				}
			}
			return all
		}
		c := h.Client(kind)
		took(c, c.Start("registration", "").Submit(with(map[string]any{"method": "password", "traits.email": email, "password": passwordOf(email)}, foreign)))
		id := c.WhoAmI().Text("identity", "id")
		if id == "" {
			t.Fatal("nobody signed up: this test proves nothing")
		}
		harmless := func(what string) {
			t.Helper()
			a := h.row(id)
			for _, m := range []string{"metadata_admin", "metadata_public", "external_id", "organization_id"} {
				if a.JSON[m] != nil {
					t.Errorf("%s: %s is %v", what, m, a.JSON[m])
				}
			}
			if a.Text("id") != id || a.Text("state") != "active" || a.Text("schema_id") != "default" || h.verified(id) || strings.Contains(string(a.Body), "boss") || strings.Contains(string(a.Body), "admin\"}") || strings.HasPrefix(a.Text("created_at"), "2001") {
				t.Errorf("%s: %s", what, a.Body)
			}
		}
		harmless("registration")
		c.Start("settings", "").Submit(with(map[string]any{"method": "profile", "traits.email": email, "traits.name": "Eve"}, foreign))
		harmless("profile")
		if got := h.row(id).Text("traits", "name"); got != "Eve" {
			t.Errorf("the profile was not changed: %q", got)
		}
		c.Start("settings", "").Submit(with(map[string]any{"method": "password", "password": "new-Sturdy-Wombats-88"}, foreign))
		harmless("password")
		c.Start("login", "refresh=true").Submit(with(map[string]any{"method": "password", "identifier": email, "password": "new-Sturdy-Wombats-88"}, foreign))
		harmless("login")
		for _, journey := range []string{"verification", "recovery"} {
			h.Client(kind).Start(journey, "").Submit(with(map[string]any{"method": "code", "email": email}, foreign))
			harmless(journey)
		}
		for name, value := range traits {
			c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": email, name: value})
			harmless("profile with " + name)
			h.Client(kind).Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": "mallory@cardea.test", "password": passwordOf("mal"), name: value})
		}
	})
}
