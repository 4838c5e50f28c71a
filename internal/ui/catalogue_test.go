package ui

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
	"pgregory.net/rapid"
)

// locales are all languages of ours.
func locales(t *testing.T) []*Locale {
	t.Helper()
	c := catalogue(t)
	var all []*Locale
	for _, l := range c.Languages() {
		all = append(all, c.Locale(l.Tag))
	}
	return all
}

func catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filled gives a context with a value for each key.
func filled(id MessageID) map[string]any {
	context := map[string]any{}
	for _, key := range id.ContextKeys() {
		context[key] = "(" + key + ")"
	}
	if key := definitions[id].nested; key != "" {
		context[key] = []Message{New(SettingsBackupCode, "secret", "(nested)")}
	}
	return context
}

func TestEveryMessageHasATextInEveryLanguage(t *testing.T) {
	for _, l := range locales(t) {
		for _, id := range MessageIDs() {
			full := l.Render(Message{ID: id, Context: filled(id)}).Text
			if strings.TrimSpace(full) == "" || strings.ContainsAny(full, "{}") {
				t.Errorf("%s, message %d: the text is %q", l.tag, id, full)
			}
			if bare := l.Render(Message{ID: id}).Text; strings.TrimSpace(bare) == "" {
				t.Errorf("%s, message %d: the text is empty without context", l.tag, id)
			}
		}
	}
}

func TestEveryRangeHasAMessageThatSpeaksForIt(t *testing.T) {
	for _, id := range MessageIDs() {
		root := id.root()
		if !root.Known() || len(root.ContextKeys()) != 0 {
			t.Errorf("message %d has no plain message %d above it", id, root)
		}
	}
}

func TestTheTableFollowsTheContract(t *testing.T) {
	successes := []MessageID{SettingsSaved, RecoverySucceeded, VerificationEmailVerified, VerificationPhoneVerified}
	for _, id := range MessageIDs() {
		want := Info
		switch {
		case slices.Contains(successes, id):
			want = Success
		case id >= 4000000:
			want = Error
		}
		if got := id.Type(); got != want {
			t.Errorf("message %d is of type %q, want %q", id, got, want)
		}
	}
	theirs := slices.DeleteFunc(MessageIDs(), func(id MessageID) bool { return id%10000 > 9000 })
	if got := len(theirs); got != 179 {
		t.Errorf("there are %d messages, the contract has 179", got)
	}
}

func TestTextsTakeTheirContext(t *testing.T) {
	l := catalogue(t).Locale()
	tests := map[string]struct {
		message Message
		want    string // contained in the text
	}{
		"a string":      {New(LoginWithProvider, "provider", "Acme <ID>", "provider_id", "acme"), "Acme <ID>"},
		"a number":      {New(ValidationMinimum, "minimum", 0, "actual", -3), "-3"},
		"a large float": {New(ValidationMaximum, "maximum", 1e6, "actual", 12345678.5), "12345678.5"},
		"a list":        {New(ValidationType, "allowed_types", []string{"integer", "null"}, "actual_type", "string"), "integer, null"},
		"a stored list": {New(ValidationType, "allowed_types", []any{"integer", 2.0}, "actual_type", "string"), "integer, 2"},
		"data alone":    {New(SettingsTOTPSecret, "secret", "JBSWY3DP"), "JBSWY3DP"},
		"a schema":      {New(LabelTrait, "title", "First name", "name", "traits.name.first"), "First name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := l.Render(tt.message).Text; !strings.Contains(got, tt.want) {
				t.Errorf("the text %q lacks %q", got, tt.want)
			}
		})
	}
}

func TestTheListOfBackupCodesRendersTheCodesInside(t *testing.T) {
	l := catalogue(t).Locale()
	m := New(SettingsBackupCodes, "secrets", []Message{
		New(SettingsBackupCode, "secret", "abcd"),
		New(SettingsBackupCodeUsed, "used_at", "2026-01-01T00:00:00Z", "used_at_unix", 1767225600),
		New(SettingsBackupCode, "secret", "efgh"),
	})
	got := l.Render(m)
	used := l.Render(New(SettingsBackupCodeUsed)).Text
	if want := "abcd, " + used + ", efgh"; got.Text != want {
		t.Errorf("the text is %q, want %q", got.Text, want)
	}
	for _, code := range got.Context["secrets"].([]Message) {
		if code.Text == "" {
			t.Errorf("message %d inside has no text", code.ID)
		}
	}
	if m.Context["secrets"].([]Message)[0].Text != "" {
		t.Error("rendering changed the message it was given")
	}
}

