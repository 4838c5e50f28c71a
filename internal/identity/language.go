package identity

import "encoding/json"

// languageTraits are the traits that name a person's language, the first one that
// is there counts: "locale" is the claim of OpenID Connect Core, section 5.1.
var languageTraits = []string{"locale", "language", "lang"}

// Language is the language that the person's traits name, as a BCP 47 tag that
// nobody has checked; "" when they name none.
func (i *Identity) Language() string {
	var traits map[string]json.RawMessage
	if json.Unmarshal(i.Traits, &traits) != nil {
		return ""
	}
	for _, name := range languageTraits {
		var tag string
		if json.Unmarshal(traits[name], &tag) == nil && tag != "" {
			return tag
		}
	}
	return ""
}
