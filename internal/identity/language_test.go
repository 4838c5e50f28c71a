package identity

import "testing"

func TestTheLanguageOfAPersonIsWhatTheirTraitsName(t *testing.T) {
	for traits, want := range map[string]string{
		`{"email": "a@example.org"}`:              "",
		`{"locale": "pt-BR", "language": "de"}`:   "pt-BR",
		`{"language": "de"}`:                      "de",
		`{"locale": 7, "lang": "fr"}`:             "fr",
		`{"locale": "", "language": {"x": "de"}}`: "",
		`null`: "", ``: "",
	} {
		if got := (&Identity{Traits: []byte(traits)}).Language(); got != want {
			t.Errorf("%s speaks %q, want %q", traits, got, want)
		}
	}
}
