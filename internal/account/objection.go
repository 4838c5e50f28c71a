package account

import (
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// undo is where the link of a message leads whose reader did not change their address.
func (p *Pages) undo(v *visit) error { return p.objection(v, flow.UndoPath, "undo", "undone") }

// notMe is where the link of a mail about an unusual sign-in leads those whom it was
// not.
func (p *Pages) notMe(v *visit) error { return p.objection(v, flow.NotMePath, "notme", "ended") }

// objection lets the reader of a mail object to what it tells: with a button, which
// posts to the path, and which leads back here with the state in which it is done.
// Words are what the texts begin with.
func (p *Pages) objection(v *visit, path, words, done string) error {
	if v.query.Get("state") == done {
		return p.heard(v, words)
	}
	token := v.linked(linkToken)
	if token == "" {
		return problem.ErrNotFound
	}
	return p.confirm(v, confirmation{
		title: v.words.Text(words + ".title"), text: v.words.Text(words + ".text"),
		action: v.set.Public("self-service/"+path, nil), token: token,
		button: control{Label: v.words.Text(words + ".submit")},
	})
}

// heard says what to do next.
func (p *Pages) heard(v *visit, words string) error {
	next := link{Href: v.start(flow.Login, nil), Text: v.words.Text("login.title"), Button: true, Primary: true}
	if v.set.SelfService.Flows.Recovery.Enabled {
		next.Href, next.Text = v.start(flow.Recovery, nil), v.words.Text("undo.done.recover")
	}
	return p.render(v, http.StatusOK, "notice", notice{
		frame: p.frame(v, v.words.Text(words+".done.title")),
		Text:  v.words.Text(words + ".done.text"),
		Links: []link{next},
	})
}
