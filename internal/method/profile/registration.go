// Package profile owns the forms that show a person's traits: the first screen
// of a registration in two steps, and the way back to it.
//
// It refuses to create an identity by itself: on the first screen traits are only
// checked, the credential that follows brings the identity.
package profile

import (
	"context"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

// The screens that a submission can ask for.
const (
	screenPrevious    = "previous"             // back to the traits
	screenCredentials = "credential-selection" // on to the ways to sign in
)

// backMethod is how older pages ask for the screen before.
const backMethod = "profile:back"

// input is a submitted profile; the traits come beside it.
type input struct {
	Method string `json:"method"`
	Screen string `json:"screen"`
}

// Steps are the method's steps.
func Steps() []*flow.Step {
	return []*flow.Step{registration(), settings()}
}

// registration is always on: without it a registration in two steps has no
// first one. A registration on one screen does without.
func registration() *flow.Step {
	return flow.Of(flow.Typed[input]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: "profile", Group: ui.Profile,
			Answers:     answers,
			Traits:      true,
			FirstScreen: true,
			Companion:   true,
			Enabled:     func(*flow.Setup) bool { return true },
			Accepts:     func(f *flow.Flow) bool { return f.Stage() != flow.OneScreen },
		},
		Render: render,
		Submit: submit,
	})
}

// answers takes whatever names a screen, whichever method it names besides: the way
// back from a code does.
func answers(_ *flow.Flow, field func(string) string) bool {
	method := field("method")
	return method == "profile" || method == backMethod || field("screen") != ""
}

// render gives the button that leads on from the traits, or back to them.
func render(_ context.Context, v flow.View) (ui.Nodes, error) {
	back := ui.New(ui.RegistrationBack)
	switch {
	case v.Flow.State == flow.SentEmail:
		return ui.Nodes{ui.Submit(ui.Profile, "screen", screenCredentials, back)}, nil
	case v.Flow.Stage() == flow.Credentials:
		return ui.Nodes{ui.Submit(ui.Profile, "screen", screenPrevious, back)}, nil
	}
	return ui.Nodes{ui.Submit(ui.Profile, "method", "profile", ui.New(ui.RegistrationSubmit))}, nil
}

// submit goes to the screen that was asked for. The traits have been found valid.
func submit(_ context.Context, _ *flow.Exec, in input) (flow.Result, error) {
	none := ""
	if in.Method == backMethod && in.Screen == "" {
		in.Screen = screenPrevious
	}
	switch in.Screen {
	case screenPrevious:
		return flow.Await{State: flow.ChooseMethod, Screen: true, Stage: flow.Profile, Active: &none, Quiet: true}, nil
	case "", screenCredentials:
		return flow.Await{
			State: flow.ChooseMethod, Screen: true, Stage: flow.Credentials, Active: &none,
			Form: []ui.Message{ui.New(ui.RegistrationChooseCredential)},
		}, nil
	}
	return flow.DenyField("screen", ui.New(ui.ValidationGeneric, "reason", "There is no screen of that name.")), nil
}
