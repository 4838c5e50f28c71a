package securitytest

import (
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// life is everything that lets somebody in as an account, made while it was switched on.
type life struct {
	name string
	try  func() bool // whether it still does
}

func (h *house) lives(id string) []life {
	h.Helper()
	spa, native := h.in(cardeatest.SPA, owner), h.in(cardeatest.Native, owner)
	settings := native.Start("settings", "")
	flows := map[string]*cardeatest.Flow{}
	clients := map[string]*cardeatest.Client{}
	codes := map[string]string{}
	for kind, field := range map[string]string{"login": "identifier", "recovery": "email"} {
		clients[kind] = h.Client(cardeatest.Native)
		flows[kind] = clients[kind].Start(kind, "")
		flows[kind].Submit(map[string]any{"method": "code", field: owner})
		codes[kind] = h.LastMail(owner).Code()
	}
	password := h.Client(cardeatest.SPA).Start("login", "")
	a := h.operator.Do("POST", h.AdminURL+"/admin/recovery/code", map[string]any{"identity_id": id})
	handed, link := a.Text("recovery_code"), a.Text("recovery_link")
	all := []life{
		{"a cookie at whoami", func() bool { return spa.WhoAmI().Status == 200 }},
		{"a token at whoami", func() bool { return native.WhoAmI().Status == 200 }},
		{"a token as a bearer", func() bool { return showing("Authorization", "Bearer ")(h, native.Token) }},
		{"a list of sessions", func() bool { return spa.Get("/sessions").Status == 200 }},
		{"settings that were begun", func() bool { return settings.Fetch().Status == 200 }},
		{"a change of settings", func() bool {
			return settings.Submit(map[string]any{"method": "profile", "traits.email": owner, "traits.name": "x"}).Status == 200
		}},
		{"new settings", func() bool { return native.Get("/self-service/settings/api").Status == 200 }},
		{"the data of the account", func() bool { return native.Get("/self-service/account").Status == 200 }},
		{"the password on a form that was open", func() bool {
			return password.Submit(map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner)}).Status == 200
		}},
		{"the password", func() bool {
			c := h.Client(cardeatest.Native)
			took(c, c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": owner, "password": passwordOf(owner)}))
			return c.Token != ""
		}},
		{"a sign-in code that was sent", func() bool {
			took(clients["login"], flows["login"].Submit(map[string]any{"method": "code", "identifier": owner, "code": codes["login"]}))
			return clients["login"].WhoAmI().Status == 200
		}},
		{"a recovery code that was sent", func() bool {
			took(clients["recovery"], flows["recovery"].Submit(map[string]any{"method": "code", "code": codes["recovery"]}))
			return clients["recovery"].WhoAmI().Status == 200
		}},
		{"a recovery code of an operator", func() bool {
			c := h.Client(cardeatest.SPA)
			f := c.Start("recovery", "")
			f.ID = link[strings.Index(link, "flow=")+5:]
			f.Submit(map[string]any{"method": "code", "code": handed})
			return c.WhoAmI().Status == 200
		}},
		{"a new sign-in code", func() bool {
			before := len(h.Mails(owner))
			c := h.Client(cardeatest.Native)
			f := c.Start("login", "")
			f.Submit(map[string]any{"method": "code", "identifier": owner})
			if len(h.Mails(owner)) == before {
				return false
			}
			took(c, f.Submit(map[string]any{"method": "code", "identifier": owner, "code": h.LastMail(owner).Code()}))
			return c.WhoAmI().Status == 200
		}},
	}
	return all
}

// TestDisabledThingsDoNotWork makes all that lets somebody in, switches the account off or
// takes it away, and tries each; where nothing was switched off, each works.
func TestDisabledThingsDoNotWork(t *testing.T) {
	for name, off := range map[string]func(h *house, id string) *cardeatest.Answer{
		"nothing": nil,
		"an account that is switched off": func(h *house, id string) *cardeatest.Answer {
			return h.operator.Do("PATCH", h.AdminURL+"/admin/identities/"+id, []any{map[string]any{"op": "replace", "path": "/state", "value": "inactive"}})
		},
		"an account that is gone": func(h *house, id string) *cardeatest.Answer {
			return h.operator.Do("DELETE", h.AdminURL+"/admin/identities/"+id, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cardeatest.Options{Config: everything("cardea: {throttle: {enabled: false}, account: {allow_export: true}}")})
			id := h.person(owner, nil)
			ways := h.lives(id)
			for range 2 { // so that what is remembered is remembered
				ways[0].try()
				ways[1].try()
			}
			if off != nil {
				if a := off(h, id); a.Status >= 300 {
					t.Fatalf("switch off: %d %s", a.Status, a.Body)
				}
			}
			var all sync.WaitGroup
			for n, w := range ways {
				try := func() {
					if got, want := w.try(), off == nil; got != want {
						t.Errorf("%s: works %t, want %t", w.name, got, want)
					}
				}
				if off == nil || n < 3 {
					try() // in this order
				} else {
					all.Go(try)
				}
			}
			all.Wait()
		})
	}
}

// TestAMethodThatIsSwitchedOffLetsNobodyIn is about accounts that still have what the
// method wants.
func TestAMethodThatIsSwitchedOffLetsNobodyIn(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything("selfservice: {methods: {password: {enabled: false}, totp: {enabled: false}, lookup_secret: {enabled: false}, link: {enabled: false}, code: {passwordless_enabled: false}}}")})
	more := app()
	more["lookup_secret"] = map[string]any{"config": map[string]any{"codes": []any{map[string]any{"code": "abcd2345"}}}}
	h.person(owner, more)
	for method, fields := range map[string]map[string]any{
		"password":      {"identifier": owner, "password": passwordOf(owner)},
		"code":          {"identifier": owner},
		"totp":          {"totp_code": h.appCode()},
		"lookup_secret": {"lookup_secret": "abcd2345"},
		"passkey":       {"passkey_login": "{}"},
		"webauthn":      {"identifier": owner, "webauthn_login": "{}"},
		"oidc":          {"provider": "acme"},
		"link":          {"email": owner},
	} {
		fields["method"] = method
		for _, kind := range []string{"login", "registration", "recovery", "verification"} {
			if (kind == "recovery" || kind == "verification") && method == "code" {
				continue // there it is on
			}
			c := h.Client(cardeatest.Native)
			a := c.Start(kind, "").Submit(fields)
			if took(c, a); a.Status < 400 || c.Token != "" || len(h.Mails(owner)) > 0 {
				t.Errorf("%s by %s: %d %s", kind, method, a.Status, a.Body)
			}
		}
	}
}
