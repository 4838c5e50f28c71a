package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cardea/internal/identity"
)

func TestWhatCannotBeSearched(t *testing.T) {
	for about, tc := range map[string]struct{ name, text string }{
		"nothing":            {"a", " "},
		"only the invisible": {"a", "\u200b"},
		"a long name":        {strings.Repeat("n", identity.MaxSearchName+1), "x"},
	} {
		if v, ok := identity.NewSearchValue(tc.name, tc.text); ok {
			t.Errorf("%s: %v", about, v)
		}
	}
}

func TestEndsOfAValue(t *testing.T) {
	v, _ := identity.NewSearchValue("a", "Äbc")
	if diff := cmp.Diff([]string{"äbc", "bc", "c"}, v.Ends()); diff != "" {
		t.Error(diff)
	}
	long, _ := identity.NewSearchValue("a", strings.Repeat("ö", 1000))
	if n := len([]rune(long.Value)); n != identity.MaxSearchValue+1 {
		t.Errorf("a long value keeps %d characters", n)
	}
	for _, end := range long.Ends() {
		if n := len([]rune(end)); n > identity.MaxSearchPart {
			t.Errorf("an end of %d characters", n)
		}
	}
}

// TestEveryTextInAValueBeginsAnEnd: this is why contains can be answered by an index.
func TestEveryTextInAValueBeginsAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, ok := identity.NewSearchValue("a", rapid.String().Draw(t, "text"))
		if !ok {
			return
		}
		runes := []rune(v.Value)
		from := rapid.IntRange(0, len(runes)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, min(len(runes), from+identity.MaxSearchPart)).Draw(t, "to")
		part := string(runes[from:to])
		for _, end := range v.Ends() {
			if strings.HasPrefix(end, part) {
				return
			}
		}
		t.Fatalf("no end of %q begins with %q", v.Value, part)
	})
}
