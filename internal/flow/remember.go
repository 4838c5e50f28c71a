package flow

import (
	"encoding/json"
	"slices"

	"cardea/internal/payload"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Where the operator lets people choose whether they stay signed in, the forms of a
// login have a box. It is about the session that is made in the end, so the choice
// stays with the flow on screens that do not show it, at a provider for instance.

// rememberField is the name of the box, and where a flow keeps the choice.
const rememberField = "remember"

// asksToRemember says whether the form that is shown has the box: a session that is
// there already keeps what was chosen for it.
func (r *run) asksToRemember() bool {
	f := r.flow
	return f.Kind == Login && r.Cardea.Session.RememberMe.Enabled && f.State == ChooseMethod && !f.Refresh &&
		f.RequestedAAL != session.AAL2 && f.Trial() == nil
}

// hearRemember keeps what was chosen. A box that is not ticked is not sent.
func (r *run) hearRemember(body *payload.Body) error {
	if !r.asksToRemember() {
		return nil
	}
	return r.flow.remember(rememberField, slices.Contains([]string{"true", "on", "1"}, body.Last(rememberField)))
}

func (f *Flow) remembers() bool {
	var yes bool
	raw, ok := f.Facts[rememberField]
	return ok && json.Unmarshal(raw, &yes) == nil && yes
}

// rememberNode is the box.
func (r *run) rememberNode() ui.Node {
	return ui.Input{Name: rememberField, Type: ui.InputCheckbox, Value: r.flow.remembers()}.Node(ui.Default).Labelled(ui.New(ui.LabelRememberMe))
}

// transient says whether a session that is made now ends with the browser: nobody is
// remembered who did not ask for it.
func (r *run) transient() bool {
	return r.Cardea.Session.RememberMe.Enabled && !r.flow.remembers()
}

// Cookie is what a browser gets to keep of a session.
func (s *Setup) Cookie(of *session.Session, token string) *Cookie {
	return &Cookie{Token: token, ExpiresAt: of.End(&s.Limits), Transient: of.Transient}
}