func TestForeignTextsAreLeftAlone(t *testing.T) {
	l := catalogue(t).Locale()
	for _, m := range []Message{
		Foreign(555, "Closed on Mondays", Info, map[string]any{"day": "monday"}),
		Foreign(ValidationIdentifierTaken, "Taken", Error, nil),
		Foreign(LabelText, "so****@example.test", Info, nil),
	} {
		if diff := cmp.Diff(m, l.Render(m)); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", m.ID, diff)
		}
	}
}

// english is the file that says which texts there are.
func english(t *testing.T) *fstest.MapFile {
	t.Helper()
	raw, err := fs.ReadFile(builtin, "locales/en.json")
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: raw}
}

// french is a catalogue of two languages, the second with one text.
func french(t *testing.T) *Catalogue {
	t.Helper()
	c, err := readCatalogue(fstest.MapFS{
		"en.json": english(t),
		"fr.json": {Data: []byte(`{"messages": {"1070003": "Enregistrer"}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheLanguageIsChosenFromWhatTheUserPrefers(t *testing.T) {
	c := french(t)
	if diff := cmp.Diff("[en fr]", "["+c.Languages()[0].Tag.String()+" "+c.Languages()[1].Tag.String()+"]"); diff != "" {
		t.Fatalf("languages (-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		preferred []language.Tag
		want      language.Tag
	}{
		"nothing is preferred":           {nil, language.English},
		"the language itself":            {[]language.Tag{language.French}, language.French},
		"a region of the language":       {[]language.Tag{language.CanadianFrench}, language.French},
		"the second choice is there":     {[]language.Tag{language.Icelandic, language.French}, language.French},
		"nothing that is preferred fits": {[]language.Tag{language.Icelandic}, language.English},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.Locale(tt.preferred...).Tag(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestATextThatALanguageLacksIsEnglish(t *testing.T) {
	c := french(t)
	if got := c.Render(New(LabelSave), language.French).Text; got != "Enregistrer" {
		t.Errorf("the French text is %q", got)
	}
	english := c.Render(New(LabelPassword), language.English).Text
	if got := c.Render(New(LabelPassword), language.French).Text; got != english {
		t.Errorf("got %q, want %q", got, english)
	}
}

func TestCataloguesThatDoNotFitAreRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no English":                  {"fr.json": `{}`, "en.json": ""},
		"an incomplete English":       {"en.json": `{"messages": {"1070003": "Save"}}`},
		"a name that is no tag":       {"no language.json": `{}`},
		"no JSON":                     {"fr.json": `{`},
		"an unknown id":               {"fr.json": `{"messages": {"1234": "x"}}`},
		"an id that is no number":     {"fr.json": `{"messages": {"save": "x"}}`},
		"an empty text":               {"fr.json": `{"messages": {"1070003": " "}}`},
		"a broken placeholder":        {"fr.json": `{"messages": {"1070003": "{x"}}`},
		"a key that is not there":     {"fr.json": `{"messages": {"1070003": "{provider}"}}`},
		"a word that nobody says":     {"fr.json": `{"pages": {"login.titel": "x"}}`},
		"an empty word":               {"fr.json": `{"pages": {"login.title": ""}}`},
		"a placeholder nobody fills":  {"fr.json": `{"pages": {"login.title": "{who}"}}`},
		"a mail that nobody sends":    {"fr.json": `{"mails": {"login_code.titel": "x"}}`},
		"a count of what has no form": {"fr.json": `{"mails": {"login_code.title.one": "x"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fstest.MapFS{"en.json": english(t)}
			for file, text := range files {
				dir[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if c, err := readCatalogue(dir); err == nil && c.check(true) == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func nameOf(c *Catalogue, tag language.Tag) string {
	for _, l := range c.Languages() {
		if l.Tag == tag {
			return l.Name
		}
	}
	return ""
}

func TestOverridesGoBeforeOurTexts(t *testing.T) {
	c, err := NewCatalogue(
		fstest.MapFS{"en.json": {Data: []byte(`{"messages": {"1070003": "Keep"}, "pages": {"login.title": "Come in", "sign_out": "Leave"}, "titles": {"Badge": "Badge number"}}`)}},
		fstest.MapFS{"en.json": {Data: []byte(`{"pages": {"sign_out": "Bye"}}`)}, "is.json": {Data: []byte(`{"name": "Íslenska", "pages": {"login.title": "Innskráning"}}`)}},
	)
	if err != nil {
		t.Fatal(err)
	}
	en, is := c.Locale(language.English), c.Locale(language.Icelandic)
	for got, want := range map[string]string{
		en.Render(New(LabelSave)).Text: "Keep", en.Pages().Text("login.title"): "Come in", en.Pages().Text("sign_out"): "Bye",
		en.Title("badge"): "Badge number", is.Pages().Text("login.title"): "Innskráning", nameOf(c, language.Icelandic): "Íslenska",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := is.Pages().Text("sign_out"); got != "Bye" {
		t.Errorf("a language that has no word says %q, not what English says", got)
	}
}

func TestLocalizeFillsEveryTextAndLeavesTheFormAlone(t *testing.T) {
	label := New(LabelSave)
	form := Container{
		Messages: []Message{New(SettingsSaved)},
		Nodes: Nodes{
			{Group: Code, Attributes: Input{Name: "x", Label: &label}, Messages: []Message{New(ValidationCredentials)}},
			Text{Text: New(LabelSave)}.Node(Code).Labelled(New(LabelSave)),
			Anchor{Title: New(LabelContinue)}.Node(Code),
			Image{ID: "x"}.Node(Code),
		},
	}
	before := string(form.AppendJSON(nil))
	got := catalogue(t).Locale().Localize(form)
	if json := string(got.AppendJSON(nil)); strings.Contains(json, `"text":""`) {
		t.Errorf("a text is missing: %s", json)
	}
	if after := string(form.AppendJSON(nil)); after != before {
		t.Errorf("the form changed from %s to %s", before, after)
	}
	if (&Locale{}).Nodes(nil) != nil {
		t.Error("nil nodes became empty ones")
	}
}

func TestTemplates(t *testing.T) {
	context := map[string]any{"a": "A", "b_c": 2, "d": []Message{{Text: "x"}, {Text: "y"}}, "e": Message{Text: "z"}, "f": true}
	for text, want := range map[string]string{
		"":                  "",
		"plain":             "plain",
		"{a}":               "A",
		"<{a}{b_c}> {d}{e}": "<A2> x, yz",
		"{{a}} {f}":         "{a} true",
		"{missing}.":        ".",
	} {
		tpl, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := tpl.expand(context); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	for _, broken := range []string{"{", "}", "{a", "a}", "{}", "{a b}", "{a{b}}", "{1}", "{{}"} {
		if _, err := parseTemplate(broken); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

func TestEscapedTextIsExpandedToItself(t *testing.T) {
	escape := strings.NewReplacer("{", "{{", "}", "}}")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("{}ab é"))).Draw(t, "text")
		tpl, err := parseTemplate(escape.Replace(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := tpl.expand(nil); got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "{a}", "{{", "}}", "{a}{b}", "x {long_key} y", "{{{a}}}", "\xff{a}"} {
		f.Add(text, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		context := map[string]any{}
		length := 0
		for _, p := range tpl.pieces {
			if p.key == "" {
				length += len(p.text)
				continue
			}
			context[p.key] = value
			length += len(value)
		}
		// A value is data: whatever it holds, it is not expanded again.
		if got := tpl.expand(context); len(got) != length {
			t.Errorf("%q with %q in %d keys became %q", text, value, len(slices.Collect(maps.Keys(context))), got)
		}
	})
}
