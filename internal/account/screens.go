package account

import (
	"encoding/json"

	"cardea/internal/flow"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// screen is a page with sample data, for whoever works on how pages look.
type screen struct {
	name string
	draw func(p *Pages, v *visit) error
}

// shown is a flow's page with sample data.
type shown struct {
	kind     flow.Kind
	state    flow.State
	change   func(*flow.Page)
	messages []ui.Message
	nodes    ui.Nodes
}

// of is a screen of a flow.
func of(name string, s shown) screen {
	return screen{name, func(p *Pages, v *visit) error { return p.showJourney(v, s.page(v)) }}
}

// page puts the sample into a flow that this configuration could have.
func (s shown) page(v *visit) *flow.Page {
	state := s.state
	if state == "" {
		state = flow.ChooseMethod
	}
	page := &flow.Page{
		Flow: &flow.Flow{Kind: s.kind, State: state, SchemaID: v.set.Identity.DefaultSchemaID},
		UI: ui.Container{
			Action: v.place("preview"), Method: "GET", Messages: s.messages,
			Nodes: append(ui.Nodes{ui.CSRFToken("sample")}, s.nodes...),
		},
	}
	if s.kind == flow.Settings {
		page.Identity = sampleSession(v.set).Identity
	}
	if s.change != nil {
		s.change(page)
	}
	return page
}

// Pieces of forms, as the methods make them.

func submit(g ui.Group, method string, label ui.MessageID, context ...any) ui.Node {
	return ui.Submit(g, "method", method, ui.New(label, context...))
}

func identifier() ui.Node {
	return ui.Input{Name: "identifier", Type: ui.InputText, Required: true, Autocomplete: ui.AutocompleteUsernameWebAuthn}.
		Node(ui.Default).Labelled(ui.New(ui.LabelID))
}

func passwordField(hint ui.Autocomplete) ui.Node {
	return ui.Input{Name: "password", Type: ui.InputPassword, Required: true, Autocomplete: hint}.
		Node(ui.Password).Labelled(ui.New(ui.LabelPassword))
}

func trait(name, title string, t ui.InputType, value any, g ui.Group) ui.Node {
	return ui.Input{Name: "traits." + name, Type: t, Value: value, Required: name == "email"}.Node(g).
		Labelled(ui.New(ui.LabelTrait, "title", title, "name", "traits."+name))
}

func codeEntry(label ui.MessageID) ui.Nodes {
	return ui.Nodes{
		ui.Hidden(ui.Code, "method", "code"),
		ui.Input{Name: "code", Type: ui.InputText, Required: true, Autocomplete: ui.AutocompleteOneTimeCode, MaxLength: 6}.Node(ui.Code).Labelled(ui.New(label)),
		submit(ui.Code, "code", ui.LabelContinue),
		ui.Submit(ui.Code, "resend", "code", ui.New(ui.LabelResendCode)),
	}
}

func provider(name, id string, label ui.MessageID) ui.Node {
	return ui.Submit(ui.OIDC, "provider", id, ui.New(label, "provider", name, "provider_id", id))
}

func passkeyButton(name string, call ui.Trigger, label ui.MessageID) ui.Nodes {
	return ui.Nodes{
		ui.Input{Name: name, Type: ui.InputButton, OnClickTrigger: call, OnClick: call.Call("")}.Node(ui.Passkey).Labelled(ui.New(label)),
	}
}

func wrong(n ui.Node, id ui.MessageID, context ...any) ui.Node {
	n.Messages = append(n.Messages, ui.New(id, context...))
	return n
}

// filled is a node with a value.
func filled(n ui.Node, value any) ui.Node {
	in, ok := n.Attributes.(ui.Input)
	if ok {
		in.Value = value
		n.Attributes = in
	}
	return n
}

func secondFactors() ui.Nodes {
	return ui.Nodes{
		ui.Input{Name: "totp_code", Type: ui.InputText, Required: true}.Node(ui.TOTP).Labelled(ui.New(ui.LoginTOTPCode)),
		submit(ui.TOTP, "totp", ui.LoginWithTOTP),
		ui.Input{Name: "lookup_secret", Type: ui.InputText, Required: true}.Node(ui.LookupSecret).Labelled(ui.New(ui.LoginBackupCode)),
		submit(ui.LookupSecret, "lookup_secret", ui.LoginWithBackupCode),
		ui.Hidden(ui.WebAuthn, "webauthn_login", ""),
		ui.Input{Name: "webauthn_login_trigger", Type: ui.InputButton, Value: "{}", OnClickTrigger: ui.TriggerWebAuthnLogin}.Node(ui.WebAuthn).Labelled(ui.New(ui.LoginWithSecurityKey)),
		ui.Submit(ui.Code, "address", "g****@example.org", ui.New(ui.LoginSendCodeTo, "address", "g****@example.org", "channel", "email")),
	}
}

func stepUp(p *flow.Page)    { p.Flow.RequestedAAL = session.AAL2 }
func refreshed(p *flow.Page) { p.Flow.Refresh = true }
func choosing(p *flow.Page) {
	p.Flow.Facts = map[string]json.RawMessage{"stage": []byte(`{"stage": "credentials"}`)}
}

// screens are all of them: every screen in every state.
func screens() []screen {
	var all []screen
	for _, some := range [][]screen{loginScreens(), registrationScreens(), otherScreens(), settingsScreens(), plainScreens()} {
		all = append(all, some...)
	}
	return all
}

func loginScreens() []screen {
	password := ui.Nodes{identifier(), passwordField(ui.AutocompleteCurrentPassword), submit(ui.Password, "password", ui.LoginWithPassword)}
	everything := append(append(ui.Nodes{
		provider("Google", "google", ui.LoginWithProvider), provider("GitHub", "github", ui.LoginWithProvider), provider("Acme", "acme", ui.LoginWithProvider),
	}, password...), append(passkeyButton("passkey_login_trigger", ui.TriggerPasskeyLogin, ui.LoginWithPasskey), submit(ui.Code, "code", ui.LoginSendCode))...)
	known := ui.Nodes{ui.Hidden(ui.IdentifierFirst, "identifier", "grace@example.org"), passwordField(ui.AutocompleteCurrentPassword), submit(ui.Password, "password", ui.LoginWithPassword), submit(ui.Code, "code", ui.LoginSendCode)}
	return []screen{
		of("login", shown{kind: flow.Login, nodes: password}),
		of("login-everything", shown{kind: flow.Login, nodes: everything}),
		of("login-wrong", shown{kind: flow.Login, nodes: ui.Nodes{filled(identifier(), "grace@example.org"), password[1], password[2]}, messages: []ui.Message{ui.New(ui.ValidationCredentials)}}),
		of("login-empty", shown{kind: flow.Login, nodes: ui.Nodes{wrong(identifier(), ui.ValidationRequired, "property", "identifier"), wrong(password[1], ui.ValidationRequired, "property", "password"), password[2]}}),
		of("login-expired", shown{kind: flow.Login, nodes: ui.Nodes{filled(identifier(), "grace@example.org"), password[1], password[2]}, messages: []ui.Message{ui.New(ui.LoginFlowExpired)}}),
		of("login-identifier-first", shown{kind: flow.Login, nodes: append(ui.Nodes{
			filled(identifier(), nil), submit(ui.IdentifierFirst, "identifier_first", ui.LabelContinue), provider("Google", "google", ui.LoginWithProvider),
		}, passkeyButton("passkey_login_trigger", ui.TriggerPasskeyLogin, ui.LoginWithPasskey)...)}),
		of("login-identifier-known", shown{kind: flow.Login, nodes: known}),
		of("login-code", shown{kind: flow.Login, state: flow.SentEmail, nodes: codeEntry(ui.LabelLoginCode), messages: []ui.Message{ui.New(ui.LoginCodeSent)}}),
		of("login-code-wrong", shown{kind: flow.Login, state: flow.SentEmail, nodes: codeEntry(ui.LabelLoginCode), messages: []ui.Message{ui.New(ui.LoginCodeInvalid)}}),
		of("login-second-factor", shown{kind: flow.Login, change: stepUp, nodes: secondFactors(), messages: []ui.Message{ui.New(ui.LoginSecondFactor)}}),
		of("login-second-factor-wrong", shown{kind: flow.Login, change: stepUp, nodes: func() ui.Nodes {
			nodes := secondFactors()
			nodes[2] = wrong(nodes[2], ui.ValidationBackupCode)
			return nodes
		}(), messages: []ui.Message{ui.New(ui.LoginSecondFactor)}}),
		of("login-refresh", shown{kind: flow.Login, change: refreshed, nodes: known, messages: []ui.Message{ui.New(ui.LoginReauthenticate)}}),
		of("login-oauth2", shown{kind: flow.Login, nodes: password, change: func(p *flow.Page) {
			p.LoginRequest = []byte(`{"client": {"client_name": "The Shop", "client_id": "shop"}}`)
		}}),
		of("login-linking", shown{kind: flow.Login, nodes: known[:3], messages: []ui.Message{
			ui.New(ui.LoginToLink, "duplicate_identifier", "grace@example.org", "provider", "Google"),
		}}),
		of("login-barrier", shown{kind: flow.Login, nodes: append(captchaSample(), password...), messages: []ui.Message{ui.New(ui.CaptchaDue)}}),
		of("login-nothing", shown{kind: flow.Login}),
	}
}

func registrationScreens() []screen {
	email := func(value any) ui.Node { return trait("email", "Email", ui.InputEmail, value, ui.Default) }
	name := trait("name", "Name", ui.InputText, nil, ui.Default)
	password := passwordField(ui.AutocompleteNewPassword)
	button := submit(ui.Password, "password", ui.RegistrationSubmit)
	return []screen{
		of("registration", shown{kind: flow.Registration, nodes: ui.Nodes{email(nil), name, password, button, provider("Google", "google", ui.RegistrationWithProvider)}}),
		of("registration-wrong", shown{kind: flow.Registration, nodes: ui.Nodes{
			wrong(email("grace@example"), ui.ValidationEmail, "value", "grace@example"), name,
			wrong(password, ui.ValidationPasswordMinLength, "min_length", 8, "actual_length", 5), button,
		}}),
		of("registration-first-step", shown{kind: flow.Registration, nodes: ui.Nodes{email(nil), name, submit(ui.Profile, "profile", ui.RegistrationContinue), provider("Google", "google", ui.RegistrationWithProvider)}}),
		of("registration-second-step", shown{kind: flow.Registration, change: choosing, messages: []ui.Message{ui.New(ui.RegistrationChooseCredential)}, nodes: append(ui.Nodes{
			ui.Hidden(ui.Default, "traits.email", "grace@example.org"), password, button, submit(ui.Code, "code", ui.RegistrationSendCode),
			ui.Submit(ui.Profile, "screen", "previous", ui.New(ui.RegistrationBack)),
		}, passkeyButton("passkey_register_trigger", ui.TriggerPasskeyRegistration, ui.RegistrationWithPasskey)...)}),
		of("registration-code", shown{kind: flow.Registration, state: flow.SentEmail, nodes: codeEntry(ui.LabelRegistrationCode), messages: []ui.Message{ui.New(ui.RegistrationCodeSent)}}),
		of("registration-fields", shown{kind: flow.Registration, nodes: ui.Nodes{
			email(nil), trait("phone", "Phone", ui.InputTel, nil, ui.Default), trait("age", "Age", ui.InputNumber, nil, ui.Default),
			trait("born", "Date of birth", ui.InputDate, nil, ui.Default), trait("site", "Website", ui.InputURL, nil, ui.Default),
			ui.Input{Name: "traits.size", Type: ui.InputText, Options: []ui.Option{{Value: "S"}, {Value: "M"}, {Value: "L"}}}.Node(ui.Default).
				Labelled(ui.New(ui.LabelTrait, "title", "Size", "name", "traits.size")),
			trait("news", "Newsletter", ui.InputCheckbox, true, ui.Default), password, button,
		}}),
	}
}

func otherScreens() []screen {
	address := ui.Input{Name: "email", Type: ui.InputEmail, Required: true}.Node(ui.Code).Labelled(ui.New(ui.LabelEmail))
	next := submit(ui.Code, "code", ui.LabelContinue)
	back := ui.Submit(ui.Code, "screen", "previous", ui.New(ui.RecoveryBack))
	pick := func(text string) ui.Node {
		return ui.Submit(ui.Code, "recovery_select_address", text, ui.Foreign(ui.LabelText, text, ui.Info, nil))
	}
	return []screen{
		of("verification", shown{kind: flow.Verification, nodes: ui.Nodes{address, next}}),
		of("verification-code", shown{kind: flow.Verification, state: flow.SentEmail, nodes: codeEntry(ui.LabelVerificationCode), messages: []ui.Message{ui.New(ui.VerificationCodeSent)}}),
		of("verification-done", shown{kind: flow.Verification, state: flow.PassedChallenge, messages: []ui.Message{ui.New(ui.VerificationEmailVerified)}, nodes: ui.Nodes{
			ui.Anchor{ID: "continue", HRef: "/", Title: ui.New(ui.LabelContinue)}.Node(ui.Code),
		}}),
		of("recovery", shown{kind: flow.Recovery, nodes: ui.Nodes{address, next}}),
		of("recovery-code", shown{kind: flow.Recovery, state: flow.SentEmail, nodes: codeEntry(ui.LabelRecoveryCode), messages: []ui.Message{ui.New(ui.RecoveryCodeSent)}}),
		of("recovery-code-wrong", shown{kind: flow.Recovery, state: flow.SentEmail, nodes: codeEntry(ui.LabelRecoveryCode), messages: []ui.Message{ui.New(ui.RecoveryCodeInvalid)}}),
		of("recovery-choose", shown{kind: flow.Recovery, state: "recovery_awaiting_address_choice", messages: []ui.Message{ui.New(ui.RecoveryChooseAddress)}, nodes: ui.Nodes{pick("gr****@example.org"), pick("+49 *** 45"), back}}),
		of("recovery-confirm", shown{kind: flow.Recovery, state: "recovery_confirming_address", messages: []ui.Message{ui.New(ui.RecoveryAskFullAddress)}, nodes: ui.Nodes{
			ui.Input{Name: "recovery_confirm_address", Type: ui.InputEmail, Required: true}.Node(ui.Code).Labelled(ui.New(ui.LabelEmail)), next, back,
		}}),
		of("recovery-link", shown{kind: flow.Recovery, state: flow.SentEmail, messages: []ui.Message{ui.New(ui.RecoveryLinkSent)}, nodes: ui.Nodes{
			ui.Input{Name: "email", Type: ui.InputEmail, Value: "grace@example.org", Required: true}.Node(ui.Link).Labelled(ui.New(ui.LabelEmail)), submit(ui.Link, "link", ui.LabelResendCode),
		}}),
	}
}
