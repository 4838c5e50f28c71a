package password

import (
	"context"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

func (m Method) settings() *flow.Step {
	return flow.Of(flow.Typed[registrationInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: "password", Group: ui.Password,
			Needs:    flow.NeedFreshSession,
			Required: []string{"password"},
			Enabled:  enabled,
		},
		Render: renderSettings,
		Submit: m.submitSettings,
	})
}

func renderSettings(context.Context, flow.View) (ui.Nodes, error) {
	return ui.Nodes{
		ui.Input{Name: "password", Type: ui.InputPassword, Required: true, Autocomplete: ui.AutocompleteNewPassword}.
			Node(ui.Password).Labelled(ui.New(ui.LabelPassword)),
		ui.Submit(ui.Password, "method", "password", ui.New(ui.LabelSave)),
	}, nil
}

// submitSettings gives the account another password.
func (m Method) submitSettings(ctx context.Context, x *flow.Exec, in registrationInput) (flow.Result, error) {
	identifiers := x.Identity.Credentials[identity.Password].Identifiers
	if len(identifiers) == 0 {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	if old := hashOf(x.Identity); old != "" {
		switch err := m.Hashing(x.Setup.Snapshot).Compare(ctx, in.Password, old); {
		case err == nil:
			return *deny(ui.New(ui.ValidationPasswordUnchanged)), nil
		case failed(err) != nil:
			return nil, failed(err)
		}
	}
	hash, rejected, err := m.newHash(ctx, x.Setup, in.Password, identifiers)
	if err != nil {
		return nil, err
	}
	if rejected != nil {
		return *rejected, nil
	}
	return flow.Changed{Apply: func(i *identity.Identity) error {
		c, err := withHash(i.Credentials[identity.Password], hash)
		if err != nil {
			return err
		}
		i.Credentials[identity.Password] = c
		return nil
	}}, nil
}
