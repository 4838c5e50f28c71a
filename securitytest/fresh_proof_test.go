package securitytest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// TestFactorChangesNeedFreshProof is somebody at an open session that is not fresh: no
// way to change how the account is signed in to, or how it is won back, goes without
// proving again who they are. A name may be changed.
func TestFactorChangesNeedFreshProof(t *testing.T) {
	provider := cardeatest.NewProvider(t)
	const rp = `{rp: {id: cardea.test, display_name: Cardea, origins: ["https://www.cardea.test"]}`
	config := everything(
		"selfservice: {flows: {settings: {required_aal: aal1, privileged_session_max_age: 1ns}}, methods: {webauthn: {enabled: true, config: "+rp+", passwordless: true}}, passkey: {enabled: true, config: "+rp+"}}, oidc: {enabled: true, config: {providers: ["+provider.Config("acme", "")+"]}}}}",
		"cardea: {account: {allow_deletion: true, allow_export: true}}", "session: {whoami: {required_aal: aal1}}")
	each(t, config, func(h *house, kind cardeatest.Kind, email string) {
		t := h.T
		id := h.person(email, map[string]any{"lookup_secret": map[string]any{"config": map[string]any{"codes": []any{map[string]any{"code": "abcd2345"}}}}})
		path := "?include_credential=password&include_credential=totp&include_credential=lookup_secret&include_credential=webauthn&include_credential=passkey&include_credential=oidc"
		factors := func() []any {
			a := h.row(id + path)
			return []any{a.JSON["credentials"], a.Text("traits", "email")}
		}
		before := factors()
		c := h.in(kind, email)
		for name, fields := range map[string]map[string]any{
			"another password":         {"method": "password", "password": "new-Sturdy-Wombats-88"},
			"another address":          {"method": "profile", "traits.email": "mallory@cardea.test"},
			"an app":                   {"method": "totp", "totp_code": h.appCode()},
			"no app":                   {"totp_unlink": "true"},
			"new backup codes":         {"lookup_secret_regenerate": "true"},
			"the backup codes":         {"lookup_secret_reveal": "true"},
			"no backup codes":          {"lookup_secret_disable": "true"},
			"confirmed backup codes":   {"lookup_secret_confirm": "true"},
			"a security key":           {"webauthn_register": "{}", "webauthn_register_displayname": "x"},
			"no security key":          {"webauthn_remove": "00"},
			"a passkey":                {"passkey_settings_register": "{}"},
			"no passkey":               {"passkey_remove": "00"},
			"a provider":               {"link": "acme"},
			"no provider":              {"unlink": "acme"},
			"two at once":              {"method": "profile", "traits.email": email, "password": "new-Sturdy-Wombats-88"},
			"a code as a way to enter": {"method": "code"},
		} {
			f := c.Start("settings", "")
			a := f.Submit(fields)
			refused := a.ErrorID() == "session_refresh_required" || strings.Contains(a.Location, "/login") || a.Status == 400 || a.Status == 404
			if strings.HasPrefix(a.Location, provider.URL) || strings.Contains(a.Text("redirect_browser_to"), provider.URL) {
				refused = false
			}
			if !refused && (name != "two at once" && name != "a code as a way to enter") {
				t.Errorf("%s: %d to %q %s", name, a.Status, a.Location, a.Body)
			}
			if diff := cmp.Diff(before, factors()); diff != "" {
				t.Errorf("%s changed the account (-, +):\n%s", name, diff)
				before = factors()
			}
			if strings.Contains(string(a.Body), "abcd2345") {
				t.Errorf("%s shows a backup code", name)
			}
		}
		f := c.Start("settings", "")
		f.Submit(map[string]any{"method": "profile", "traits.email": email, "traits.name": "Ann"})
		if got := h.row(id).Text("traits", "name"); got != "Ann" {
			t.Errorf("the name was not changed: %q", got)
		}
		if a := c.Do("DELETE", "/self-service/account", nil); a.Status < 400 {
			t.Errorf("leaving: %d", a.Status)
		}
	})
}
