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
	"cardea/internal/org"
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
	known := err == nil && !x.Setup.Security.AccountEnumeration.Mitigate
	if !known {
		i = nil
	}
	home, err := x.Home(ctx, in.Identifier, i)
	switch {
	case err != nil:
		return nil, err
	case home != nil:
		return lead(x, home, i), nil
	case x.Setup.Security.AccountEnumeration.Mitigate:
		return prove(x.Methods(nil), nil), nil
	case !known:
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

// lead shows the connections of an organization: alone where it wants that, else
// beside the methods of the account, if one shows. Where there is nothing to choose
// it goes on at once.
func lead(x *flow.Exec, home *org.Organization, i *identity.Identity) flow.Result {
	w := flow.Await{Screen: true, Stage: flow.Prove, Methods: x.Connecting(), Home: &home.ID, Only: home.SignIn == org.Connections}
	if w.Only {
		if all := x.Setup.Connections(home.ID); len(all) == 1 {
			w.Forward = all[0].ID
		}
		return w
	}
	switch {
	case i != nil:
		w.Methods = append(w.Methods, x.Methods(i)...)
		_, w.Linked = identity.SignInHints(i)
	case x.Setup.Security.AccountEnumeration.Mitigate:
		w.Methods = append(w.Methods, x.Methods(nil)...)
	default:
		w.Linked = []string{} // nobody is known to be linked with any other
	}
	return w
}

// prove shows the methods and, where the account is known, its providers.
func prove(methods, linked []string) flow.Result {
	return flow.Await{Screen: true, Stage: flow.Prove, Methods: methods, Linked: linked}
}
