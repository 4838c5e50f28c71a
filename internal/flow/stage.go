package flow

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/ui"
)

// Stage is which screen of a journey with several screens is shown.
type Stage string

// The stages. A journey with one screen has none.
const (
	OneScreen   Stage = ""
	Identify    Stage = "identify"    // login: who are you?
	Prove       Stage = "prove"       // login: prove it, one of the methods of that account
	Alone       Stage = "alone"       // login: one method has the form for itself
	Shown       Stage = "shown"       // settings: one method shows what only a recent sign-in may see
	Complete    Stage = "complete"    // registration: what a provider did not tell
	Profile     Stage = "profile"     // registration: tell about yourself
	Credentials Stage = "credentials" // registration: choose how to sign in from now on
)

// stageKey is where a flow keeps its stage among the facts.
const stageKey = "stage"

// stageFacts are what a flow remembers of its screens.
type stageFacts struct {
	Stage Stage `json:"stage"`
	// Methods are those that the account of a login can be proved with; of the
	// stages Alone and Shown, the one.
	Methods []string `json:"methods,omitempty"`
	// Linked are the providers that the account of a login is linked with.
	Linked []string `json:"linked,omitempty"`
	// Organization is the one whose connections are shown, too; or alone, with Only.
	Organization *uuid.UUID `json:"organization,omitempty"`
	Only         bool       `json:"only,omitempty"`
}

// Stage is the screen that is shown.
func (f *Flow) Stage() Stage { return f.stage().Stage }

// Offers says whether a method is among those of the screen.
func (f *Flow) Offers(method string) bool {
	s := f.stage()
	return s.Stage != Prove && s.Stage != Alone && s.Stage != Complete || slices.Contains(s.Methods, method)
}

// OffersProvider says whether somebody can go on with a provider: on the screen
// about one account, those that it is linked with.
func (f *Flow) OffersProvider(id string) bool {
	s := f.stage()
	return s.Stage != Prove || s.Linked == nil || slices.Contains(s.Linked, id)
}

// Reveals says whether the flow is at the stage Shown of a method.
func (f *Flow) Reveals(method string) bool {
	s := f.stage()
	return s.Stage == Shown && slices.Contains(s.Methods, method)
}

func (f *Flow) stage() stageFacts {
	var s stageFacts
	if raw, ok := f.Facts[stageKey]; ok {
		_ = json.Unmarshal(raw, &s) // written by show, below
	}
	return s
}

// enter goes to another screen, with the same organization's connections.
func (f *Flow) enter(s Stage, methods ...string) error {
	return f.remember(stageKey, stageFacts{Stage: s, Methods: methods, Organization: f.stage().Organization})
}

// firstScreen enters the first of several screens, where the configuration asks
// for several.
func (r *run) firstScreen() error {
	if r.flow.Linking() != nil {
		return nil // it is known who it has to be
	}
	style := r.SelfService.Flows.ByKind(string(r.kind.name)).Style
	switch {
	case r.kind.name == Registration && style == "profile_first":
		return r.flow.enter(Profile)
	case r.kind.name == Login && style == "identifier_first" && !r.flow.Refresh && r.flow.RequestedAAL != "aal2":
		return r.flow.enter(Identify)
	}
	return nil
}

// shows says whether a step has a place on the screen that is shown.
func (f *Flow) shows(s *Step) bool {
	switch {
	case f.Kind == Recovery || f.Kind == Verification:
		return s.Method == f.Active
	case (f.Kind == Login || f.Kind == Registration) && (f.State == SentEmail || f.State == PassedChallenge):
		return s.Method == f.Active || s.Companion
	}
	switch f.Stage() {
	case Identify, Profile:
		return s.FirstScreen
	case Prove:
		return s.Catches || s.Stays || f.Offers(s.Method)
	case Alone, Complete:
		return f.Offers(s.Method)
	}
	return !s.FirstScreenOnly
}

// hideTraits turns the traits of a form into hidden fields: they travel along on
// later screens, also with a message.
func hideTraits(nodes ui.Nodes) {
	for i, n := range nodes {
		in, ok := n.Attributes.(ui.Input)
		if !ok || !strings.HasPrefix(in.Name, "traits.") {
			continue
		}
		in.Type = ui.InputHidden
		nodes[i].Attributes = in
	}
}
