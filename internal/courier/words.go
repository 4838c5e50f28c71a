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
	l, spoken := t.words.Speaks(wanted...)
	return words{Words: l.Mails(), Language: l.Tag().String(), Direction: l.Direction()}, spoken
}
