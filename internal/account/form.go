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
	Anchor  string // where links to the section lead, "" for none
	Heading string // "" for none
	Text    string // what the section is for, "" for none
	Summary string // of a form that is folded away until somebody asks for it; "" for one that is open
	Open    bool   // unfolds it
	Label   string // names the form when there is no heading
	// Username is whose password the form sets, so that password managers know.
	Username string
	Hidden   []control
	Keys     []control // what is there already and can be removed
	Body     []control
	Buttons  []control // and links that look like them
	Riders   []control // buttons of alternatives, below the divider
	Divided  bool      // the form itself stands below the divider
	Or       string    // the word on the divider
	Script   string    // what is said where the form needs a script and none runs; "" for a form that does not
}

// drafter turns a container into forms. It numbers what it draws, so that no id
// in the page is made of data.
type drafter struct {
	*visit
	kind     flow.Kind
	schemaID string
	username string // what the person signs in with, "" for unknown
	count    int
	faulty   []link // fields with errors
	// scripted says that something of the page needs the script.
	scripted bool
	// guarded says that the page shows the barrier against robots.
	guarded bool
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
	action, _ := d.target(c.Action) // "" is the page itself
	var all []form
	divided := false
	for i, s := range arrangement(c.Nodes) {
		f := form{Action: action, Method: method, ID: "form-" + number(i), Label: d.words.Text(string(d.kind) + ".title"), Or: d.words.Text("or")}
		d.fill(&f, s, i == 0)
		switch {
		case d.kind == flow.Settings:
			d.headline(&f, s.group)
		case i > 0:
			f.Divided, divided = !divided, true
			d.fold(&f, s.group)
		}
		divided = divided || len(f.Riders) > 0
		all = append(all, f)
	}
	return all
}

// headline says what a section of the settings is about. Groups that are newer than
// the words have none.
func (d *drafter) headline(f *form, g ui.Group) {
	f.Heading, f.Text = d.words.Maybe("group."+string(g)), d.words.Maybe("group."+string(g)+".text")
	if f.Heading != "" {
		f.Anchor = string(g)
	}
	for _, c := range f.Body {
		if c.Partial == "picture" && g == ui.TOTP {
			f.Text = d.words.Text("totp.help")
		}
		if c.Secret != nil && len(c.Rules) > 0 {
			f.Username = d.username
		}
	}
}

// fold hides an alternative with fields of its own behind its name, unless
// something in it was wrong.
func (d *drafter) fold(f *form, g ui.Group) {
	f.Summary = d.words.Maybe("factor." + string(g))
	if f.Summary == "" && len(f.Buttons) > 0 {
		f.Summary = f.Buttons[0].Label
	}
	if f.Summary != "" {
		f.Label = f.Summary
	}
	f.Open = slices.ContainsFunc(f.Body, func(c control) bool { return c.Invalid })
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
		case c.Partial == "key":
			f.Keys = append(f.Keys, c)
		case c.Partial == "trigger" && d.kind == flow.Settings:
			f.Buttons = slices.Insert(f.Buttons, 0, c) // before those that remove what is there
		case c.Partial == "button", c.Partial == "trigger", c.Partial == "anchor":
			f.Buttons = append(f.Buttons, c)
		default:
			f.Body = append(f.Body, c)
		}
	}
	last := func(c control) int { // it stands in front of the button
		if c.Partial == "barrier" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(f.Body, func(a, b control) int { return last(a) - last(b) })
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
	wayBack := func(a, b control) int { return quietness(a) - quietness(b) }
	slices.SortStableFunc(f.Buttons, wayBack)
	slices.SortStableFunc(f.Riders, wayBack)
	typed := false
	for _, c := range f.Body {
		typed = typed || c.Name != ""
	}
	if len(f.Buttons) > 0 && !f.Buttons[0].Quiet {
		f.Buttons[0].Primary = first && d.kind != flow.Settings || d.kind == flow.Settings && typed
	}
	d.markOptional(f)
}

// quietness puts ways back behind ways on.
func quietness(c control) int {
	if c.Quiet {
		return 1
	}
	return 0
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
