package account

import (
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// undo is where the link of a message leads whose reader did not change their address.
// As with other links, only the button takes effect, and nobody looks at the secret
// before.
func (p *Pages) undo(v *visit) error {
	if v.query.Get("state") == "undone" {
		return p.undone(v)
	}
	token := v.linked(linkToken)
	if token == "" {
		return problem.ErrNotFound
	}
	button := control{ID: "f1", Partial: "button", Type: string(ui.InputSubmit), Label: v.words.Text("undo.submit"), Primary: true}
	return p.render(v, http.StatusOK, "journey", journeyPage{
		frame: p.frame(v, v.words.Text("undo.title")),
		Notes: []note{{ID: "note-0", Text: v.words.Text("undo.text"), Class: string(ui.Info)}},
		Forms: []form{{
			Action: v.set.Public("self-service/"+flow.UndoPath, nil), Method: "post", ID: "form-0", Label: v.words.Text("undo.title"),
			Hidden:  []control{{ID: "f0", Partial: "hidden", Name: linkToken, Type: string(ui.InputHidden), Value: token}},
			Buttons: []control{button},
		}},
	})
}

// undone says what to do next.
func (p *Pages) undone(v *visit) error {
	next := link{Href: v.start(flow.Login, nil), Text: v.words.Text("login.title"), Button: true, Primary: true}
	if v.set.SelfService.Flows.Recovery.Enabled {
		next.Href, next.Text = v.start(flow.Recovery, nil), v.words.Text("undo.done.recover")
	}
	return p.render(v, http.StatusOK, "notice", notice{
		frame: p.frame(v, v.words.Text("undo.done.title")),
		Text:  v.words.Text("undo.done.text"),
		Links: []link{next},
	})
}
