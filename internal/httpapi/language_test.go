package httpapi

import "testing"

func TestTheFirstLanguageThatAClientNamesIsPreferred(t *testing.T) {
	for header, want := range map[string]string{
		"":                        "",
		"de":                      "de",
		"pt-BR,pt;q=0.9,en;q=0.8": "pt-BR",
		" fr ; q=0.5":             "fr",
		"*":                       "",
		"a-tag-that-is-longer-than-any-language-is": "",
	} {
		if got := preferred(header); got != want {
			t.Errorf("%q prefers %q, want %q", header, got, want)
		}
	}
}
