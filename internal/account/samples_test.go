package account

import (
	"cardea/internal/flow"
	"cardea/internal/ui"
)

// sample is a form as a kind of flow has it.
type sample struct {
	kind flow.Kind
	form ui.Container
}

func label(text string) ui.Message { return ui.New(ui.LabelTrait, "title", text, "name", "x") }

func field(g ui.Group, name string, t ui.InputType) ui.Node {
	return ui.Input{Name: name, Type: t, Required: true}.Node(g).Labelled(label(name))
}

// faulty is a node with something wrong about it.
func faulty(n ui.Node) ui.Node {
	n.Messages = append(n.Messages, ui.New(ui.ValidationEmail, "value", "x"))
	return n
}

func login() ui.Nodes {
	return ui.Nodes{
		ui.Submit(ui.OIDC, "provider", "acme", ui.New(ui.LoginWithProvider, "provider", "Acme", "provider_id", "acme")),
		ui.CSRFToken("token"),
		ui.Input{Name: "identifier", Type: ui.InputText, Required: true}.Node(ui.Default).Labelled(ui.New(ui.LabelID)),
		ui.Submit(ui.Code, "method", "code", ui.New(ui.LoginSendCode)),
		ui.Input{Name: "password", Type: ui.InputPassword, Required: true, Autocomplete: ui.AutocompleteCurrentPassword}.
			Node(ui.Password).Labelled(ui.New(ui.LabelPassword)),
		ui.Submit(ui.Password, "method", "password", ui.New(ui.LoginWithPassword)),
	}
}

// trigger is a button that the script carries out.
func trigger(g ui.Group, name, value string, call ui.Trigger) ui.Node {
	return ui.Input{Name: name, Type: ui.InputButton, Value: value, OnClickTrigger: call, OnClick: call.Call(value)}.Node(g).Labelled(label("Use a key"))
}

