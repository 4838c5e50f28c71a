package securitytest

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// TestNoAnswerHoldsSecretsOfOthers fills an account with secrets and reads everything that
// can be read: what people, strangers and operators are answered holds none of them, but
// where it is asked for by name.
func TestNoAnswerHoldsSecretsOfOthers(t *testing.T) {
	each(t, everything("cardea: {account: {allow_export: true}}"), func(h *house, kind cardeatest.Kind, email string) {
		t, rich, stray := h.T, "rich-"+email, "stray-"+email
		more := app()
		more["lookup_secret"] = map[string]any{"config": map[string]any{"codes": []any{map[string]any{"code": "canary22"}, map[string]any{"code": "canary33"}}}}
		id := h.person(email, nil)
		full := h.person(rich, more)
		c := h.in(kind, email)
		canaries := map[string]string{"the password": passwordOf(email), "the key of the app": appKey, "a backup code": "canary22", "another backup code": "canary33", "the secret of the server": "a-secret-for-tests-only-0123456789"}
		hash := h.row(full+"?include_credential=password").Text("credentials", "password", "config", "hashed_password")
		if hash == "" {
			t.Fatal("nobody sees the hash: this test proves nothing")
		}
		canaries["a hash"], canaries["how hashes begin"] = hash, "$2a$"
		stranger := h.Client(kind)
		flows := map[string]string{}
		for journey, field := range map[string]string{"login": "identifier", "recovery": "email", "verification": "email", "registration": "traits.email"} {
			f := stranger.Start(journey, "")
			address := email
			if journey == "registration" {
				address = stray
			}
			f.Submit(map[string]any{"method": "code", field: address})
			canaries["the code of a "+journey] = h.LastMail(address).Code()
			flows[journey] = f.ID
		}
		wrong := stranger.Start("login", "")
		wrong.Submit(map[string]any{"method": "password", "identifier": email, "password": "canary-Wombats-of-somebody"})
		canaries["what was typed"], flows["login "] = "canary-Wombats-of-somebody", wrong.ID
		wrong = stranger.Start("registration", "")
		wrong.Submit(map[string]any{"method": "password", "traits.email": stray, "traits.name": strings.Repeat("x", 300), "password": "canary-Wombats-of-somebody"})
		flows["registration "] = wrong.ID
		own := c.Start("settings", "")
		own.Submit(map[string]any{"method": "password", "password": "short"})
		token := c.Token

		answers := map[string]*cardeatest.Answer{}
		for journey, flow := range flows {
			answers["a "+journey] = stranger.Get("/self-service/" + strings.TrimSpace(journey) + "/flows?id=" + flow)
		}
		for _, path := range []string{"/sessions/whoami", "/sessions", "/self-service/account", "/self-service/settings/flows?id=" + own.ID, "/schemas", "/self-service/login/browser?refresh=true", "/self-service/login/api?aal=aal2", "/.well-known/cardea/jwks.json", "/self-service/errors?id=x"} {
			answers[path] = c.Get(path)
		}
		for _, path := range []string{"/admin/identities", "/admin/identities?include_credential=oidc", "/admin/identities/" + id, "/admin/identities/" + full, "/admin/sessions?expand=identity&expand=devices", "/admin/identities/" + id + "/sessions", "/admin/identities?credentials_identifier=" + url.QueryEscape(rich), "/admin/metrics/prometheus", "/admin/version"} {
			answers[path] = h.operator.Get(h.AdminURL + path)
		}
		seen := 0
		for path, a := range answers {
			if a.Status == 200 {
				seen++
			}
			text := string(a.Body) + strings.Join(a.Header.Values("Location"), "") + strings.Join(a.Header.Values("Link"), "")
			if token != "" && strings.Contains(text, token) {
				t.Errorf("%s holds a session token", path)
			}
			for what, value := range canaries {
				if whole, _ := regexp.MatchString(`(^|[^0-9A-Za-z])`+regexp.QuoteMeta(value)+`($|[^0-9A-Za-z])`, text); whole || len(value) > 8 && strings.Contains(text, value) {
					t.Errorf("%s holds %s: %s", path, what, text)
				}
			}
		}
		if seen < 12 {
			t.Errorf("only %d answers were read", seen)
		}
	})
}
