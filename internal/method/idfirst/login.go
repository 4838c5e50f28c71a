// Package idfirst asks who somebody is before it asks for proof: the first
// screen of a login in two steps.
//
// Invariant: with account enumeration mitigated the second screen is the same
// for accounts that exist and for those that do not.
package idfirst

import (
	"context"
	"errors"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

type input struct {
	Identifier string `json:"identifier"`
}

// searched are the credentials whose identifiers name an account.
var searched = []identity.CredentialType{identity.Password, identity.Code, identity.WebAuthn}

// Steps are the method's steps.
func Steps() []*flow.Step {
	return []*flow.Step{flow.Of(flow.Typed[input]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: "identifier_first", Group: ui.IdentifierFirst,
			Echo:        []string{"identifier"},
			FirstScreen: true,
			Catches:     true,
			Enabled:     func(s *flow.Setup) bool { return s.SelfService.Flows.Login.Style == "identifier_first" },
			Accepts: func(f *flow.Flow) bool {
				return f.Stage() != flow.OneScreen && f.RequestedAAL != session.AAL2
			},
		},
		Render: render,
		Submit: submit,
	})}
}

func render(_ context.Context, v flow.View) (ui.Nodes, error) {
	label := v.IdentifierLabel()
	field := ui.Input{
		Name: "identifier", Type: ui.InputText, Value: "", Required: true, Autocomplete: ui.AutocompleteUsernameWebAuthn,
	}
	if v.Flow.Stage() == flow.Prove {
		field.Type = ui.InputHidden
		return ui.Nodes{field.Node(ui.IdentifierFirst).Labelled(label)}, nil
	}
	return ui.Nodes{
		field.Node(ui.IdentifierFirst).Labelled(label),
		ui.Submit(ui.IdentifierFirst, "method", "identifier_first", ui.New(ui.LabelContinue)),
	}, nil
}

// submit finds the ways in which the account can be proved.
func submit(ctx context.Context, x *flow.Exec, in input) (flow.Result, error) {
	unknown := flow.DenyField("identifier", ui.New(ui.ValidationAccountNotFound))
	if in.Identifier == "" {
		return unknown, nil
	}
	i, err := x.Store.IdentityByIdentifiers(ctx, searched, in.Identifier, identity.NormalizeIdentifier(in.Identifier))
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	if x.Setup.Security.AccountEnumeration.Mitigate {
		return prove(x.Methods(nil), nil), nil
	}
	if err != nil {
		return unknown, nil
	}
	switch methods := x.Methods(i); {
	case len(methods) == 0:
		return unknown, nil
	case len(methods) == 1 && methods[0] == "code":
		return flow.Hand{Method: "code", Identity: i, Typed: in.Identifier}, nil
	default:
		_, linked := identity.SignInHints(i)
		return prove(methods, linked), nil
	}
}

// prove shows the methods and, where the account is known, its providers.
func prove(methods, linked []string) flow.Result {
	return flow.Await{Screen: true, Stage: flow.Prove, Methods: methods, Linked: linked}
}
