package account

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

// What links in mails lead here with.
const (
	linkToken = "token" // a secret that takes effect when it is sent on
	linkCode  = "code"  // what the form asks for

	maxLinked = 128 // characters of either
)

// linked is what a link carries, "" for what no link of ours could.
func (v *visit) linked(parameter string) string {
	value := v.query.Get(parameter)
	if utf8.RuneCountInString(value) > maxLinked {
		return ""
	}
	return value
}

// takesToken says whether the links of a kind carry a secret.
func takesToken(k flow.Kind) bool { return k == flow.Recovery || k == flow.Verification }

// confirmLink asks before the link of a mail is followed.
func (p *Pages) confirmLink(v *visit, k flow.Kind, token string) error {
	return p.confirm(v, confirmation{
		title: v.words.Text(string(k) + ".title"), text: v.words.Text("link.text"),
		action: v.set.Public("self-service/"+string(k), url.Values{"flow": {v.query.Get("flow")}}), token: token,
		button: control{Name: "method", Value: "link", Label: v.words.Text("link." + string(k) + ".submit")},
	})
}

// confirmation is a page with a button that sends the secret of a link on.
type confirmation struct {
	title, text   string
	action, token string
	button        control
}

// confirm asks before a secret takes effect. Mail scanners open links, too, and fewer
// of them press buttons. Nobody looks at the secret yet, so the page says nothing
// about it.
func (p *Pages) confirm(v *visit, c confirmation) error {
	c.button.ID, c.button.Partial, c.button.Type, c.button.Primary = "f1", "button", string(ui.InputSubmit), true
	return p.render(v, http.StatusOK, "journey", journeyPage{
		frame: p.frame(v, c.title),
		Notes: []note{{ID: "note-0", Text: c.text, Class: string(ui.Info)}},
		Forms: []form{{
			Action: c.action, Method: "post", ID: "form-0", Label: c.title,
			Hidden:  []control{{ID: "f0", Partial: "hidden", Name: linkToken, Type: string(ui.InputHidden), Value: c.token}},
			Buttons: []control{c.button},
		}},
	})
}

// elsewhere says where a code can be entered when its screen belongs to another
// browser.
func (p *Pages) elsewhere(v *visit, k flow.Kind) error {
	return p.render(v, http.StatusOK, "notice", notice{
		frame: p.frame(v, v.words.Text(string(k)+".title")),
		Text:  v.words.Text("link.elsewhere"),
		Links: []link{{Href: v.start(k, v.startQuery()), Text: v.words.Text("again"), Button: true}},
	})
}

// fillIn puts the code of a link into the form that asks for one.
func fillIn(nodes ui.Nodes, code string) {
	if code == "" || strings.ContainsFunc(code, func(r rune) bool { return r < '0' || r > '9' }) {
		return
	}
	for i, n := range nodes {
		if a, ok := n.Attributes.(ui.Input); ok && a.Name == linkCode && n.Group == ui.Code && a.Type != ui.InputHidden && a.Type != ui.InputSubmit && a.Value == nil {
			a.Value = code
			nodes[i].Attributes = a
		}
	}
}
