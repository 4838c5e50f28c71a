package httpapi

import (
	"strings"
	"testing"

	"cardea/internal/secret"
)

// FuzzPageToken looks for a page token that nobody was given, and for lists or filters
// under which one of another list counts.
func FuzzPageToken(f *testing.F) {
	keys, err := secret.NewKeyring("a-secret-for-tests-only-0123456789")
	if err != nil {
		f.Fatal(err)
	}
	set, s := &compiled{pageKeys: keys}, &Server{Options: Options{Tenant: "default"}, rand: strings.NewReader(strings.Repeat("n", 64))}
	filters := map[string][]string{"state": {"active"}}
	scope := s.pageScope("identities", filters)
	good, err := s.sealMark(set, make([]byte, 16), scope)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "identities", "state", "active")
	f.Add("", "", "", "")
	f.Add(good[:20], "identities?state=active", "", "")
	f.Add(strings.Repeat("A", 90), "sessions", "page_token", "x")
	f.Fuzz(func(t *testing.T, token, list, name, value string) {
		if mark, err := set.openMark(token, scope, 16); err == nil && strings.NewReplacer("\r", "", "\n", "").Replace(token) != good {
			t.Errorf("%q is a page token: %x", token, mark)
		}
		other := s.pageScope(list, map[string][]string{name: {value}})
		if _, err := set.openMark(good, other, 16); err == nil && (list != "identities" || name != "state" || value != "active") {
			t.Errorf("the token counts for %q with %q=%q", list, name, value)
		}
		if _, err := set.openMark(token, other, sessionMark); err == nil {
			t.Errorf("%q is a page token of %q", token, list)
		}
	})
}

// FuzzPreferredLanguage feeds Accept-Language and the cookie of the chosen language.
func FuzzPreferredLanguage(f *testing.F) {
	for _, seed := range []string{"", "de", "de-CH, de;q=0.9, en;q=0.8", "*", ";q=1", ",,,", strings.Repeat("a-", 400), "en;q=NaN", "\x00", "de\r\nX: y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := preferred(header); len(got) > 35 || strings.ContainsAny(got, ",;*") && got == "*" {
			t.Errorf("%q is the language %q", header, got)
		}
	})
}