// samples are forms of every kind, with every type of node.
func samples() map[string]sample {
	return map[string]sample{
		"a sign-in with everything in it": {flow.Login, ui.Container{Nodes: login()}},
		"a sign-in that failed": {flow.Login, ui.Container{
			Nodes: login(), Messages: []ui.Message{ui.New(ui.ValidationCredentials)},
		}},
		"a second factor": {flow.Login, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"),
			ui.Script{Source: "/x.js", ID: "webauthn_script"}.Node(ui.WebAuthn),
			ui.Hidden(ui.WebAuthn, "webauthn_login", ""),
			trigger(ui.WebAuthn, "webauthn_login_trigger", "{}", ui.TriggerWebAuthnLogin),
			field(ui.TOTP, "totp_code", ui.InputText), ui.Submit(ui.TOTP, "method", "totp", ui.New(ui.LoginWithTOTP)),
			field(ui.LookupSecret, "lookup_secret", ui.InputText), ui.Submit(ui.LookupSecret, "method", "lookup_secret", ui.New(ui.LoginWithBackupCode)),
		}}},
		"a sign-up with a key": {flow.Registration, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"), field(ui.Default, "traits.email", ui.InputEmail),
			ui.Script{Source: "/x.js", ID: "webauthn_script"}.Node(ui.WebAuthn),
			trigger(ui.Passkey, "passkey_register_trigger", "", ui.TriggerPasskeyRegistration), ui.Hidden(ui.Passkey, "passkey_register", ""),
			field(ui.Password, "password", ui.InputPassword), ui.Submit(ui.Password, "method", "password", ui.New(ui.RegistrationSubmit)),
		}}},
		"keys in settings": {flow.Settings, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"),
			ui.Submit(ui.WebAuthn, "webauthn_remove", "6b", ui.New(ui.SettingsRemoveSecurityKey, "display_name", "blue")),
			field(ui.WebAuthn, "webauthn_register_displayname", ui.InputText), ui.Hidden(ui.WebAuthn, "webauthn_register", ""),
			trigger(ui.WebAuthn, "webauthn_register_trigger", "{}", ui.TriggerWebAuthnRegistration),
		}}},
		"a sign-up with every type of field": {flow.Registration, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"),
			field(ui.Default, "traits.email", ui.InputEmail), field(ui.Password, "password", ui.InputPassword),
			field(ui.Default, "traits.phone", ui.InputTel), field(ui.Default, "traits.site", ui.InputURL),
			field(ui.Default, "traits.age", ui.InputNumber), field(ui.Default, "traits.born", ui.InputDate),
			field(ui.Default, "traits.at", ui.InputDateTimeLocal), field(ui.Default, "traits.news", ui.InputCheckbox),
			ui.Input{Name: "traits.size", Type: ui.InputText, Options: []ui.Option{{Value: "s"}, {Value: 2.0}}}.Node(ui.Default).Labelled(label("Size")),
			ui.Input{Name: "traits.nick", Type: ui.InputText}.Node(ui.Default), // nobody gave it a label
			ui.Submit(ui.Password, "method", "password", ui.New(ui.RegistrationSubmit)),
		}}},
		"the first step of a sign-up": {flow.Registration, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"), field(ui.Default, "traits.email", ui.InputEmail),
			ui.Submit(ui.Profile, "method", "profile", ui.New(ui.RegistrationContinue)),
		}}},
		"the second step of a sign-up": {flow.Registration, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"), ui.Hidden(ui.Default, "traits.email", "a@example.org"),
			ui.Submit(ui.Code, "method", "code", ui.New(ui.RegistrationSendCode)),
			ui.Submit(ui.Profile, "screen", "previous", ui.New(ui.RegistrationBack)),
		}}},
		"a mistake on the second step": {flow.Registration, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"), faulty(ui.Hidden(ui.Default, "traits.email", "a@example")), ui.Hidden(ui.Default, "traits.name", "Ann"),
			ui.Submit(ui.Code, "method", "code", ui.New(ui.RegistrationSendCode)),
			ui.Submit(ui.Profile, "screen", "previous", ui.New(ui.RegistrationBack)),
		}}},
		"settings": {flow.Settings, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"),
			field(ui.Profile, "traits.email", ui.InputEmail), ui.Submit(ui.Profile, "method", "profile", ui.New(ui.LabelSave)),
			field(ui.Password, "password", ui.InputPassword), ui.Submit(ui.Password, "method", "password", ui.New(ui.LabelSave)),
			ui.Submit(ui.OIDC, "link", "acme", ui.New(ui.SettingsLinkProvider, "provider", "Acme")),
			ui.Text{ID: "lookup_secret_codes", Text: ui.New(ui.SettingsBackupCodes, "secrets", []ui.Message{
				ui.New(ui.SettingsBackupCode, "secret", "aaaa"), ui.New(ui.SettingsBackupCodeUsed),
			})}.Node(ui.LookupSecret).Labelled(ui.New(ui.SettingsBackupCodesLabel)),
			ui.Submit(ui.LookupSecret, "lookup_secret_confirm", "true", ui.New(ui.SettingsConfirmBackupCodes)),
			ui.Image{ID: "totp_qr", Source: "data:image/png;base64,iVBORw0KGgo=", Width: 256, Height: 256}.Node(ui.TOTP).Labelled(ui.New(ui.SettingsTOTPQRCode)),
			ui.Text{ID: "totp_secret_key", Text: ui.New(ui.SettingsTOTPSecret, "secret", "JBSWY3DP")}.Node(ui.TOTP).Labelled(ui.New(ui.SettingsTOTPSecretLabel)),
			field(ui.TOTP, "totp_code", ui.InputText), ui.Submit(ui.TOTP, "method", "totp", ui.New(ui.LabelSave)),
		}, Messages: []ui.Message{ui.New(ui.SettingsSaved)}}},
		"a recovery": {flow.Recovery, ui.Container{Nodes: ui.Nodes{
			ui.CSRFToken("token"), field(ui.Code, "email", ui.InputEmail), ui.Submit(ui.Code, "method", "code", ui.New(ui.LabelContinue)),
		}}},
		"a recovery that waits for the code": {flow.Recovery, ui.Container{
			Nodes: ui.Nodes{
				ui.CSRFToken("token"),
				ui.Input{Name: "code", Type: ui.InputText, Required: true, Autocomplete: ui.AutocompleteOneTimeCode, MaxLength: 6}.
					Node(ui.Code).Labelled(ui.New(ui.LabelRecoveryCode)),
				ui.Hidden(ui.Code, "method", "code"), ui.Submit(ui.Code, "method", "code", ui.New(ui.LabelContinue)),
				ui.Submit(ui.Code, "email", "a@example.org", ui.New(ui.LabelResendCode)),
			},
			Messages: []ui.Message{ui.New(ui.RecoveryCodeSent)},
		}},
		"a verification that is done": {flow.Verification, ui.Container{
			Action: base, Method: "GET",
			Nodes:    ui.Nodes{ui.Anchor{ID: "continue", HRef: base, Title: ui.New(ui.LabelContinue)}.Node(ui.Code)},
			Messages: []ui.Message{ui.New(ui.VerificationEmailVerified)},
		}},
		"a form that has only the token":  {flow.Login, ui.Container{Nodes: ui.Nodes{ui.CSRFToken("token")}}},
		"a form without nodes":            {flow.Login, ui.Container{}},
		"nodes that need JavaScript only": {flow.Login, ui.Container{Nodes: ui.Nodes{ui.Div{ID: "x"}.Node(ui.Captcha)}}},
	}
}
