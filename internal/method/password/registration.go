package password

import (
	"context"
	"errors"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/ui"
)

type registrationInput struct {
	Password string `json:"password"`
}

func (m Method) registration() *flow.Step {
	return flow.Of(flow.Typed[registrationInput]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: "password", Group: ui.Password,
			Required: []string{"password"},
			Traits:   true,
			Enabled:  enabled,
		},
		Render: renderRegistration,
		Submit: m.submitRegistration,
	})
}

func renderRegistration(context.Context, flow.View) (ui.Nodes, error) {
	return ui.Nodes{
		ui.Input{Name: "password", Type: ui.InputPassword, Required: true, Autocomplete: ui.AutocompleteNewPassword}.
			Node(ui.Password).Labelled(ui.New(ui.LabelPassword)),
		ui.Submit(ui.Password, "method", "password", ui.New(ui.RegistrationSubmit)),
	}, nil
}

// submitRegistration gives the new identity a password that the policy accepts.
func (m Method) submitRegistration(ctx context.Context, x *flow.Exec, in registrationInput) (flow.Result, error) {
	identifiers := x.Derived.Identifiers[identity.Password]
	if len(identifiers) == 0 {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	hash, rejected, err := m.newHash(ctx, x.Setup, in.Password, identifiers)
	if err != nil {
		return nil, err
	}
	if rejected != nil {
		return *rejected, nil
	}
	c, err := withHash(x.Identity.Credentials[identity.Password], hash)
	if err != nil {
		return nil, err
	}
	x.Identity.Credentials[identity.Password] = c
	return flow.NewIdentity{Identity: x.Identity, Method: session.Method{Method: "password", AAL: session.AAL1}}, nil
}

// newHash checks a new password and hashes it. What the policy or the hasher
// refuses is a rejection on the password's field.
func (m Method) newHash(ctx context.Context, s *flow.Setup, password string, identifiers []string) (string, *flow.Rejected, error) {
	var violation *Violation
	switch err := m.policy(s).Check(ctx, password, identifiers); {
	case errors.As(err, &violation):
		return "", deny(ui.Stored{ID: ui.MessageID(violation.ID), Context: violation.Context}.Message()), nil
	case err != nil:
		return "", nil, err
	}
	hash, err := m.Hashing(s.Snapshot).Hash(ctx, password)
	var long *secret.TooLongError
	if errors.As(err, &long) {
		return "", deny(ui.New(ui.ValidationPasswordMaxLength, "max_length", long.Max, "actual_length", long.Actual)), nil
	}
	return hash, nil, busy(err)
}

func deny(m ui.Message) *flow.Rejected {
	r := flow.DenyField("password", m)
	return &r
}
