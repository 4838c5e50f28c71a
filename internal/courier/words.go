package courier

import (
	"golang.org/x/text/language"

	"cardea/internal/ui"
)

// words are what templates find under .Words: {{.Words.Text "key" "name" value}}
// and, for sentences that count, {{.Words.Count "key" number}}.
type words struct {
	ui.Words
	Language  string // BCP 47
	Direction string // ltr or rtl
}

// in gives the sentences for a locale, and whether they are in its language. A
// locale that cannot be read is no wish.
func (t *Templates) in(locale string) (w words, spoken bool) {
	var wanted []language.Tag
	if tag, err := language.Parse(locale); err == nil {
		wanted = append(wanted, tag)
	}
	l := t.words.Locale(wanted...)
	w = words{Words: l.Mails(), Language: l.Tag().String(), Direction: l.Direction()}
	if len(wanted) == 0 {
		return w, false
	}
	asked, _ := wanted[0].Base()
	given, _ := l.Tag().Base()
	return w, asked == given
}
