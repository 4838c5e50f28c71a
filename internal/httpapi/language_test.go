package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cardea/internal/flow"
)

func TestALanguageThatWasChosenGoesBeforeWhatTheBrowserPrefers(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Language", "fr")
	if got := languageOf(r); got != "fr" {
		t.Errorf("without a choice it is %q", got)
	}
	r.AddCookie(&http.Cookie{Name: flow.LanguageCookie, Value: "de"})
	if got := languageOf(r); got != "de" {
		t.Errorf("German was chosen, it is %q", got)
	}
}

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
