package code

import (
	"context"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

func renderLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	facts, err := factsOf[loginFacts](v.Facts)
	switch {
	case err != nil:
		return nil, err
	case v.Flow.State != flow.ChooseMethod:
		return enterLoginCode(v, facts), nil
	case facts.Chooses:
		return chooseAddress(facts), nil
	}
	button := send(ui.LoginSendCode)
	if v.Flow.Stage() == flow.Prove {
		return ui.Nodes{button}, nil // the identifier was asked for before
	}
	return ui.Nodes{
		ui.Input{Name: "identifier", Type: ui.InputText, Value: "", Required: true}.Node(ui.Default).Labelled(v.IdentifierLabel()),
		button,
	}, nil
}

// chooseAddress has a button for each address.
func chooseAddress(facts loginFacts) ui.Nodes {
	var nodes ui.Nodes
	for _, a := range facts.Known {
		label := ui.New(ui.LoginSendCodeTo, "address", a.Value, "channel", string(a.Via))
		nodes = append(nodes, ui.Submit(ui.Code, "address", a.Value, label))
	}
	return nodes
}

// enterLoginCode is the screen on which the code is entered. The identifier
// travels along: it says again who wants to be signed in.
func enterLoginCode(v flow.View, facts loginFacts) ui.Nodes {
	var nodes ui.Nodes
	a, known := among(facts.Known, facts.Identifier)
	switch {
	case v.Flow.Faulty() || facts.Again:
		nodes = append(nodes, ui.Hidden(ui.Default, "identifier", facts.Identifier))
	case known:
		nodes = append(nodes, ui.Hidden(ui.Code, "identifier", facts.Identifier).
			Labelled(ui.New(ui.LoginSendCodeTo, "address", a.Value, "channel", string(a.Via))))
	default:
		nodes = append(nodes, ui.Input{Name: "identifier", Type: ui.InputHidden, Value: facts.Identifier, Required: true}.
			Node(ui.Default).Labelled(v.IdentifierLabel()))
	}
	nodes = append(nodes, enterCode(ui.LabelLoginCode)...)
	if !v.Flow.Faulty() {
		nodes = append(nodes, ui.CSRFToken(""))
	}
	return nodes
}
