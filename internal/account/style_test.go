package account

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/web"
)

func style(t *testing.T) string {
	t.Helper()
	css, err := fs.ReadFile(web.Files, "css/cardea.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(css)
}

// palette reads the colours of a :root rule.
func palette(rule string) map[string]string {
	colours := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(rule, -1) {
		colours[m[1]] = m[2]
	}
	return colours
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 24)
	if err != nil {
		t.Fatalf("%q is no colour", colour)
	}
	channel := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func contrast(t *testing.T, a, b string) float64 {
	l, m := luminance(t, a), luminance(t, b)
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}

// TestColoursCanBeToldApart holds every pair that meets on a page against
// WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for the edges of controls and the focus
// (1.4.11).
func TestColoursCanBeToldApart(t *testing.T) {
	light, dark, found := strings.Cut(style(t), "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("there is no dark palette")
	}
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text", "page", 4.5}, {"text", "card", 4.5}, {"text", "field", 4.5}, {"text", "hover", 4.5},
		{"muted", "card", 4.5}, {"muted", "page", 4.5}, {"muted", "hover", 4.5}, {"link", "card", 4.5}, {"link", "page", 4.5},
		{"on-brand", "brand", 4.5}, {"on-brand", "brand-deep", 4.5},
		{"error", "card", 4.5}, {"error", "error-back", 4.5}, {"success", "card", 4.5}, {"success", "success-back", 4.5}, {"info", "info-back", 4.5},
		{"edge", "card", 3}, {"edge", "page", 3}, {"edge", "field", 3}, {"edge", "hover", 3}, {"brand", "card", 3}, {"brand", "page", 3},
		{"focus", "card", 3}, {"focus", "page", 3}, {"focus", "field", 3}, {"error", "field", 3},
	}
	light, _, _ = strings.Cut(light, "}")
	dark, _, _ = strings.Cut(dark, "}")
	for scheme, colours := range map[string]map[string]string{"light": palette(light), "dark": palette(dark)} {
		for _, p := range pairs {
			if got := contrast(t, colours[p.front], colours[p.back]); got < p.least {
				t.Errorf("%s: --%s on --%s has a contrast of %.2f, at least %.1f is needed", scheme, p.front, p.back, got, p.least)
			}
		}
	}
}

func TestContrastIsThatOfTheSpecification(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"#000000", "#ffffff"}: "21.00", {"#ffffff", "#ffffff"}: "1.00", {"#777777", "#ffffff"}: "4.48",
	} {
		if got := fmt.Sprintf("%.2f", contrast(t, pair[0], pair[1])); got != want {
			t.Errorf("%v: got %s, want %s", pair, got, want)
		}
	}
}

func TestColoursAreNamedOnce(t *testing.T) {
	_, rules, _ := strings.Cut(style(t), "\n*,")
	if m := regexp.MustCompile(`#(?:[0-9a-f]{3}){1,2}\b`).FindAllString(rules, -1); len(m) > 1 { // the paper of a QR code is always white
		t.Errorf("colours outside of the palettes: %q", m)
	}
}

func TestTheStyleIsSmallAndMirrorsItself(t *testing.T) {
	css := style(t)
	if len(css) > 15_000 {
		t.Errorf("%d bytes", len(css))
	}
	if m := regexp.MustCompile(`(?m)(?:^|[;{\s])((?:margin|padding|border)-(?:left|right)|left|right|float|text-align:\s*(?:left|right))\s*:`).FindString(css); m != "" {
		t.Errorf("a side has a fixed name: %q", m)
	}
	for _, banned := range []string{"@import", "url(", "outline: none", "outline: 0"} {
		if strings.Contains(css, banned) {
			t.Errorf("there is %q", banned)
		}
	}
	for _, wanted := range []string{"prefers-color-scheme", "prefers-reduced-motion", "forced-colors", ":focus-visible"} {
		if !strings.Contains(css, wanted) {
			t.Errorf("there is no %q", wanted)
		}
	}
}

// TestNoWordIsMissing holds what the pages ask for against the catalogue; that the
// languages agree is tested where they live.
func TestNoWordIsMissing(t *testing.T) {
	words := catalogue(t).Locale().Pages()
	used := regexp.MustCompile(`words\.(?:Text|Maybe)\("([a-z_.]*[a-z])"|words\.Count\("([a-z_.]+)"`)
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("there are no sources", err)
	}
	for _, name := range sources {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(source), -1) {
			if words.Maybe(m[1]) == "" && words.Maybe(m[2]+".other") == "" {
				t.Errorf("%s: there are no words for %q", name, m[1]+m[2])
			}
		}
	}
	for _, kind := range []string{"login", "registration", "settings", "recovery", "verification"} {
		if words.Maybe(kind+".title") == "" {
			t.Errorf("the page %s has no title", kind)
		}
	}
	for _, status := range []int{400, 404, 500} {
		if key := failureTitle(problem.New(status, "")); words.Maybe(key) == "" {
			t.Errorf("an error %d has no title", status)
		}
	}
	for _, f := range []flow.Flow{{Kind: flow.Login, Refresh: true}, {Kind: flow.Login, RequestedAAL: session.AAL2}} {
		if words.Maybe(titleOf(&f)) == "" {
			t.Errorf("there are no words for %q", titleOf(&f))
		}
	}
}
