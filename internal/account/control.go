package account

import (
	"encoding/json"
	"html/template"
	"strconv"

	"cardea/internal/ui"
)

// control is one node as its partial template gets it.
type control struct {
	Partial string // hidden, field, checkbox, choice, button, trigger, key, picture, anchor, text, list or barrier
	ID      string // unique in the page
	Label   string
	Notes   []note
	// DescribedBy are the ids of what is said about the control.
	DescribedBy string
	Invalid     bool

	// Fields and buttons.
	Name, Type, Value  string
	Autocomplete       string
	InputMode          string
	Plain              bool // no capital letters or spelling of the keyboard's own
	LeftToRight        bool // in every language: addresses and codes
	MaxLength          int  // characters; 0 for no limit
	Required, Disabled bool
	Checked            bool
	Autofocus, Primary bool
	Quiet              bool   // a way back rather than a way on
	Optional           string // the word for it, "" for a required field
	Options            []option
	Placeholder        bool // the choice may be empty
	Href               string
	Source             template.URL
	Width, Height      int // pixels
	Text               string
	Items              []string
	// Click and Load name functions of the script, called by a button and for a field.
	Click, Load ui.Trigger

	Secret *secretWords // of a password's field
	Rules  []rule       // that a new password has to keep
	// Identifier says that people sign in with what the field holds, so that a
	// password must not be like it.
	Identifier bool
	Brand      string // what a button's picture shows: a provider's id, in small letters
	Initial    string // stands for a brand that has no picture
	Facts      []fact // about a key
	Tools      *codeTools
	Barrier    *barrier // against robots
}

// secretWords are what the field of a password says beside its label.
type secretWords struct{ Show, Hide, Caps string }

// rule is what a new password has to keep, as the script checks it while somebody
// types; the server has the last word.
type rule struct {
	Name string // length, similar or breach
	Text string
	Min  int // bytes, of the length
}

// codeTools are what can be done with a list of codes.
type codeTools struct {
	Copy, Copied, Print, Download string
	File                          string       // name of the download
	Source                        template.URL // its content
}

// option is one value of a choice.
type option struct {
	Value    string
	Selected bool
}

// control draws a node; false for what cannot be drawn.
func (d *drafter) control(n ui.Node) (control, bool) {
	d.count++
	c := control{ID: "f" + number(d.count), Notes: notes(n.Messages, "f"+number(d.count)+"-note")}
	if n.Meta.Label != nil {
		c.Label = n.Meta.Label.Text
	}
	ok := true
	switch a := n.Attributes.(type) {
	case ui.Input:
		c.input(a)
		if isBarrier(n) {
			ok = d.barrier(&c)
		}
	case ui.Image:
		c.Partial, c.Width, c.Height = "picture", a.Width, a.Height
		c.Source, ok = imageSource(a.Source)
	case ui.Anchor:
		c.Partial, c.Text = "anchor", a.Title.Text
		if c.Text == "" {
			c.Text = c.Label
		}
		if c.Href, ok = d.target(a.HRef); !ok {
			c.Partial, ok = "text", true // the words are harmless
		}
	case ui.Text:
		c.text(a)
	default:
		return control{}, false
	}
	d.leaves = d.leaves || c.Partial == "button" && (n.Group == ui.OIDC || n.Group == ui.IdentifierFirst && hasConnections(d.set))
	if ok {
		d.dress(n, &c)
	}
	d.describe(&c)
	d.scripted = d.scripted || ok && (c.Click != "" || c.Load != "")
	return c, ok
}

// describe ties the messages to their control.
func (d *drafter) describe(c *control) {
	for _, n := range c.Notes {
		if c.DescribedBy != "" {
			c.DescribedBy += " "
		}
		c.DescribedBy += n.ID
	}
	c.Invalid = hasError(c.Notes)
	if c.Invalid && c.Partial != "hidden" {
		d.faulty = append(d.faulty, link{Href: "#" + c.ID, Text: c.Label})
	}
}

