package account

import (
	"net/http"
	"slices"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

// form is what the template of a form gets: hidden inputs, what is read and typed
// in, and the buttons, the primary one first.
type form struct {
	Action  string
	Method  string // get or post
	ID      string
	Heading string // "" for none
	Label   string // names the form when there is no heading
	Hidden  []control
	Body    []control
	Buttons []control // and links that look like them
	Riders  []control // buttons of alternatives, below the divider
	Divided bool      // the form itself stands below the divider
	Or      string    // the word on the divider
	Script  string    // what is said where the form needs a script and none runs; "" for a form that does not
}

// drafter turns a container into forms. It numbers what it draws, so that no id
// in the page is made of data.
type drafter struct {
	*visit
	kind   flow.Kind
	count  int
	faulty []link // fields with errors
	// scripted says that something of the page needs the script.
	scripted bool
	// leaves says that a button of the page leads to a provider.
	leaves bool
}

func (d *drafter) forms(c ui.Container) []form {
	arrangement := arrange
	switch d.kind {
	case flow.Settings:
		arrangement = split
	case flow.Registration:
		arrangement = join
	}
	method := "post"
	if strings.EqualFold(c.Method, http.MethodGet) {
		method = "get"
	}
	var all []form
	divided := false
	for i, s := range arrangement(c.Nodes) {
		f := form{Action: c.Action, Method: method, ID: "form-" + number(i), Label: d.words.Text(string(d.kind) + ".title"), Or: d.words.Text("or")}
		d.fill(&f, s, i == 0)
		if d.kind == flow.Settings {
			f.Heading = d.words.Maybe("group." + string(s.group))
		} else if i > 0 && !divided {
			f.Divided, divided = true, true
		}
		divided = divided || len(f.Riders) > 0
		all = append(all, f)
	}
	return all
}

// fill draws the nodes of a section. The first button is the primary one in the
// first form, and in every form of its own whose fields it sends.
func (d *drafter) fill(f *form, s section, first bool) {
	for _, n := range s.nodes {
		c, ok := d.control(n)
		switch {
		case !ok:
		case c.Partial == "hidden":
			f.Hidden = append(f.Hidden, c)
		case c.Partial == "trigger" && d.kind == flow.Settings:
			f.Buttons = slices.Insert(f.Buttons, 0, c) // before those that remove what is there
		case c.Partial == "button", c.Partial == "trigger", c.Partial == "anchor":
			f.Buttons = append(f.Buttons, c)
		default:
			f.Body = append(f.Body, c)
		}
	}
	for _, n := range s.riders {
		switch c, ok := d.control(n); {
		case !ok:
		case c.Partial == "hidden":
			f.Hidden = append(f.Hidden, c)
		default:
			f.Riders = append(f.Riders, c)
		}
	}
	if slices.ContainsFunc(slices.Concat(f.Buttons, f.Riders), func(c control) bool { return c.Click != "" }) {
		f.Script = d.words.Text("script.needed")
	}
	typed := false
	for _, c := range f.Body {
		typed = typed || c.Name != ""
	}
	if len(f.Buttons) > 0 {
		f.Buttons[0].Primary = first && d.kind != flow.Settings || d.kind == flow.Settings && typed
	}
	d.markOptional(f)
}

// markOptional says which fields may stay empty. Most have to be filled in, so
// that these are the ones worth a mark.
func (d *drafter) markOptional(f *form) {
	for i := range f.Body {
		c := &f.Body[i]
		if c.Name != "" && !c.Required && !c.Disabled && c.Partial != "checkbox" {
			c.Optional = d.words.Text("optional")
		}
	}
}

// focus puts the cursor into the first field that was not accepted, else into
// the first that is empty. It hears what is said about the form as a whole, which
// stands before it.
func focus(forms []form, about []note) {
	c := first(forms, func(c *control) bool { return c.Invalid })
	if c == nil {
		c = first(forms, func(c *control) bool { return c.Value == "" && c.Partial == "field" })
	}
	if c == nil {
		return
	}
	c.Autofocus = true
	for _, n := range about {
		if n.Class == string(ui.Error) {
			c.DescribedBy = strings.TrimSpace(n.ID + " " + c.DescribedBy)
		}
	}
}

// first finds a field that can be typed into.
func first(forms []form, match func(*control) bool) *control {
	for i := range forms {
		for j := range forms[i].Body {
			c := &forms[i].Body[j]
			if c.Name != "" && !c.Disabled && match(c) {
				return c
			}
		}
	}
	return nil
}
