package courier

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
)

// overrides writes files below a new directory and gives a configuration with it.
func overrides(t *testing.T, files map[string]string) *config.Snapshot {
	t.Helper()
	s := snapshot()
	s.Courier.TemplateOverridePath = t.TempDir()
	for name, text := range files {
		path := filepath.Join(s.Courier.TemplateOverridePath, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func loginMail(locale string) flow.Outgoing {
	return flow.Outgoing{Template: "login_code_valid", Channel: identity.Email, Locale: locale, Data: everything()}
}

func TestAnOverrideFileReplacesOneTextAndLeavesTheOthers(t *testing.T) {
	ours := render(t, compiled(t, snapshot()), loginMail(""))
	l := render(t, compiled(t, overrides(t, map[string]string{"login_code/valid/email.subject.gotmpl": "\n{{ .LoginCode | upper }} for {{ .Identity.traits.email }}\n"})), loginMail(""))
	if l.Subject != "333333 for person@example.com" || l.Text != ours.Text || l.HTML != ours.HTML {
		t.Errorf("the letter is %+v", l)
	}
}

func TestATextOfTheConfigurationGoesBeforeAnOverrideFile(t *testing.T) {
	s := overrides(t, map[string]string{"login_code/valid/email.subject.gotmpl": "file", "login_code/valid/email.body.gotmpl": "file"})
	texts := config.CourierTemplate{}
	texts.Valid.Email.Subject = "https://texts.test/subject"
	texts.Valid.SMS.Body.Plaintext = "https://texts.test/sms"
	changed := config.CourierTemplate{}
	changed.Email.Body.Plaintext = "https://texts.test/changed"
	s.Courier.Templates = map[string]config.CourierTemplate{"login_code": texts, "verifiable_address_changed": changed}
	templates, err := Compile(t.Context(), s, sentences(t), func(_ context.Context, url string) ([]byte, error) { return []byte("from " + url + " {{.To}}"), nil })
	if err != nil {
		t.Fatal(err)
	}
	mail := render(t, templates, loginMail("de"))
	sms := render(t, templates, flow.Outgoing{Template: "login_code_valid", Channel: identity.SMS, Data: everything()})
	notice := render(t, templates, flow.Outgoing{Template: "verifiable_address_changed", Channel: identity.Email, Data: everything()})
	for name, got := range map[string]string{"subject": mail.Subject, "sms": sms.Text, "changed": notice.Text} {
		if got != "from https://texts.test/"+name+" person@example.com" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if mail.HTML != "file" {
		t.Errorf("the HTML is %q", mail.HTML)
	}
}

func TestAPersonGetsTheirLanguageWhereThereIsOne(t *testing.T) {
	const dir = "login_code/valid/"
	const file = "/email.subject.gotmpl"
	for name, c := range map[string]struct {
		files map[string]string
		want  map[string]string // by locale
	}{
		"variants and a text for everybody": {
			map[string]string{dir + "de" + file: "de", dir + "pt-BR" + file: "pt-br", dir + "email.subject.gotmpl": "any"},
			map[string]string{"de": "de", "de-CH": "de", "DE": "de", "pt-BR": "pt-br", "pt": "any", "en": "any", "": "any"},
		},
		"variants alone": {
			map[string]string{dir + "de" + file: "de", dir + "en" + file: "en"},
			map[string]string{"de-AT": "de", "en-GB": "en", "is": "en", "": "en"},
		},
		"one variant": {
			map[string]string{dir + "de" + file: "de"},
			map[string]string{"de": "de", "is": "333333 is your sign-in code", "../../etc": "333333 is your sign-in code"},
		},
	} {
		templates := compiled(t, overrides(t, c.files))
		for locale, want := range c.want {
			if got := render(t, templates, loginMail(locale)).Subject; got != want {
				t.Errorf("%s: %q reads %q, want %q", name, locale, got, want)
			}
		}
	}
}

func TestFilesThatBeginAlikeArePutTogether(t *testing.T) {
	l := render(t, compiled(t, overrides(t, map[string]string{
		"login_code/valid/email.body.plaintext.gotmpl":    `{{template "email.body.plaintext.de.gotmpl" .}} and {{template "part" $}}`,
		"login_code/valid/email.body.plaintext.de.gotmpl": `{{define "part"}}{{.To}}{{end}}Code {{.LoginCode}}`,
		"login_code/valid/email.body.gotmpl":              `<b>{{template "email.body.plaintext.de.gotmpl" .}}</b>`,
	})), loginMail(""))
	if l.Text != "Code 333333 and person@example.com" || l.HTML != "<b>Code 333333</b>" {
		t.Errorf("the letter is %+v", l)
	}
}

func TestTemplatesKnowTheContractsNames(t *testing.T) {
	const text = `{{.LoginCode}}|{{.To}}|{{.RequestURL}}|{{.ExpiresInMinutes}}|{{.TransientPayload.theme}}|{{.Identity.id}}|{{index .Identity "id"}}` +
		`|{{.OAuth2LoginRequest.Challenge}}|{{.OAuth2LoginRequest.Client.ClientID}}|{{.OAuth2LoginRequest.Client.ClientName}}` +
		`|{{.OAuth2LoginRequest.Client.ClientURI}}|{{.OAuth2LoginRequest.Client.LogoURI}}|{{.OAuth2LoginRequest.Client.Metadata.a}}` +
		`|{{range $k, $v := .UserRequestHeaders}}{{$k}}={{index $v 0}}{{end}}`
	o := loginMail("")
	o.Headers = map[string][]string{"Accept": {"a"}}
	l := render(t, compiled(t, overrides(t, map[string]string{"login_code/valid/email.body.plaintext.gotmpl": text})), o)
	want := "333333|person@example.com|https://accounts.example.org:4433/self-service/login/browser|15|dark|2d1b|2d1b|c|id|Shop|https://shop.test|https://shop.test/logo|1|Accept=a"
	if l.Text != want {
		t.Errorf("got  %s\nwant %s", l.Text, want)
	}
}

func TestATextThatCannotWorkIsFoundAtTheStartWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ file, text, place string }{
		"does not parse":                {"email.subject.gotmpl", "a\n{{if}}", "email.subject.gotmpl:2"},
		"unknown function":              {"email.body.plaintext.gotmpl", "a\nb\n{{nonsense}}", "email.body.plaintext.gotmpl:3"},
		"unknown field":                 {"email.body.gotmpl", "a\n{{.LoginCoed}}", "email.body.gotmpl:2"},
		"unknown field of the dollar":   {"email.body.gotmpl", "a\n{{range .To}}{{$.Nope}}{{end}}", "email.body.gotmpl:2"},
		"unknown field in a pipeline":   {"email.subject.gotmpl", "{{.To | printf \"%s%s\" .Nope}}", "email.subject.gotmpl:1"},
		"unknown field in parentheses":  {"email.subject.gotmpl", "{{if and .To (eq .Nope 1)}}x{{end}}", "email.subject.gotmpl:1"},
		"unknown field in an else":      {"email.subject.gotmpl", "{{with .To}}{{else}}\n{{.Nope}}{{end}}", "email.subject.gotmpl:2"},
		"unknown field in a definition": {"email.subject.gotmpl", "{{define \"x\"}}\n{{.Nope}}{{end}}{{template \"x\" .}}", "email.subject.gotmpl:2"},
		"field of another message":      {"email.subject.gotmpl", "{{.RecoveryCode}}", "email.subject.gotmpl:1"},
		"unknown template":              {"email.body.plaintext.gotmpl", "a\n{{template \"nope\" .}}", "email.body.plaintext.gotmpl:2"},
		"field of a text":               {"email.body.gotmpl", "a\n{{.To.Name}}", "email.body.gotmpl:2"},
		"field of a number":             {"email.body.gotmpl", "a\n{{$.ExpiresInMinutes.Left}}", "email.body.gotmpl:2"},
		"fails whatever it is given":    {"email.body.plaintext.gotmpl", "a\n{{index .LoginCode .To}}", "email.body.plaintext.gotmpl:2"},
		"fails in HTML":                 {"email.body.gotmpl", "a\n<p>{{index .LoginCode .To}}", "email.body.gotmpl:2"},
		"calls itself":                  {"email.subject.gotmpl", "{{define \"x\"}}{{template \"x\" .}}{{end}}{{template \"x\" .}}", "email.subject.gotmpl:1"},
		"never ends":                    {"email.subject.gotmpl", "{{range 1000000000}}{{$.To}}{{end}}", "email.subject.gotmpl"},
		"cannot be escaped":             {"email.body.gotmpl", "a\n<a href='{{if .To}}x'{{else}}{{end}}>", "email.body.gotmpl:2"},
		"the environment":               {"email.subject.gotmpl", "{{env \"HOME\"}}", "email.subject.gotmpl:1"},
		"the network":                   {"email.subject.gotmpl", "{{getHostByName \"example.org\"}}", "email.subject.gotmpl:1"},
		"the clock":                     {"email.subject.gotmpl", "{{now}}", "email.subject.gotmpl:1"},
		"chance":                        {"email.body.gotmpl", "{{randAlphaNum 5}}", "email.body.gotmpl:1"},
		"a key pair":                    {"email.body.gotmpl", "{{genPrivateKey \"rsa\"}}", "email.body.gotmpl:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(t.Context(), overrides(t, map[string]string{"login_code/valid/" + c.file: c.text}), sentences(t), noDocuments)
			if err == nil || !strings.Contains(err.Error(), "login_code/valid") || !strings.Contains(err.Error(), c.place) {
				t.Errorf("the error is %v, want the place %s", err, c.place)
			}
		})
	}
}

// dependent begins a text of which nobody can say before there is a message
// whether it works.
const dependent = `{{with .Identity}}{{end}}`

func TestWhatDependsOnTheDataIsNotRefusedAtTheStart(t *testing.T) {
	for _, text := range []string{
		dependent + `{{fail .To}}`,
		`{{template "x" .}}{{define "x"}}{{if .Identity.traits.name.first}}{{end}}{{end}}`,
		`{{(split "@" .To)._1}} {{substr 0 3 .LoginCode}}`,
		`{{.Identity.traits.name.first}}`,
		`{{with .Identity}}{{.traits.email}}{{end}}`,
		`{{range $i, $v := .TransientPayload}}{{.Anything}}{{end}}`,
		`{{with .OAuth2LoginRequest}}{{.Client.ClientName}}{{end}}`,
		`{{define "x"}}{{.Anything}}{{end}}{{template "x" .Identity}}`,
		`{{define "x"}}{{if false}}{{template "x" .}}{{end}}{{end}}{{template "x" .}}`,
	} {
		compiled(t, overrides(t, map[string]string{"login_code/valid/email.body.gotmpl": text}))
	}
}

func TestATextThatCannotBeFetchedIsFoundAtTheStart(t *testing.T) {
	s := snapshot()
	texts := config.CourierTemplate{}
	texts.Invalid.Email.Body.HTML = "https://texts.test/html"
	s.Courier.Templates = map[string]config.CourierTemplate{"recovery": texts}
	if _, err := Compile(t.Context(), s, sentences(t), noDocuments); err == nil || !strings.Contains(err.Error(), "recovery/invalid") {
		t.Errorf("the error is %v", err)
	}
}

func TestAMissingOverrideDirectoryIsSaidAndNoError(t *testing.T) {
	s := snapshot()
	s.Courier.TemplateOverridePath = filepath.Join(t.TempDir(), "missing")
	if templates := compiled(t, s); len(templates.Warnings) != 1 {
		t.Errorf("the warnings are %q", templates.Warnings)
	}
	s.Courier.TemplateOverridePath = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(s.Courier.TemplateOverridePath, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(t.Context(), s, sentences(t), noDocuments); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestRenderingIsBounded(t *testing.T) {
	templates := compiled(t, overrides(t, map[string]string{
		"login_code/valid/email.subject.gotmpl":           `x`,
		"login_code/valid/email.body.plaintext.gotmpl":    dependent + `{{range 1000000000}}{{$.LoginCode}}{{end}}`,
		"registration_code/valid/email.body.gotmpl":       `{{with .Traits}}{{end}}{{range 1000000000}}{{$.To}}{{end}}`,
		"recovery_code/valid/email.body.plaintext.gotmpl": dependent + `{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`,
	}))
	for _, template := range []string{"login_code_valid", "recovery_code_valid"} {
		if _, _, err := templates.letter(t.Context(), flow.Outgoing{Template: template, Channel: identity.Email, Recipient: "a@b.test", Data: everything()}); err == nil {
			t.Errorf("%s was rendered", template)
		}
	}
	l, withoutHTML, err := templates.letter(t.Context(), flow.Outgoing{Template: "registration_code_valid", Channel: identity.Email, Recipient: "a@b.test", Data: everything()})
	if err != nil || withoutHTML == nil || l.HTML != "" || l.Text == "" {
		t.Errorf("the letter is %d bytes of HTML, %v, %v", len(l.HTML), withoutHTML, err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, _, err := templates.letter(ctx, flow.Outgoing{Template: "verification_valid", Channel: identity.Email, Recipient: "a@b.test"}); err == nil {
		t.Error("a message was rendered for nobody")
	}
}

func TestAnHTMLBodyThatFailsIsReportedAndTheMailGoesOutAsText(t *testing.T) {
	c, s := composer(t, compiled(t, overrides(t, map[string]string{"login_code/valid/email.body.gotmpl": dependent + `<p>{{fail .To}}`})))
	var reported []error
	c.Report = func(_ context.Context, err error) { reported = append(reported, err) }
	m, err := c.Compose(t.Context(), s, flow.Outgoing{Template: "login_code_valid", Channel: identity.Email, Recipient: "a@b.test", Data: everything()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(s.Keys, m.ID, m.Sealed)
	if err != nil || l.HTML != "" || l.Text == "" || len(reported) != 1 {
		t.Errorf("the letter is %+v (%v), reported %v", l, err, reported)
	}
}

func TestAnErrorOfRenderingDoesNotQuoteTheMessage(t *testing.T) {
	for _, text := range []string{`{{fail .LoginCode}}`, `{{index .LoginCode .LoginCode}}`, `{{mustToDate "x" .LoginCode}}`, `{{template "x" .LoginCode}}{{define "x"}}{{fail .}}{{end}}`} {
		templates := compiled(t, overrides(t, map[string]string{"login_code/valid/email.subject.gotmpl": dependent + text}))
		data := everything()
		data["login_code"] = "CANARY"
		_, _, err := templates.letter(t.Context(), flow.Outgoing{Template: "login_code_valid", Channel: identity.Email, Recipient: "a@b.test", Data: data})
		if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "CANARY") || !strings.Contains(err.Error(), "email.subject.gotmpl:1") {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
}