// input draws a field or a button. A pattern is not handed on: schemas search
// with it and browsers match the whole value, so that the browser would refuse
// what the server accepts.
func (c *control) input(a ui.Input) {
	c.Name, c.Type, c.Value = a.Name, string(a.Type), valueText(a.Value)
	c.Required, c.Disabled, c.MaxLength = a.Required, a.Disabled, a.MaxLength
	c.Autocomplete = string(a.Autocomplete)
	if c.Label == "" {
		c.Label = a.Name // better than a field that nobody can name
	}
	switch {
	case a.Type == ui.InputHidden:
		c.Partial = "hidden"
		if a.Name == "identifier" {
			c.Autocomplete = string(ui.AutocompleteUsername) // password managers look for it
		}
		if scripted(a.OnLoadTrigger) {
			c.Load = a.OnLoadTrigger
		}
	case scripted(a.OnClickTrigger):
		c.Partial, c.Click = "trigger", a.OnClickTrigger
	case a.Type == ui.InputSubmit:
		c.Partial, c.Quiet = "button", a.Name == "screen" && c.Value == "previous"
	case a.Type == ui.InputCheckbox:
		c.Partial, c.Checked = "checkbox", c.Value == "true"
	case len(a.Options) > 0:
		c.choice(a)
	default:
		c.field(a)
	}
}

// scripted says whether a trigger is a function of the script.
func scripted(t ui.Trigger) bool {
	switch t {
	case ui.TriggerWebAuthnRegistration, ui.TriggerWebAuthnLogin, ui.TriggerPasskeyLogin,
		ui.TriggerPasskeyLoginAutocomplete, ui.TriggerPasskeyRegistration, ui.TriggerPasskeySettingsRegistration:
		return true
	}
	return false
}

// fieldTypes are the types a field may have; others become text. A moment is
// text as well: browsers enter it without the time zone that a schema asks for.
var fieldTypes = map[ui.InputType]bool{
	ui.InputText: true, ui.InputPassword: true, ui.InputNumber: true, ui.InputEmail: true,
	ui.InputTel: true, ui.InputDate: true, ui.InputURL: true,
}

// leftToRight are the types whose values are written from left to right wherever
// people are.
var leftToRight = map[ui.InputType]bool{ui.InputEmail: true, ui.InputTel: true, ui.InputURL: true, ui.InputPassword: true, ui.InputNumber: true}

// hints are what browsers are told about fields whose nodes do not say it.
var hints = map[string]string{
	"identifier":    string(ui.AutocompleteUsername),
	"totp_code":     string(ui.AutocompleteOneTimeCode),
	"lookup_secret": "off",
}

func (c *control) field(a ui.Input) {
	c.Partial = "field"
	if !fieldTypes[a.Type] {
		c.Type = string(ui.InputText)
	}
	if a.Type == ui.InputPassword {
		c.Value = "" // whatever a flow says, a page shows none
	}
	if c.Autocomplete == "" {
		c.Autocomplete = hints[a.Name]
	}
	if c.Autocomplete == string(ui.AutocompleteOneTimeCode) {
		c.InputMode = "numeric"
	}
	c.LeftToRight = leftToRight[a.Type] || c.InputMode != ""
	c.Plain = c.Autocomplete != "" && c.Type != string(ui.InputPassword)
}

func (c *control) choice(a ui.Input) {
	c.Partial = "choice"
	c.Placeholder = !a.Required || c.Value == ""
	for _, o := range a.Options {
		text := valueText(o.Value)
		c.Options = append(c.Options, option{Value: text, Selected: text == c.Value && a.Value != nil})
	}
}

// text draws words, or the list of those that a message nests: backup codes.
func (c *control) text(a ui.Text) {
	c.Partial, c.Text = "text", a.Text.Text
	for _, v := range a.Text.Context {
		nested, ok := v.([]ui.Message)
		if !ok {
			continue
		}
		c.Partial = "list"
		for _, m := range nested {
			c.Items = append(c.Items, m.Text)
		}
	}
}

// valueText is a JSON value as a form carries it.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

func number(i int) string { return strconv.Itoa(i) }
