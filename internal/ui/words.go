package ui

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Words are texts by key in one language: what pages or mails say themselves.
// Keys that count end in the name of a plural form, such as ".one" and ".other".
type Words struct {
	tag   language.Tag
	texts map[string]template
}

// Text gives a text with its placeholders filled from names and values by turns.
// A key that there is not stands for itself: a mistake in the code, which a test
// finds.
func (w Words) Text(key string, filled ...any) string {
	t, ok := w.texts[key]
	if !ok {
		return key
	}
	if len(filled) == 0 {
		return t.expand(nil)
	}
	context := make(map[string]any, len(filled)/2)
	for pair := range slices.Chunk(filled, 2) {
		if name, ok := pair[0].(string); ok && len(pair) == 2 {
			context[name] = pair[1]
		}
	}
	return t.expand(context)
}

// Maybe gives a text that need not exist, "" when it does not.
func (w Words) Maybe(key string) string { return w.texts[key].expand(nil) }

// Count gives the text in the plural form that the language has for a number,
// which fills the placeholder "count". A form that is not there is ".other".
func (w Words) Count(key string, n int, filled ...any) string {
	form := formOf(w.tag, n)
	if _, ok := w.texts[key+form]; !ok {
		form = ".other"
	}
	return w.Text(key+form, append(slices.Clip(filled), "count", n)...)
}

// Keys gives all keys, in alphabetical order.
func (w Words) Keys() []string { return slices.Sorted(maps.Keys(w.texts)) }

// The endings of keys that count, by the plural forms of Unicode CLDR.
var formEndings = map[plural.Form]string{
	plural.Zero: ".zero", plural.One: ".one", plural.Two: ".two",
	plural.Few: ".few", plural.Many: ".many", plural.Other: ".other",
}

// formOf is the ending of the plural form for a whole number that is not negative.
func formOf(tag language.Tag, n int) string {
	return formEndings[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
}

// countedTo is how far the pages and mails count; forms for larger numbers alone,
// such as the French one for millions, are not asked for.
const countedTo = 1000

// pluralForms are the endings that a language needs.
func pluralForms(tag language.Tag) []string {
	met := map[string]bool{}
	for n := range countedTo {
		met[formOf(tag, n)] = true
	}
	return slices.Sorted(maps.Keys(met))
}

// stem is a key without the ending of a plural form, and whether it had one.
func stem(key string) (string, bool) {
	for _, ending := range formEndings {
		if s, counts := strings.CutSuffix(key, ending); counts {
			return s, true
		}
	}
	return key, false
}

// readWords reads the texts of a section. They may use the placeholders that the
// reference has for the key, nil for all.
func readWords(tag language.Tag, texts map[string]string, reference *Words) (Words, error) {
	w := Words{tag: tag, texts: make(map[string]template, len(texts))}
	for key, text := range texts {
		t, err := parseTemplate(text)
		if err != nil {
			return Words{}, fmt.Errorf("%s: %w", key, err)
		}
		if strings.TrimSpace(text) == "" {
			return Words{}, fmt.Errorf("%s: the text is empty", key)
		}
		if reference != nil {
			if err := reference.allows(key, t); err != nil {
				return Words{}, fmt.Errorf("%s: %w", key, err)
			}
		}
		w.texts[key] = t
	}
	return w, nil
}

// allows says whether a text of another language fits the key: the key exists and
// so do the placeholders.
func (w Words) allows(key string, t template) error {
	known, err := w.placeholders(key)
	if err != nil {
		return err
	}
	for _, p := range t.keys() {
		if !slices.Contains(known, p) {
			return fmt.Errorf("there is no placeholder {%s}", p)
		}
	}
	return nil
}

// placeholders are those that the texts of a key, or of its plural forms, use.
func (w Words) placeholders(key string) ([]string, error) {
	s, counts := stem(key)
	if !counts {
		t, ok := w.texts[key]
		if !ok {
			return nil, errNoSuchKey
		}
		return t.keys(), nil
	}
	if _, ok := w.texts[s+".other"]; !ok {
		return nil, errNoSuchKey
	}
	all := []string{"count"}
	for _, ending := range formEndings {
		all = append(all, w.texts[s+ending].keys()...)
	}
	return all, nil
}

// over gives the words with those of another layer on top.
func (w Words) over(below Words) Words {
	texts := maps.Clone(below.texts)
	if texts == nil {
		texts = map[string]template{}
	}
	maps.Copy(texts, w.texts)
	return Words{tag: w.tag, texts: texts}
}
