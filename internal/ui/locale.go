package ui

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Tag gives the locale's language.
func (l *Locale) Tag() language.Tag { return l.tag }

// Pages gives what the account pages say themselves.
func (l *Locale) Pages() Words { return l.pages }

// Mails gives what mails and text messages say.
func (l *Locale) Mails() Words { return l.mails }

// Title translates what an identity schema calls a trait: common titles have
// translations, others stay as they are.
func (l *Locale) Title(title string) string {
	if t, ok := l.titles[strings.ToLower(title)]; ok {
		return t
	}
	return title
}

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []string{"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm"}

// Direction gives the writing direction as HTML calls it: ltr or rtl.
func (l *Locale) Direction() string { return direction(l.tag) }

// Direction gives the writing direction as HTML calls it: ltr or rtl.
func (l Language) Direction() string { return direction(l.Tag) }

func direction(tag language.Tag) string {
	if script, _ := tag.Script(); slices.Contains(rightToLeft, script.String()) {
		return "rtl"
	}
	return "ltr"
}

// Render gives the message with its text, and with the texts of the messages in
// its context. Verbatim messages and ids that are not ours keep their text.
func (l *Locale) Render(m Message) Message {
	t, ok := l.texts[m.ID]
	if !ok || m.Verbatim {
		return m
	}
	m.Context = m.mapNested(func(nested any) any { return l.renderAll(nestedMessages(nested)) })
	m.Text = t.expand(m.Context)
	if m.ID == LabelTrait {
		m.Text = l.Title(m.Text)
	}
	if m.Text == "" {
		m.Text = l.texts[m.ID.root()].expand(nil)
	}
	return m
}

// Localize gives the form with all texts filled; the form itself is not changed.
func (l *Locale) Localize(c Container) Container {
	c.Messages = l.renderAll(c.Messages)
	c.Nodes = l.Nodes(c.Nodes)
	return c
}

// Nodes gives the nodes with all texts filled; the nodes themselves are not
// changed.
func (l *Locale) Nodes(nodes Nodes) Nodes {
	nodes = slices.Clone(nodes)
	labels := make([]Message, len(nodes)) // one allocation for all
	for i := range nodes {
		n := &nodes[i]
		n.Messages = l.renderAll(n.Messages)
		if n.Meta.Label != nil {
			labels[i] = l.Render(*n.Meta.Label)
			n.Meta.Label = &labels[i]
		}
		switch a := n.Attributes.(type) {
		case Text:
			a.Text = l.Render(a.Text)
			n.Attributes = a
		case Anchor:
			a.Title = l.Render(a.Title)
			n.Attributes = a
		case Input:
			if a.Label != nil {
				label := l.Render(*a.Label)
				a.Label = &label
				n.Attributes = a
			}
		}
	}
	return nodes
}

func (l *Locale) renderAll(ms []Message) []Message {
	if len(ms) == 0 {
		return ms
	}
	out := make([]Message, len(ms))
	for i, m := range ms {
		out[i] = l.Render(m)
	}
	return out
}
