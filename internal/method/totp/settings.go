package totp

import (
	"context"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

type settingsInput struct {
	Code   string `json:"totp_code"`
	Unlink bool   `json:"totp_unlink"`
}

func settings() *flow.Step {
	p := new(painter)
	return flow.Of(flow.Typed[settingsInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: method, Group: ui.TOTP,
			Triggers: []string{"totp_unlink"},
			Needs:    flow.NeedFreshSession,
			Enabled:  enabled,
		},
		Prepare: p.prepareSettings,
		Render:  renderSettings,
		Submit:  p.submitSettings,
	})
}

func renderSettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	if v.Identity == nil {
		return nil, nil
	}
	if v.Identity.Credentials[identity.TOTP].Usable() {
		return ui.Nodes{
			ui.Input{Name: "totp_unlink", Type: ui.InputSubmit, Value: "true", Required: true}.Node(ui.TOTP).
				Labelled(ui.New(ui.SettingsUnlinkTOTP)),
		}, nil
	}
	c, ok := offered(v.Vault(), v.Identity.ID, v.Facts)
	if !ok {
		return nil, nil // the app went away after the flow began: a new flow offers a key
	}
	key, err := identity.ParseTOTPKey(c.URL)
	if err != nil {
		return nil, err
	}
	var nodes ui.Nodes
	if c.Picture != "" {
		nodes = append(nodes, ui.Image{Source: c.Picture, ID: "totp_qr", Width: side, Height: side}.Node(ui.TOTP).
			Labelled(ui.New(ui.SettingsTOTPQRCode)))
	}
	return append(nodes,
		ui.Text{Text: ui.New(ui.SettingsTOTPSecret, "secret", key.Secret), ID: "totp_secret_key"}.Node(ui.TOTP).
			Labelled(ui.New(ui.SettingsTOTPSecretLabel)),
		ui.Input{Name: "totp_code", Type: ui.InputText, Required: true}.Node(ui.TOTP).Labelled(ui.New(ui.LabelTOTPCode)),
		ui.Submit(ui.TOTP, "method", method, ui.New(ui.LabelSave)),
	), nil
}

// submitSettings removes the app, or adds the one whose code shows that it has the
// flow's key.
func (p *painter) submitSettings(_ context.Context, x *flow.Exec, in settingsInput) (flow.Result, error) {
	enrolled := x.Identity.Credentials[identity.TOTP].Usable()
	switch {
	case in.Unlink && enrolled:
		return p.unlink(x)
	case in.Code == "":
		return flow.DenyField("totp_code", ui.New(ui.ValidationRequired, "property", "totp_code")), nil
	case enrolled:
		return flow.Changed{}, nil // as the contract has it: nothing is wrong, nothing happens
	}
	return enrol(x, in.Code)
}

// unlink takes the app away. The form offers another key at once.
func (p *painter) unlink(x *flow.Exec) (flow.Result, error) {
	next, err := p.draw(x)
	if err != nil {
		return nil, err
	}
	vault := x.Vault()
	return flow.Changed{
		Apply: func(i *identity.Identity) error { return i.SetTOTPApps(vault) },
		Facts: next,
	}, nil
}

// enrol adds the app. The step of the code that showed it may be used once more, by
// the first sign-in: who has just added an app should not have to wait for the next
// code, and the session that added it is at this level already. Older steps are
// over.
func enrol(x *flow.Exec, typed string) (flow.Result, error) {
	vault := x.Vault()
	c, ok := offered(vault, x.Identity.ID, x.Flow.Facts[method])
	app := identity.TOTPApp{URL: c.URL}
	_, step, fits := match([]identity.TOTPApp{app}, typed, x.Now)
	if !ok || !fits {
		return flow.DenyField("totp_code", ui.New(ui.ValidationTOTPCode)), nil
	}
	app.LastStep = step - 1
	proof := evidence()
	return flow.Changed{
		Apply: func(i *identity.Identity) error {
			if i.Credentials[identity.TOTP].Usable() {
				return problem.Conflict("Another authenticator app was added in the meantime.")
			}
			return i.SetTOTPApps(vault, app)
		},
		Evidence: &proof,
		Facts:    facts{},
	}, nil
}
