package account

import (
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// notMe is where the link of a mail about an unusual sign-in leads those whom it was
// not. As with other links, only the button takes effect, and nobody looks at the
// secret before.
func (p *Pages) notMe(v *visit) error {
	if v.query.Get("state") == "ended" {
		return p.foreignEnded(v)
	}
	token := v.linked(linkToken)
	if token == "" {
		return problem.ErrNotFound
	}
	button := control{ID: "f1", Partial: "button", Type: string(ui.InputSubmit), Label: v.words.Text("notme.submit"), Primary: true}
	return p.render(v, http.StatusOK, "journey", journeyPage{
		frame: p.frame(v, v.words.Text("notme.title")),
		Notes: []note{{ID: "note-0", Text: v.words.Text("notme.text"), Class: string(ui.Info)}},
		Forms: []form{{
			Action: v.set.Public("self-service/"+flow.NotMePath, nil), Method: "post", ID: "form-0", Label: v.words.Text("notme.title"),
			Hidden:  []control{{ID: "f0", Partial: "hidden", Name: linkToken, Type: string(ui.InputHidden), Value: token}},
			Buttons: []control{button},
		}},
	})
}

// foreignEnded says what to do next.
func (p *Pages) foreignEnded(v *visit) error {
	next := link{Href: v.start(flow.Login, nil), Text: v.words.Text("login.title"), Button: true, Primary: true}
	if v.set.SelfService.Flows.Recovery.Enabled {
		next.Href, next.Text = v.start(flow.Recovery, nil), v.words.Text("undo.done.recover")
	}
	return p.render(v, http.StatusOK, "notice", notice{
		frame: p.frame(v, v.words.Text("notme.done.title")),
		Text:  v.words.Text("notme.done.text"),
		Links: []link{next},
	})
}
