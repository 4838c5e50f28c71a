package cardea_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cardea/cardeatest"
)

// languageSchema is a person who may say in which language to write to them.
const languageSchema = `{"type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
    "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "speaks": {"type": "string", "cardea": {"language": true}}}}}}`

// polyglot is a server whose mails say nothing but their language.
func polyglot(t *testing.T) *cardeatest.Server {
	t.Helper()
	dir := t.TempDir()
	for _, message := range []string{"recovery_code/valid", "verification_code/valid", "registration_code/valid", "login_code/valid", "verifiable_address_changed"} {
		for _, language := range []string{"de", "fr", ""} {
			path := filepath.Join(dir, filepath.FromSlash(message), language, "email.subject.gotmpl")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("in "+language), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cardeatest.New(t, cardeatest.Options{Config: fmt.Sprintf(`
identity: {schemas: [{id: default, url: "base64://%s"}]}
courier: {template_override_path: %q}
security: {account_enumeration: {mitigate: false}}
selfservice:
  methods: {code: {enabled: true, passwordless_enabled: true}}
  flows:
    recovery: {enabled: true}
    verification: {enabled: true}
    settings: {after: {profile: {hooks: [{hook: notify_previous_addresses, config: {recipients: all}}]}}}
`, base64.StdEncoding.EncodeToString([]byte(languageSchema)), dir)})
}

// TestMailIsWrittenInTheLanguageOfItsReader, which is what the account says, and
// only where it says nothing that of whoever caused the mail.
func TestMailIsWrittenInTheLanguageOfItsReader(t *testing.T) {
	for name, c := range map[string]struct{ speaks, browser, want string }{
		"the account says it":                 {"de", "fr", "in de"},
		"the account says it, nobody else":    {"de", "", "in de"},
		"the browser says it":                 {"", "fr", "in fr"},
		"the account says nonsense":           {"Deutsch, bitte!", "fr", "in fr"},
		"nobody says anything":                {"", "", "in"},
		"a region, of which there is no text": {"de-AT", "fr", "in de"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := polyglot(t)
			traits := map[string]any{"email": annsMail}
			fields := map[string]any{"method": "code", "traits.email": annsMail}
			if c.speaks != "" {
				traits["speaks"], fields["traits.speaks"] = c.speaks, c.speaks
			}
			app := s.Client(cardeatest.Native)
			if c.browser != "" {
				app.Header.Set("Accept-Language", c.browser)
			}
			want := func(mail string) {
				t.Helper()
				if got := s.LastMail(annsMail); got.Template != mail || got.Subject != c.want {
					t.Errorf("the mail %s is %q, want %s in %q", got.Template, got.Subject, mail, c.want)
				}
			}
			f := app.Start("registration", "")
			f.Submit(fields)
			want("registration_code_valid")

			// The traits of an account that an operator made are as good.
			made := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
				"schema_id": "default", "traits": traits,
				"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}}},
			})
			if made.Status != 201 {
				t.Fatalf("create an identity: %d %s", made.Status, made.Body)
			}
			app.Start("recovery", "").Submit(map[string]any{"method": "code", "email": annsMail})
			want("recovery_code_valid")
			app.Start("verification", "").Submit(map[string]any{"method": "code", "email": annsMail})
			want("verification_code_valid")
			app.Start("login", "").Submit(map[string]any{"method": "code", "identifier": annsMail})
			want("login_code_valid")
			app.SignIn(annsMail, cardeatest.Password)
			changed := map[string]any{"method": "profile", "traits": map[string]any{"email": "new@cardea.test"}}
			if c.speaks != "" {
				changed["traits"].(map[string]any)["speaks"] = c.speaks
			}
			if a := app.Start("settings", "").Submit(changed); a.Status != 200 {
				t.Fatalf("change the address: %d %s", a.Status, a.Body)
			}
			want("verifiable_address_changed")
		})
	}
}
