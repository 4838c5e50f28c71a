package account

import (
	"html/template"
	"strings"
)

// attributes writes the attributes of an element. A template could write them one by
// one; it looks each up and escapes each by reflection, though, and that was a third
// of the work for a page with many controls.
//
// Names are constants of this package; values are escaped for double quotes.
type attributes struct{ strings.Builder }

// set writes an attribute whatever its value.
func (a *attributes) set(name, value string) {
	a.name(name)
	a.WriteString(`="`)
	if strings.ContainsAny(value, "\x00\"&'<>") {
		value = template.HTMLEscapeString(value)
	}
	a.WriteString(value)
	a.WriteByte('"')
}

// give writes an attribute that has a value.
func (a *attributes) give(name, value string) {
	if value != "" {
		a.set(name, value)
	}
}

// mark writes an attribute that needs no value, when it is on.
func (a *attributes) mark(name string, on bool) {
	if on {
		a.name(name)
	}
}

func (a *attributes) name(name string) {
	if a.Len() == 0 {
		a.Grow(256)
	} else {
		a.WriteByte(' ')
	}
	a.WriteString(name)
}

func (a *attributes) html() template.HTMLAttr { return template.HTMLAttr(a.String()) }

// ForHidden are the attributes of an input that nobody sees.
func (c *control) ForHidden() template.HTMLAttr {
	var a attributes
	if c.Autocomplete != "" { // a password manager has to see it as text
		a.set("type", "text")
		a.set("name", c.Name)
		a.set("value", c.Value)
		a.set("autocomplete", c.Autocomplete)
		a.mark("readonly", true)
		a.mark("hidden", true)
		return a.html()
	}
	a.set("type", "hidden")
	a.set("name", c.Name)
	a.set("value", c.Value)
	a.give("data-ory-load", string(c.Load))
	return a.html()
}

// ForInput are the attributes of a field that one types into.
func (c *control) ForInput() template.HTMLAttr {
	var a attributes
	a.set("id", c.ID)
	a.set("name", c.Name)
	a.set("type", c.Type)
	a.give("value", c.Value)
	if c.LeftToRight {
		a.set("dir", "ltr")
	}
	a.give("autocomplete", c.Autocomplete)
	a.give("inputmode", c.InputMode)
	if c.Plain {
		a.set("autocapitalize", "none")
		a.set("spellcheck", "false")
	}
	if c.MaxLength > 0 {
		a.set("maxlength", number(c.MaxLength))
	}
	a.mark("data-identifier", c.Identifier)
	c.state(&a)
	return a.html()
}

// ForChoice are the attributes of a list of options.
func (c *control) ForChoice() template.HTMLAttr {
	var a attributes
	a.set("id", c.ID)
	a.set("name", c.Name)
	a.give("autocomplete", c.Autocomplete)
	c.state(&a)
	return a.html()
}

// ForCheckbox are the attributes of a box to tick.
func (c *control) ForCheckbox() template.HTMLAttr {
	var a attributes
	a.set("id", c.ID)
	a.set("name", c.Name)
	a.set("type", "checkbox")
	a.set("value", "true")
	a.mark("checked", c.Checked)
	c.state(&a)
	return a.html()
}

// state is what all fields may be.
func (c *control) state(a *attributes) {
	a.mark("required", c.Required)
	a.mark("disabled", c.Disabled)
	a.mark("autofocus", c.Autofocus)
	if c.Invalid {
		a.set("aria-invalid", "true")
	} else {
		a.set("aria-invalid", "false")
	}
	a.give("aria-describedby", c.DescribedBy)
}

// ForButton are the attributes of a button: one that submits its form, or one that
// the script listens to.
func (c *control) ForButton() template.HTMLAttr {
	var a attributes
	a.set("id", c.ID)
	a.set("class", c.class())
	if c.Click == "" {
		a.set("type", "submit")
	} else {
		a.set("type", "button")
	}
	a.set("name", c.Name)
	a.set("value", c.Value)
	a.give("data-ory-click", string(c.Click))
	a.mark("disabled", c.Disabled)
	a.give("aria-describedby", c.DescribedBy)
	return a.html()
}

func (c *control) class() string {
	switch {
	case c.Partial == "key":
		return "button small"
	case c.Primary:
		return "button primary"
	case c.Quiet:
		return "button quiet"
	}
	return "button"
}

// ForPicture are the attributes of a picture. Its address has been checked.
func (c *control) ForPicture() template.HTMLAttr {
	var a attributes
	a.set("src", string(c.Source))
	a.set("alt", c.Label)
	if c.Width > 0 {
		a.set("width", number(c.Width))
	}
	if c.Height > 0 {
		a.set("height", number(c.Height))
	}
	return a.html()
}

// Attributes are those of the form itself. What it says is checked by the server
// alone, which says it in the person's language and beside the field.
func (f *form) Attributes() template.HTMLAttr {
	var a attributes
	a.set("id", f.ID)
	a.set("action", f.Action)
	a.set("method", f.Method)
	a.mark("novalidate", true)
	if f.Heading != "" {
		a.set("aria-labelledby", f.ID+"-heading")
	} else {
		a.set("aria-label", f.Label)
	}
	return a.html()
}

// Attributes are those of a link. One that leads to a scheme that is not of the web
// leads nowhere.
func (l *link) Attributes() template.HTMLAttr {
	var a attributes
	if ofTheWeb(l.Href) {
		a.set("href", l.Href)
	}
	switch {
	case l.Button && l.Primary:
		a.set("class", "button primary")
	case l.Button:
		a.set("class", "button")
	}
	return a.html()
}

// ofTheWeb is the rule of html/template for what may stand in href, which is not
// asked where attributes are written at once.
func ofTheWeb(address string) bool {
	scheme, _, ok := strings.Cut(address, ":")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return true // no scheme: a path, a query or a fragment
	}
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "mailto")
}
