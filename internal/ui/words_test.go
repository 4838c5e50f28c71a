package ui

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// read gives what a language's file says, before gaps are filled.
func read(t *testing.T, name string) (language.Tag, file) {
	t.Helper()
	raw, err := fs.ReadFile(builtin, name)
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return language.MustParse(strings.TrimSuffix(path.Base(name), ".json")), f
}

// wanted are the texts that a language needs by key, with the placeholders each has
// to use: those of English, in the plural forms of the language.
func wanted(t *testing.T, tag language.Tag, texts map[string]string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for key, text := range texts {
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		s, counts := stem(key)
		if !counts {
			all[key] = parsed.keys()
			continue
		}
		if !strings.HasSuffix(key, ".other") {
			continue
		}
		for _, form := range pluralForms(tag) {
			all[s+form] = parsed.keys()
		}
	}
	return all
}

// TestEveryLanguageIsComplete is for translators: it names what is missing, what is
// too much, and where a placeholder got lost.
func TestEveryLanguageIsComplete(t *testing.T) {
	_, reference := read(t, "locales/en.json")
	files, err := fs.Glob(builtin, "locales/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		t.Run(path.Base(name), func(t *testing.T) {
			tag, f := read(t, name)
			if f.Name == "" {
				t.Error("the language has no name")
			}
			compare(t, "messages", wanted(t, tag, reference.Messages), f.Messages)
			compare(t, "pages", wanted(t, tag, reference.Pages), f.Pages)
			compare(t, "mails", wanted(t, tag, reference.Mails), f.Mails)
			for title := range reference.Titles {
				if strings.TrimSpace(f.Titles[title]) == "" {
					t.Errorf("titles: %q is missing", title)
				}
			}
		})
	}
}

func compare(t *testing.T, section string, wanted map[string][]string, texts map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		text, ok := texts[key]
		if !ok {
			t.Errorf("%s: %q is missing", section, key)
			continue
		}
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%s: %q: %v", section, key, err)
			continue
		}
		_, counts := stem(key)
		for _, p := range wanted[key] {
			// "One minute" needs no number.
			if !slices.Contains(parsed.keys(), p) && (!counts || p != "count") {
				t.Errorf("%s: %q lacks the placeholder {%s}", section, key, p)
			}
		}
	}
	for key := range texts {
		if _, ok := wanted[key]; !ok {
			t.Errorf("%s: %q is too much", section, key)
		}
	}
}

func TestWordsAreFilled(t *testing.T) {
	w, err := readWords(language.Polish, map[string]string{
		"hello": "Hello, {who}", "plain": "Plain",
		"n.one": "one", "n.few": "{count} few", "n.many": "{count} many {what}", "n.other": "{count} other",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		w.Text("hello", "who", "{who}"): "Hello, {who}", w.Text("hello"): "Hello, ", w.Text("nothing"): "nothing",
		w.Maybe("plain"): "Plain", w.Maybe("nothing"): "",
		w.Count("n", 1): "one", w.Count("n", 3): "3 few", w.Count("n", 12, "what", "x"): "12 many x", w.Count("n", 22): "22 few",
		polishWithoutForms(t).Count("n", 3): "3 of them",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func polishWithoutForms(t *testing.T) Words {
	t.Helper()
	w, err := readWords(language.Polish, map[string]string{"n.other": "{count} of them"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestLanguagesKnowTheirPluralForms(t *testing.T) {
	for tag, want := range map[string]string{
		"en": ".one .other", "de": ".one .other", "ja": ".other", "zh": ".other", "fr": ".one .other",
		"pl": ".few .many .one", "ar": ".few .many .one .other .two .zero",
	} {
		if got := strings.Join(pluralForms(language.MustParse(tag)), " "); got != want {
			t.Errorf("%s has %s, want %s", tag, got, want)
		}
	}
}

func TestLanguagesKnowTheirDirection(t *testing.T) {
	for tag, want := range map[string]string{"en": "ltr", "de": "ltr", "ar": "rtl", "he": "rtl", "fa-IR": "rtl", "ja": "ltr"} {
		if got := (&Locale{tag: language.MustParse(tag)}).Direction(); got != want {
			t.Errorf("%s: %s, want %s", tag, got, want)
		}
	}
}

func TestTitlesOfTraitsAreTranslatedWhenTheyAreCommon(t *testing.T) {
	de := catalogue(t).Locale(language.German)
	for title, want := range map[string]string{"First name": "Vorname", "first Name": "Vorname", "Shoe size": "Shoe size"} {
		if got := de.Render(New(LabelTrait, "title", title, "name", "x")).Text; got != want {
			t.Errorf("%q is called %q, want %q", title, got, want)
		}
	}
}

func BenchmarkNewCatalogue(b *testing.B) {
	for b.Loop() {
		if _, err := NewCatalogue(); err != nil {
			b.Fatal(err)
		}
	}
}
