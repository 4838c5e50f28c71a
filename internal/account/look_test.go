package account

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/ui"
)

// changed are pages with an operator's changes: files below the override path and
// custom properties.
func changed(t *testing.T, j *journeys, files map[string]string, change func(*config.CardeaAccount)) (*Pages, error) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := pages(t, j)
	s := *j.setup.Snapshot
	s.Cardea.Account.OverridePath = root
	if change != nil {
		change(&s.Cardea.Account)
	}
	words, err := Texts(&s, catalogue(t))
	if err != nil {
		return nil, err
	}
	use, err := p.Prepare(&s, words)
	if err != nil {
		return nil, err
	}
	use()
	return p, nil
}

func read200(t *testing.T, p *Pages, address string) string {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", address, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", address, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestAnOperatorReplacesPartialsTextsAndColours(t *testing.T) {
	j := &journeys{setup: setup(t, nil), page: flowPage(flow.Login, ui.Container{Nodes: login()})}
	p, err := changed(t, j, map[string]string{
		"templates/partials.html": `{{define "button"}}<button class="theirs" name="{{.Name}}" value="{{.Value}}">{{.Label}}</button>{{end}}`,
		"templates/notice.html":   `{{define "content"}}<p class="theirs">{{.Text}}</p>{{end}}`,
		"locales/en.json":         `{"pages": {"login.title": "Come in"}, "messages": {"1070001": "Pass phrase"}}`,
	}, func(a *config.CardeaAccount) {
		a.Theme.Light = map[string]string{"brand": "#123456", "on_brand": "white"}
		a.Theme.Dark = map[string]string{"brand": "#fedcba"}
	})
	if err != nil {
		t.Fatal(err)
	}
	page := read200(t, p, "/login?flow=x")
	for _, want := range []string{`class="theirs" name="method"`, "Come in</h1>", ">Pass phrase</label>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, `class="button primary"`) {
		t.Error("our own button is still there")
	}
	if out := read200(t, p, "/signed-out"); !strings.Contains(out, `<p class="theirs">`) {
		t.Error("a whole page was not replaced")
	}
	style := read200(t, p, p.look.Load().assets.style)
	for _, want := range []string{"(prefers-color-scheme: light) { :root { --brand: #123456; --on-brand: white; } }", "(prefers-color-scheme: dark) { :root { --brand: #fedcba; } }"} {
		if !strings.HasSuffix(style[strings.Index(style, "@media print"):], "\n") || !strings.Contains(style, want) {
			t.Errorf("the style sheet lacks %s", want)
		}
	}
}

func TestChangesThatCannotWorkAreRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"a template that does not parse":  {"templates/x.html": `{{define "button"}}{{if}}{{end}}`},
		"a template that is not safe":     {"templates/notice.html": `{{define "content"}}<a href='{{if .Text}}x'{{end}}>{{end}}`},
		"a template that calls for more":  {"templates/notice.html": `{{define "content"}}{{template "nowhere"}}{{end}}`},
		"a text that nobody asks for":     {"locales/en.json": `{"pages": {"nowhere": "x"}}`},
		"a language that cannot be read":  {"locales/de.json": `{"pages": {"login.title": "{"}}`},
		"a file that is not a language's": {"locales/words.of.mine.json": `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			j := &journeys{setup: setup(t, nil)}
			if _, err := changed(t, j, files, nil); err == nil {
				t.Error("it was accepted")
			}
		})
	}
	if _, err := changed(t, &journeys{setup: setup(t, nil)}, nil, func(a *config.CardeaAccount) { a.OverridePath += "/nowhere" }); err == nil {
		t.Error("a directory that is not there was accepted")
	}
}

func TestEveryScreenIsDrawnInEveryLanguageWithoutGaps(t *testing.T) {
	j := &journeys{setup: setup(t, func(s *config.Snapshot) { s.Development = true })}
	j.setup.Dev = true
	p := pages(t, j)
	for _, l := range catalogue(t).Languages() {
		for _, s := range screens() {
			r := httptest.NewRequest("GET", "/preview?screen="+s.name, nil)
			r.Header.Set("Accept-Language", l.Tag.String())
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if w.Code >= 500 || w.Code == 404 {
				t.Fatalf("%s, %s: %d", s.name, l.Tag, w.Code)
			}
			doc := document(t, w)
			if value(elements(doc, "html")[0], "lang") != l.Tag.String() {
				t.Errorf("%s is not in %s", s.name, l.Tag)
			}
			text := textOf(elements(doc, "body")[0])
			for _, gap := range []string{"{", "}", "<no value>", "%!"} {
				if strings.Contains(text, gap) {
					t.Errorf("%s, %s: there is %q in %q", s.name, l.Tag, gap, text)
				}
			}
		}
	}
}

// TestEveryPageIsInThePreview, and so in front of whoever checks how pages look.
func TestEveryPageIsInThePreview(t *testing.T) {
	j := &journeys{setup: setup(t, func(s *config.Snapshot) { s.Development = true })}
	j.setup.Dev = true
	p := pages(t, j)
	var shown strings.Builder
	for _, s := range screens() {
		r := httptest.NewRequest("GET", "/preview?screen="+s.name, nil)
		r.Header.Set("Accept-Language", "en")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		shown.WriteString(textOf(elements(document(t, w), "body")[0]) + "\n")
	}
	words := catalogue(t).Locale(language.English).Pages()
	for _, key := range words.Keys() {
		switch {
		case !strings.HasSuffix(key, ".title"), key == "mailbox.title", key == "trial.title": // those are for developers and operators
		case !strings.Contains(shown.String(), words.Text(key, "name", "Cardea")):
			t.Errorf("no screen has the title %s", key)
		}
	}
}

func TestThePreviewIsThereInDevelopmentOnly(t *testing.T) {
	j := &journeys{setup: setup(t, nil)}
	j.setup.Dev = false
	if w := get(t, j, "/preview"); w.Code != 404 {
		t.Errorf("status %d", w.Code)
	}
}

func BenchmarkPage(b *testing.B) {
	j := &journeys{setup: setup(b, nil), page: flowPage(flow.Login, ui.Container{Nodes: login()})}
	p := pages(b, j)
	r := httptest.NewRequest("GET", "/login?flow=x", nil)
	b.ReportAllocs()
	for b.Loop() {
		p.ServeHTTP(httptest.NewRecorder(), r)
	}
}
