package identity

import (
	"strings"
	"unicode/utf8"
)

// Limits of searching, in characters of the folded text.
const (
	MaxSearchName  = 128 // longer names of traits are not searchable
	MaxSearchValue = 255 // of longer values only the beginning is found
	MaxSearchPart  = 64  // the longest text that is looked for anywhere in a value
)

// SearchValue is a trait that operators can search by.
type SearchValue struct {
	Name  string // dotted path below traits; elements of a list share one
	Value string // folded
}

// FoldSearch gives the form under which searchable traits are stored and looked up:
// case, width and invisible characters make no difference.
func FoldSearch(text string) string { return fold(strings.Map(dropForbidden, text)) }

// NewSearchValue folds a trait for searching; ok is false for what is not
// searchable. A value that is too long is cut one character beyond the limit, so
// that nothing that can be asked for equals it.
func NewSearchValue(name, text string) (v SearchValue, ok bool) {
	v = SearchValue{Name: name, Value: firstRunes(FoldSearch(text), MaxSearchValue+1)}
	return v, v.Value != "" && utf8.RuneCountInString(name) <= MaxSearchName
}

// Ends are the value from each of its characters on, cut to MaxSearchPart: whatever
// text a value contains, one of its ends begins with it.
func (v SearchValue) Ends() []string {
	var ends []string
	for at := range v.Value {
		ends = append(ends, firstRunes(v.Value[at:], MaxSearchPart))
	}
	return ends
}

func firstRunes(s string, n int) string {
	for at := range s {
		if n == 0 {
			return s[:at]
		}
		n--
	}
	return s
}

// SearchMatch selects identities by a searchable trait.
type SearchMatch struct {
	Name string // of the trait
	Text string // folded, see FoldSearch
	How  Matching
}

// Matching is how a text is compared with a trait.
type Matching int

// The ways of comparing.
const (
	Equals   Matching = iota
	Begins            // the trait begins with the text
	Contains          // the text is somewhere in the trait; at most MaxSearchPart characters
)
