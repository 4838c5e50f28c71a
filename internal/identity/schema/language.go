package schema

import (
	"encoding/json"

	"golang.org/x/text/language"

	"cardea/internal/payload"
)

// customaryLanguages are the traits that say in which language to write to a person
// when the schema marks none: as SCIM names it (RFC 7643, section 4.1.1), in two
// spellings, and the claim of OpenID Connect (Core 1.0, section 5.1).
var customaryLanguages = [][]string{{"preferred_language"}, {"preferredLanguage"}, {"locale"}}

// Language is the language in which the person with these traits wants to be
// written to, BCP 47; "" when the traits do not say. What is not the tag of a
// language says nothing.
func (s *Schema) Language(traits json.RawMessage) string {
	stored, err := payload.DecodeJSON(traits)
	if err != nil {
		return ""
	}
	paths := s.languages
	if len(paths) == 0 {
		paths = customaryLanguages
	}
	for _, path := range paths {
		said, _ := lookup(stored, path)
		text, _ := said.(string)
		if tag, err := language.Parse(text); err == nil {
			return tag.String()
		}
	}
	return ""
}
