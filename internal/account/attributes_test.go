package account

import (
	"strings"
	"testing"
)

func TestLinksLeadIntoTheWebOnly(t *testing.T) {
	for address, leads := range map[string]bool{
		"#sessions": true, "/login": true, "?lang=de": true, "https://id.example.org/": true, "HTTP://x.example": true,
		"mailto:help@example.org": true, "/a:b": true, "?next=javascript:x": true, "#x:y": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, " javascript:alert(1)": false, "java\tscript:alert(1)": false,
		"data:text/html,x": false, "vbscript:x": false, "myapp://callback": false,
	} {
		l := link{Href: address}
		if got := l.Attributes() != ""; got != leads {
			t.Errorf("a link to %q leads somewhere: %v, want %v", address, got, leads)
		}
	}
}

func TestAttributesCannotBeLeft(t *testing.T) {
	evil := "\"'><script>&\x00"
	const harmless = `&#34;&#39;&gt;&lt;script&gt;&amp;` + "\uFFFD"
	c := control{ID: evil, Name: evil, Type: evil, Value: evil, Autocomplete: evil, DescribedBy: evil, Label: evil}
	for name, got := range map[string]string{
		"a field": string(c.ForInput()), "a hidden input": string(c.ForHidden()), "a choice": string(c.ForChoice()),
		"a box": string(c.ForCheckbox()), "a button": string(c.ForButton()), "a picture": string(c.ForPicture()),
		"a form":                      string((&form{ID: evil, Action: evil, Method: evil, Label: evil}).Attributes()),
		"a link":                      string((&link{Href: "/" + evil}).Attributes()),
		"a line of the language menu": string((&languageLink{Tag: evil, Direction: evil, Name: evil}).html(evil)),
	} {
		for _, sign := range []string{"<script", "'"} {
			if strings.Contains(got, sign) {
				t.Errorf("%s is left by its content: %q", name, got)
			}
		}
		if !strings.Contains(got, harmless) {
			t.Errorf("%s does not show its content: %q", name, got)
		}
	}
}
