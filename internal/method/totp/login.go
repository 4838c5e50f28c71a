package totp

import (
	"context"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

// shortest is how many characters a code has at least.
const shortest = 6

type loginInput struct {
	Code string `json:"totp_code"`
}

// loginFacts say whether the account of a flow has an app.
type loginFacts struct {
	Enrolled bool `json:"enrolled"`
}

func login() *flow.Step {
	return flow.Of(flow.Typed[loginInput]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: method, Group: ui.TOTP,
			Needs:    flow.NeedSession,
			Required: []string{"totp_code"},
			Guess:    &flow.Guess{Field: "totp_code", Secret: flow.SecretFactor},
			Enabled:  enabled,
			Accepts:  (*flow.Flow).AsksSecondFactor,
		},
		Prepare: prepareLogin,
		Render:  renderLogin,
		Submit:  submitLogin,
		Usable:  func(_ *flow.Setup, i *identity.Identity) bool { return i.Credentials[identity.TOTP].Usable() },
	})
}

func prepareLogin(ctx context.Context, x *flow.Exec) (any, error) {
	if x.Session == nil {
		return nil, nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	return loginFacts{Enrolled: i.Credentials[identity.TOTP].Usable()}, nil
}

func renderLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	var f loginFacts
	if json.Unmarshal(v.Facts, &f) != nil || !f.Enrolled {
		return nil, nil
	}
	field := ui.Input{Name: "totp_code", Type: ui.InputText, Value: "", Required: true}
	if v.Flow.Faulty() {
		field.Value = nil // the contract's forms have an empty value only until something was wrong
	}
	return ui.Nodes{
		field.Node(ui.TOTP).Labelled(ui.New(ui.LoginTOTPCode)),
		ui.Submit(ui.TOTP, "method", method, ui.New(ui.LoginWithTOTP)),
	}, nil
}

// errSpent says that a code was used while it was being checked.
var errSpent = errors.New("the code counted already")

// submitLogin checks a code of whoever is signed in, and uses it up.
func submitLogin(ctx context.Context, x *flow.Exec, in loginInput) (flow.Result, error) {
	if n := utf8.RuneCountInString(in.Code); n < shortest {
		return flow.DenyField("totp_code", ui.New(ui.ValidationMinLength, "min_length", shortest, "actual_length", n)), nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	if !i.Credentials[identity.TOTP].Usable() {
		return flow.Deny(ui.New(ui.ValidationNoTOTP)), nil
	}
	wrong := flow.Deny(ui.New(ui.ValidationTOTPCode))
	vault := x.Vault()
	if _, _, ok := match(i.TOTPApps(vault), in.Code, x.Now); !ok {
		return wrong, nil
	}
	i, err = x.Amend(ctx, i.ID, func(i *identity.Identity) error {
		apps := i.TOTPApps(vault)
		if !spend(apps, in.Code, x.Now) {
			return errSpent
		}
		return i.SetTOTPApps(vault, apps...)
	})
	switch {
	case errors.Is(err, errSpent):
		return wrong, nil
	case err != nil:
		return nil, err
	}
	return flow.Proved{Identity: i, Method: evidence()}, nil
}
