package courier

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/flow"
	"cardea/internal/identity"
)

func TestCodesAreOnlyBoundToHostsThatTheConfigurationNames(t *testing.T) {
	templates := compiled(t, snapshot())
	for address, bound := range map[string]string{
		"https://accounts.example.org:4433/x":  "accounts.example.org",
		"https://www.example.org/login":        "www.example.org",
		"https://shop.apps.example.org/":       "shop.apps.example.org",
		"https://evil.test/x":                  "",
		"https://apps.example.org.evil.test/x": "",
		"https://evilapps.example.org/":        "",
		"https://accounts.example.org\n@x/":    "",
		"https://x%C2%85.apps.example.org/":    "",
		"":                                     "",
	} {
		data := everything()
		data["request_url"] = address
		l := render(t, templates, flow.Outgoing{Template: "login_code_valid", Channel: identity.SMS, Data: data})
		if l.Data["request_url_domain"] != bound || strings.Contains(l.Text, "@") != (bound != "") {
			t.Errorf("a code asked for at %q is bound to %q: %q", address, l.Data["request_url_domain"], l.Text)
		}
	}
}

func TestTemplateDataHasTheKeysOfTheContract(t *testing.T) {
	templates := compiled(t, snapshot())
	notify := []string{"request_url", "to", "transient_payload"}
	timed := append([]string{"expires_in_minutes", "identity"}, notify...)
	for _, c := range []struct {
		template string
		channel  identity.Channel
		keys     []string
	}{
		{"recovery_valid", identity.Email, append([]string{"recovery_url"}, timed...)},
		{"recovery_invalid", identity.Email, notify},
		{"recovery_code_valid", identity.Email, append([]string{"recovery_code"}, timed...)},
		{"recovery_code_valid", identity.SMS, append([]string{"verification_code", "request_url_domain"}, timed...)},
		{"recovery_code_invalid", identity.Email, notify},
		{"verification_valid", identity.Email, append([]string{"verification_url"}, timed...)},
		{"verification_invalid", identity.Email, notify},
		{"verification_code_valid", identity.Email, append([]string{"verification_code", "verification_url"}, timed...)},
		{"verification_code_valid", identity.SMS, append([]string{"verification_code", "request_url_domain"}, timed...)},
		{"verification_code_invalid", identity.Email, notify},
		{"login_code_valid", identity.Email, append([]string{"login_code"}, timed...)},
		{"login_code_valid", identity.SMS, append([]string{"login_code", "request_url_domain"}, timed...)},
		{"registration_code_valid", identity.Email, append([]string{"registration_code", "traits", "expires_in_minutes"}, notify...)},
		{"registration_code_valid", identity.SMS, append([]string{"registration_code", "identity", "expires_in_minutes", "request_url_domain"}, notify...)},
		{"verifiable_address_changed", identity.Email, []string{"changed_at", "identity", "to", "transient_payload"}},
		{"verifiable_address_changed", identity.SMS, []string{"changed_at", "identity", "to", "transient_payload"}},
		{"authenticator_key_added", identity.Email, []string{"added_at", "identity", "to", "transient_payload"}},
		{"authenticator_key_added", identity.SMS, []string{"added_at", "identity", "to", "transient_payload"}},
		{"stub", identity.Email, []string{"body", "html_body", "subject", "to"}},
		{"stub", identity.SMS, []string{"body", "identity", "to"}},
	} {
		l := render(t, templates, flow.Outgoing{Template: c.template, Channel: c.channel})
		var keys []string
		for key := range l.Data {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		slices.Sort(c.keys)
		if diff := cmp.Diff(c.keys, keys); diff != "" {
			t.Errorf("%s over %s: %s", c.template, c.channel, diff)
		}
		if l.Data["to"] == "" {
			t.Errorf("%s does not say to whom", c.template)
		}
	}
}

func TestTextMessagesUseTheContractsOddNames(t *testing.T) {
	templates := compiled(t, snapshot())
	recovery := render(t, templates, flow.Outgoing{Template: "recovery_code_valid", Channel: identity.SMS, Data: everything()})
	if recovery.Data["verification_code"] != "111111" {
		t.Errorf("the recovery code is %v", recovery.Data["verification_code"])
	}
	registration := render(t, templates, flow.Outgoing{Template: "registration_code_valid", Channel: identity.SMS, Data: everything()})
	if diff := cmp.Diff(map[string]any{"email": "person@example.com"}, registration.Data["identity"]); diff != "" {
		t.Error(diff)
	}
}

func TestAnIdentityMayComeAsAnyJSON(t *testing.T) {
	templates := compiled(t, snapshot())
	l := render(t, templates, flow.Outgoing{
		Template: "verifiable_address_changed", Channel: identity.Email,
		Data: map[string]any{"identity": json.RawMessage(`{"id": "abc", "traits": {}}`), "changed_at": "2026-11-23T06:00:00Z"},
	})
	if !strings.Contains(l.Text, "abc") || !strings.Contains(l.Text, "2026-11-23T06:00:00Z") {
		t.Errorf("the text is %q", l.Text)
	}
}
