package ui

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

// locales holds one file per language, named by its BCP 47 tag: an object of
// message id to template.
//
//go:embed locales/*.json
var locales embed.FS

// fallback is the language of texts that no other catalogue has; its own is
// complete.
var fallback = language.English

// Catalogue holds the texts of all messages in every language there is. It does
// not change and may be used by many goroutines.
type Catalogue struct {
	locales []*Locale // in the matcher's order, the fallback first
	exact   map[language.Tag]*Locale
	matcher language.Matcher
}

// Locale holds the texts in one language.
type Locale struct {
	tag   language.Tag
	texts map[MessageID]template // complete: gaps are filled with the fallback's
}

// NewCatalogue reads the catalogues that are part of the program. An error names
// the file and the message whose text does not fit its definition.
func NewCatalogue() (*Catalogue, error) {
	dir, err := fs.Sub(locales, "locales")
	if err != nil {
		return nil, err
	}
	return readCatalogue(dir)
}

func readCatalogue(dir fs.FS) (*Catalogue, error) {
	base, err := readLocale(dir, fallback.String()+".json", nil)
	if err != nil {
		return nil, err
	}
	for id := range definitions {
		if _, ok := base.texts[id]; !ok {
			return nil, fmt.Errorf("the catalogue %s has no text for message %d", base.tag, id)
		}
	}
	c := &Catalogue{locales: []*Locale{base}, exact: map[language.Tag]*Locale{base.tag: base}}
	files, err := fs.Glob(dir, "*.json")
	if err != nil {
		return nil, err
	}
	tags := []language.Tag{base.tag}
	for _, file := range files {
		l, err := readLocale(dir, file, base.texts)
		if err != nil {
			return nil, err
		}
		if l.tag == base.tag {
			continue
		}
		c.locales, tags = append(c.locales, l), append(tags, l.tag)
		c.exact[l.tag] = l
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// readLocale reads one file; ids it does not have keep the given texts.
func readLocale(dir fs.FS, file string, defaults map[MessageID]template) (*Locale, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(file), ".json"))
	if err != nil {
		return nil, fmt.Errorf("the catalogue %s is not named by a language: %w", file, err)
	}
	raw, err := fs.ReadFile(dir, file)
	if err != nil {
		return nil, err
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fmt.Errorf("the catalogue %s is not an object of texts: %w", file, err)
	}
	l := &Locale{tag: tag, texts: make(map[MessageID]template, len(definitions))}
	for id, t := range defaults {
		l.texts[id] = t
	}
	for number, text := range texts {
		id, t, err := parseEntry(number, text)
		if err != nil {
			return nil, fmt.Errorf("the catalogue %s, message %s: %w", file, number, err)
		}
		l.texts[id] = t
	}
	return l, nil
}

// parseEntry reads one line of a catalogue and holds it against the definition.
func parseEntry(number, text string) (MessageID, template, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0, template{}, fmt.Errorf("the id is not a number: %w", err)
	}
	id := MessageID(n)
	def, ok := definitions[id]
	if !ok {
		return 0, template{}, errors.New("there is no such message")
	}
	if strings.TrimSpace(text) == "" {
		return 0, template{}, errors.New("the text is empty")
	}
	t, err := parseTemplate(text)
	if err != nil {
		return 0, template{}, err
	}
	for _, p := range t.pieces {
		if p.key != "" && !slices.Contains(def.keys, p.key) {
			return 0, template{}, fmt.Errorf("the context has no %q", p.key)
		}
	}
	return id, t, nil
}

// Languages gives the languages there are, the fallback first.
func (c *Catalogue) Languages() []language.Tag {
	tags := make([]language.Tag, len(c.locales))
	for i, l := range c.locales {
		tags[i] = l.tag
	}
	return tags
}

// Locale gives the texts in the best language for what a user prefers, most
// wanted first; English when nothing fits.
func (c *Catalogue) Locale(preferred ...language.Tag) *Locale {
	if len(preferred) > 0 {
		if l, ok := c.exact[preferred[0]]; ok {
			return l
		}
	}
	_, i, _ := c.matcher.Match(preferred...)
	return c.locales[i]
}

// Render gives the message with its text in a language. Whoever renders more than
// one message asks for the [Catalogue.Locale] once.
func (c *Catalogue) Render(m Message, lang language.Tag) Message {
	return c.Locale(lang).Render(m)
}
