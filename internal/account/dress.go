package account

import (
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cardea/internal/ui"
)

// dress adds what a page knows beside the node: the rules of a password, what a key
// was used for, the picture of a provider. What a node is drawn as still follows
// from the node alone.
func (d *drafter) dress(n ui.Node, c *control) {
	switch {
	case c.Partial == "field" && c.Type == string(ui.InputPassword):
		c.Secret = &secretWords{Show: d.words.Text("password.show"), Hide: d.words.Text("password.hide"), Caps: d.words.Text("password.caps")}
		if c.Autocomplete == string(ui.AutocompleteNewPassword) {
			c.Rules = d.passwordRules()
		}
	case c.Partial == "field":
		c.Identifier = c.Name == "identifier" || slices.Contains(d.identifiers(), c.Name)
	case c.Partial == "button" && n.Meta.Label != nil && n.Meta.Label.Context["added_at"] != nil:
		d.key(n.Meta.Label.Context, c)
	case c.Partial == "button" && (n.Group == ui.OIDC || n.Group == ui.SAML):
		c.brand(n.Meta.Label)
	case c.Partial == "list":
		c.Tools = d.codeTools(c.Items)
	}
}

// passwordRules are those of the configuration.
func (d *drafter) passwordRules() []rule {
	policy := &d.set.SelfService.Methods.Password.Config
	var rules []rule
	if n := policy.MinPasswordLength; n > 0 {
		rules = append(rules, rule{Name: "length", Text: d.words.Count("password.rule.length", n), Min: n})
	}
	if policy.IdentifierSimilarityCheckEnabled {
		rules = append(rules, rule{Name: "similar", Text: d.words.Text("password.rule.similar")})
	}
	if d.set.ChecksBreaches() {
		rules = append(rules, rule{Name: "breach", Text: d.words.Text("password.rule.breach")})
	}
	return rules
}

// identifiers are the traits that people sign in with by password.
func (d *drafter) identifiers() []string {
	s, err := d.set.Schema(d.schemaID)
	if err != nil {
		return nil // the page can do without
	}
	var names []string
	for _, f := range s.Fields() {
		if f.Extension.Password {
			names = append(names, f.Name)
		}
	}
	return names
}

// key draws a button that removes a key as a line about the key.
func (d *drafter) key(context map[string]any, c *control) {
	c.Partial = "key"
	c.Text, _ = context["display_name"].(string)
	if strings.TrimSpace(c.Text) == "" {
		c.Text = d.words.Text("key.unnamed")
	}
	c.Label = d.words.Text("key.remove")
	add := func(word string, value any) {
		if text, ok := value.(string); ok {
			if at, err := time.Parse(time.RFC3339, text); err == nil && at.Year() > 1 {
				c.Facts = append(c.Facts, d.since(word, at))
				return
			}
		}
		if word == "key.used" {
			c.Facts = append(c.Facts, fact{Value: d.words.Text("key.unused")})
		}
	}
	add("key.added", context["added_at"])
	if used, told := context["last_used_at"]; told {
		add("key.used", used)
	}
}

// since is a sentence with a time in it, cut around the time, so that the script
// can write that in the person's own zone.
func (v *visit) since(word string, at time.Time) fact {
	const mark = "\x00"
	before, after, _ := strings.Cut(v.words.Text(word, "time", mark), mark)
	return fact{Before: before, Value: v.spell(at), Time: at.UTC().Format(time.RFC3339), After: after}
}

// brand says whose picture a provider's button gets.
func (c *control) brand(label *ui.Message) {
	c.Brand = strings.ToLower(c.Value)
	name := c.Value
	if label != nil {
		if provider, ok := label.Context["provider"].(string); ok && provider != "" {
			name = provider
		}
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	if unicode.IsLetter(first) || unicode.IsDigit(first) {
		c.Initial = string(unicode.ToUpper(first))
	}
}

// codeTools make a list of codes portable. The download needs no script: it is in
// the page.
func (d *drafter) codeTools(codes []string) *codeTools {
	content := productName(d.set) + "\n\n" + strings.Join(codes, "\n") + "\n"
	return &codeTools{
		Copy: d.words.Text("codes.copy"), Copied: d.words.Text("codes.copied"), Print: d.words.Text("codes.print"),
		Download: d.words.Text("codes.download"), File: d.words.Text("codes.file"),
		Source: template.URL("data:text/plain;charset=utf-8," + url.PathEscape(content)), // built here, of escaped text
	}
}
