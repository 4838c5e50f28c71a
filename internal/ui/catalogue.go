package ui

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

// builtin holds one file per language, named by its BCP 47 tag; docs/guide/translations.md
// describes it.
//
//go:embed locales/*.json
var builtin embed.FS

// fallback is the language of texts that no other catalogue has; its own is
// complete.
var fallback = language.English

var errNoSuchKey = errors.New("there is no such key")

// Catalogue holds all texts in every language there is. It does not change and may
// be used by many goroutines.
type Catalogue struct {
	locales []*Locale // in the matcher's order, the fallback first
	exact   map[language.Tag]*Locale
	bases   map[language.Base]bool // of the languages there are
	matcher language.Matcher
}

// Locale holds the texts in one language.
type Locale struct {
	tag    language.Tag
	name   string                 // of the language, in itself
	texts  map[MessageID]template // complete: gaps are filled with the fallback's
	titles map[string]string      // what common titles of traits are called, by the title in small letters
	pages  Words
	mails  Words
}

// file is what a language's file holds.
type file struct {
	Name     string            `json:"name"`     // of the language, in itself
	Messages map[string]string `json:"messages"` // by message id
	Titles   map[string]string `json:"titles"`   // by the title that an identity schema gives a trait
	Pages    map[string]string `json:"pages"`    // what the account pages say themselves
	Mails    map[string]string `json:"mails"`    // mails and text messages
}

// NewCatalogue reads the catalogues that are part of the program. Overrides are
// directories with files of the same shape whose texts go before ours, the last
// one first; they may hold languages of their own. An error names the file and the
// text that does not fit.
func NewCatalogue(overrides ...fs.FS) (*Catalogue, error) {
	dir, err := fs.Sub(builtin, "locales")
	if err != nil {
		return nil, err
	}
	return readCatalogue(append([]fs.FS{dir}, overrides...)...)
}

// readCatalogue reads directories, of which later ones go before earlier ones.
func readCatalogue(dirs ...fs.FS) (*Catalogue, error) {
	base, err := readBase(dirs[0])
	if err != nil {
		return nil, err
	}
	c := &Catalogue{exact: map[language.Tag]*Locale{base.tag: base}, bases: map[language.Base]bool{}}
	for _, dir := range dirs {
		files, err := fs.Glob(dir, "*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			l, err := readLocale(dir, name, base)
			if err != nil {
				return nil, err
			}
			if old, known := c.exact[l.tag]; known {
				old.cover(l)
			} else {
				c.exact[l.tag] = l
			}
		}
	}
	c.complete(base)
	return c, nil
}

// readBase reads the fallback, which has to have every message.
func readBase(dir fs.FS) (*Locale, error) {
	base, err := readLocale(dir, fallback.String()+".json", nil)
	if err != nil {
		return nil, err
	}
	for id := range definitions {
		if _, ok := base.texts[id]; !ok {
			return nil, fmt.Errorf("the catalogue %s has no text for message %d", base.tag, id)
		}
	}
	return base, nil
}

// complete fills gaps with the fallback and orders the languages by their tags,
// the fallback first.
func (c *Catalogue) complete(base *Locale) {
	tags := slices.SortedFunc(maps.Keys(c.exact), func(a, b language.Tag) int {
		return strings.Compare(a.String(), b.String())
	})
	tags = slices.DeleteFunc(tags, func(t language.Tag) bool { return t == base.tag })
	tags = append([]language.Tag{base.tag}, tags...)
	for _, tag := range tags {
		l := c.exact[tag]
		for id, t := range base.texts {
			if _, ok := l.texts[id]; !ok {
				l.texts[id] = t
			}
		}
		l.pages, l.mails = l.pages.over(base.pages), l.mails.over(base.mails)
		c.locales = append(c.locales, l)
		base, _ := tag.Base()
		c.bases[base] = true
	}
	c.matcher = language.NewMatcher(tags)
}

// readLocale reads one file. The reference says which keys there are, nil for the
// file that says so itself.
func readLocale(dir fs.FS, name string, reference *Locale) (*Locale, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(name), ".json"))
	if err != nil {
		return nil, fmt.Errorf("the catalogue %s is not named by a language: %w", name, err)
	}
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	var content file
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("the catalogue %s: %w", name, err)
	}
	l, err := content.locale(tag, reference)
	if err != nil {
		return nil, fmt.Errorf("the catalogue %s, %w", name, err)
	}
	return l, nil
}

func (f *file) locale(tag language.Tag, reference *Locale) (*Locale, error) {
	l := &Locale{tag: tag, name: f.Name, texts: make(map[MessageID]template, len(definitions)), titles: make(map[string]string, len(f.Titles))}
	for number, text := range f.Messages {
		id, t, err := parseEntry(number, text)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", number, err)
		}
		l.texts[id] = t
	}
	for title, text := range f.Titles {
		l.titles[strings.ToLower(title)] = text
	}
	var pages, mails *Words
	if reference != nil {
		pages, mails = &reference.pages, &reference.mails
	}
	var err error
	if l.pages, err = readWords(tag, f.Pages, pages); err != nil {
		return nil, fmt.Errorf("pages, %w", err)
	}
	if l.mails, err = readWords(tag, f.Mails, mails); err != nil {
		return nil, fmt.Errorf("mails, %w", err)
	}
	return l, nil
}

// cover puts the texts of another layer over these.
func (l *Locale) cover(with *Locale) {
	if with.name != "" {
		l.name = with.name
	}
	maps.Copy(l.texts, with.texts)
	maps.Copy(l.titles, with.titles)
	l.pages, l.mails = with.pages.over(l.pages), with.mails.over(l.mails)
}

// parseEntry reads one message of a catalogue and holds it against the definition.
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
	for _, key := range t.keys() {
		if !slices.Contains(def.keys, key) {
			return 0, template{}, fmt.Errorf("the context has no %q", key)
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

// Locales gives the texts in every language, the fallback first. The slice is the
// catalogue's own.
func (c *Catalogue) Locales() []*Locale { return c.locales }

// Locale gives the texts in the best language for what a user prefers, most
// wanted first; English when nothing fits.
func (c *Catalogue) Locale(preferred ...language.Tag) *Locale {
	l, _ := c.Speaks(preferred...)
	return l
}

// Speaks is Locale, and says whether anything that is preferred fits: a language
// that people merely tend to understand as well does not.
func (c *Catalogue) Speaks(preferred ...language.Tag) (l *Locale, fits bool) {
	spoken := slices.DeleteFunc(slices.Clone(preferred), func(t language.Tag) bool {
		base, _ := t.Base()
		return !c.bases[base]
	})
	if len(spoken) == 0 {
		return c.locales[0], false
	}
	if l, ok := c.exact[spoken[0]]; ok {
		return l, true
	}
	_, i, _ := c.matcher.Match(spoken...)
	return c.locales[i], true
}

// Render gives the message with its text in a language. Whoever renders more than
// one message asks for the [Catalogue.Locale] once.
func (c *Catalogue) Render(m Message, lang language.Tag) Message {
	return c.Locale(lang).Render(m)
}
