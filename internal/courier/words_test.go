package courier

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cardea/internal/flow"
	"cardea/internal/identity"
)

// said are the sentences that a template asks for.
var said = regexp.MustCompile(`\.Words\.(Text|Count) "([^"]+)"`)

func TestTemplatesSayNothingThatTheCatalogueLacks(t *testing.T) {
	keys := sentences(t).Locale().Mails().Keys()
	used := map[string]bool{}
	err := fs.WalkDir(builtin, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(builtin, name)
		for _, m := range said.FindAllStringSubmatch(string(raw), -1) {
			if m[1] == "Count" {
				m[2] += ".other"
				used[strings.TrimSuffix(m[2], ".other")+".one"] = true
			}
			used[m[2]] = true
			if !slices.Contains(keys, m[2]) {
				t.Errorf("%s: there is no %q", name, m[2])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !used[key] {
			t.Errorf("no message says %q", key)
		}
	}
}

func TestEveryMessageSpeaksEveryLanguage(t *testing.T) {
	templates := compiled(t, snapshot())
	english := map[string]Letter{}
	for _, language := range sentences(t).Languages() {
		l := sentences(t).Locale(language.Tag)
		for _, k := range kinds() {
			if k.name == "stub" { // says what it is told
				continue
			}
			for _, c := range []identity.Channel{identity.Email, identity.SMS} {
				if k.fields(c) == nil {
					continue
				}
				letter := render(t, templates, flow.Outgoing{Template: k.name, Channel: c, Locale: l.Tag().String(), Data: everything()})
				name := k.name + " " + string(c)
				if strings.ContainsAny(letter.Text+letter.Subject, "{}") || letter.Text == "" {
					t.Errorf("%s, %s: %q, %q", l.Tag(), name, letter.Subject, letter.Text)
				}
				if c == identity.Email && !strings.Contains(letter.HTML, `<html lang="`+l.Tag().String()+`" dir="`+l.Direction()+`">`) {
					t.Errorf("%s, %s: the mail does not say its language", l.Tag(), name)
				}
				if l.Tag().String() == "en" {
					english[name] = letter
				} else if letter.Text == english[name].Text {
					t.Errorf("%s, %s is English", l.Tag(), name)
				}
			}
		}
	}
}
