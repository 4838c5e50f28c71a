package account

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/text/language"
)

// wordFiles hold what the pages say themselves, by language; the words of nodes
// and messages are the catalogue's.
//
//go:embed words/*.json
var wordFiles embed.FS

// words are texts by key. A key that is missing is a mistake in the package,
// which a test finds; the page then shows the key.
type words map[string]string

// readWords reads the words of every language that the catalogue has.
func readWords(languages []language.Tag) (map[string]words, error) {
	all := map[string]words{}
	for _, tag := range languages {
		raw, err := fs.ReadFile(wordFiles, "words/"+tag.String()+".json")
		if err != nil {
			return nil, fmt.Errorf("the pages have no words in a language of the catalogue: %w", err)
		}
		var w words
		if err := json.Unmarshal(raw, &w); err != nil {
			return nil, fmt.Errorf("the words in %s: %w", tag, err)
		}
		all[tag.String()] = w
	}
	return all, nil
}

// text gives a text with its placeholders filled from names and values by turns.
func (w words) text(key string, filled ...string) string {
	text, ok := w[key]
	if !ok {
		return key
	}
	for i := 0; i+1 < len(filled); i += 2 {
		text = strings.ReplaceAll(text, "{"+filled[i]+"}", filled[i+1])
	}
	return text
}

// maybe gives a text that need not exist.
func (w words) maybe(key string) string { return w[key] }

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = map[string]bool{"Arab": true, "Hebr": true, "Syrc": true, "Thaa": true, "Nkoo": true, "Adlm": true}

// direction is the writing direction of a language as HTML calls it.
func direction(tag language.Tag) string {
	script, _ := tag.Script()
	if rightToLeft[script.String()] {
		return "rtl"
	}
	return "ltr"
}
