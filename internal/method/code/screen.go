package code

import "cardea/internal/ui"

// The parts that forms with a code are made of.

func codeField() ui.Input {
	return ui.Input{Name: "code", Type: ui.InputText, Required: true, Autocomplete: ui.AutocompleteOneTimeCode}
}

// entry is the field for a code.
func entry(label ui.MessageID) ui.Node { return codeField().Node(ui.Code).Labelled(ui.New(label)) }

// strictEntry is entry for forms that say what a code looks like.
func strictEntry(label ui.MessageID) ui.Node {
	in := codeField()
	in.Pattern, in.MaxLength = "[0-9]+", length
	return in.Node(ui.Code).Labelled(ui.New(label))
}

// hiddenMethod comes before a button of the same name.
func hiddenMethod() ui.Node { return ui.Hidden(ui.Code, "method", method) }

func send(label ui.MessageID) ui.Node { return ui.Submit(ui.Code, "method", method, ui.New(label)) }

// resend is the button for another code; name and value say what it sends.
func resend(name, value string) ui.Node {
	return ui.Submit(ui.Code, name, value, ui.New(ui.LabelResendCode))
}

// enterCode is the screen on which a code is entered to sign in or up.
func enterCode(label ui.MessageID) ui.Nodes {
	return ui.Nodes{hiddenMethod(), entry(label), send(ui.LabelContinue), resend("resend", method)}
}
