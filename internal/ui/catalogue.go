package ui

import (
	"cmp"
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
	"sync"

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
// be used by many goroutines. A language is read when somebody asks for it: most
// servers meet few.
type Catalogue struct {
	entries []*entry // in the matcher's order, the fallback first
	exact   map[language.Tag]*entry
	bases   map[language.Base]bool // of the languages there are
	matcher language.Matcher
}

// Language is one of the languages that a catalogue has.
type Language struct {
	Tag  language.Tag
	Name string // in itself
}

// entry is a language that may not have been read yet.
type entry struct {
	Language
	layers []layer // files about it, of which later ones go before earlier ones
	locale func() (*Locale, error)
}

// layer is a file in a directory.
type layer struct {
	dir  fs.FS
	name string
}

// Locale holds the texts in one language.
type Locale struct {
	tag    language.Tag
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

// readCatalogue reads directories, of which later ones go before earlier ones. All
// but the first are not ours and have to show at once that they fit.
func readCatalogue(dirs ...fs.FS) (*Catalogue, error) {
	base, err := readBase(dirs[0])
	if err != nil {
		return nil, err
	}
	c := &Catalogue{exact: map[language.Tag]*entry{}, bases: map[language.Base]bool{}}
	for _, dir := range dirs {
		files, err := fs.Glob(dir, "*.json")
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if err := c.add(layer{dir, name}); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range c.exact[base.tag].layers[1:] {
		more, err := readLocale(l.dir, l.name, base)
		if err != nil {
			return nil, err
		}
		base.cover(more)
	}
	c.arrange(base)
	return c, c.check(len(dirs) > 1)
}

// check reads languages at once when files are not all ours.
func (c *Catalogue) check(foreign bool) error {
	for _, e := range c.entries {
		if !foreign {
			break
		}
		if _, err := e.locale(); err != nil {
			return err
		}
	}
	return nil
}

// add takes a file into account, of which only the language and its name are read.
func (c *Catalogue) add(l layer) error {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(l.name), ".json"))
	if err != nil {
		return fmt.Errorf("the catalogue %s is not named by a language: %w", l.name, err)
	}
	name, err := nameIn(l)
	if err != nil {
		return err
	}
	e, known := c.exact[tag]
	if !known {
		e = &entry{Language: Language{Tag: tag}}
		c.exact[tag] = e
	}
	e.layers = append(e.layers, l)
	e.Name = cmp.Or(name, e.Name)
	return nil
}

// nameIn reads the language's name, which is the first thing in the file.
func nameIn(l layer) (string, error) {
	f, err := l.dir.Open(l.name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	d := json.NewDecoder(f)
	for _, want := range []json.Token{json.Delim('{'), "name"} {
		if t, err := d.Token(); err != nil {
			return "", fmt.Errorf("the catalogue %s: %w", l.name, err)
		} else if t != want {
			return "", nil
		}
	}
	t, err := d.Token()
	name, _ := t.(string)
	return name, err
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

// arrange orders the languages by their tags, the fallback first.
func (c *Catalogue) arrange(base *Locale) {
	tags := slices.SortedStableFunc(maps.Keys(c.exact), func(a, b language.Tag) int {
		return strings.Compare(a.String(), b.String())
	})
	tags = slices.DeleteFunc(tags, func(t language.Tag) bool { return t == base.tag })
	tags = append([]language.Tag{base.tag}, tags...)
	for _, tag := range tags {
		e := c.exact[tag]
		c.entries = append(c.entries, e)
		b, _ := tag.Base()
		c.bases[b] = true
		if tag == base.tag {
			e.locale = func() (*Locale, error) { return base, nil }
			continue
		}
		e.locale = sync.OnceValues(func() (*Locale, error) { return e.read(base) })
	}
	c.matcher = language.NewMatcher(tags)
}

// read reads the files about the language and fills gaps with the fallback.
func (e *entry) read(base *Locale) (*Locale, error) {
	l := &Locale{tag: e.Tag, texts: maps.Clone(base.texts), titles: map[string]string{}, pages: base.pages, mails: base.mails}
	for _, layer := range e.layers {
		more, err := readLocale(layer.dir, layer.name, base)
		if err != nil {
			return nil, err
		}
		l.cover(more)
	}
	return l, nil
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
	l := &Locale{tag: tag, texts: make(map[MessageID]template, len(definitions)), titles: make(map[string]string, len(f.Titles))}
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
func (c *Catalogue) Languages() []Language {
	all := make([]Language, len(c.entries))
	for i, e := range c.entries {
		all[i] = e.Language
	}
	return all
}

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
		return c.read(c.entries[0]), false
	}
	if e, ok := c.exact[spoken[0]]; ok {
		return c.read(e), true
	}
	_, i, _ := c.matcher.Match(spoken...)
	return c.read(c.entries[i]), true
}

// read gives the texts of a language. Files that are not ours were read before, and
// tests read ours: what cannot be read is the fallback.
func (c *Catalogue) read(e *entry) *Locale {
	l, err := e.locale()
	if err != nil {
		l, _ = c.entries[0].locale()
	}
	return l
}

// Render gives the message with its text in a language. Whoever renders more than
// one message asks for the [Catalogue.Locale] once.
func (c *Catalogue) Render(m Message, lang language.Tag) Message {
	return c.Locale(lang).Render(m)
}
