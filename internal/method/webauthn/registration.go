package webauthn

import (
	"context"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// A registration draws the id of the identity together with the challenge: it is the
// user handle, so that the account can be found by what an authenticator keeps.

type keyRegistrationInput struct {
	Answer string `json:"webauthn_register"`
	Name   string `json:"webauthn_register_displayname"`
}

func (m Method) keyRegistration() *flow.Step {
	return flow.Of(flow.Typed[keyRegistrationInput]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: securityKey, Group: ui.WebAuthn,
			Triggers: []string{"webauthn_register"},
			Required: []string{"webauthn_register"},
			Traits:   true,
			Enabled:  func(s *flow.Setup) bool { return keysEnabled(s) && passwordless(s) },
			Accepts:  inBrowser,
		},
		Prepare: prepareKeyRegistration,
		Render:  m.renderKeyRegistration,
		Submit:  submitKeyRegistration,
	})
}

func prepareKeyRegistration(_ context.Context, x *flow.Exec) (any, error) { return newcomer(x) }

// newcomer begins the ceremony for an account that is not there yet.
func newcomer(x *flow.Exec) (facts, error) {
	p, err := keyParty(x.Setup)
	if err != nil {
		return facts{}, err
	}
	handle, err := newID(x)
	if err != nil {
		return facts{}, err
	}
	s, err := p.offer(x, handle[:])
	if err != nil {
		return facts{}, err
	}
	f, err := begun(x, s)
	f.Identity = handle
	return f, err
}

func (m Method) renderKeyRegistration(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, offered, err := read(v.Facts)
	if err != nil || !offered {
		return nil, err
	}
	p, err := keyParty(v.Setup)
	if err != nil {
		return nil, err
	}
	options, err := p.creation(f.Session, p.lib.Config.RPDisplayName, nil)
	if err != nil {
		return nil, err
	}
	return m.enrollNodes(v, f, string(options), ui.RegistrationWithSecurityKey), nil
}

// enrollNodes ask for the name of a new key and for the key.
func (m Method) enrollNodes(v flow.View, f facts, options string, label ui.MessageID) ui.Nodes {
	return ui.Nodes{
		ui.Input{Name: "webauthn_register_displayname", Type: ui.InputText, Value: ""}.Node(ui.WebAuthn).
			Labelled(ui.New(ui.SettingsSecurityKeyName)),
		ui.Hidden(ui.WebAuthn, "webauthn_register", ""),
		inputButton(v, ui.WebAuthn, "webauthn_register_trigger", options, ui.TriggerWebAuthnRegistration, options, label),
		m.script(v, f),
	}
}

func submitKeyRegistration(ctx context.Context, x *flow.Exec, in keyRegistrationInput) (flow.Result, error) {
	if len(x.Derived.Identifiers[identity.WebAuthn]) == 0 {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	f, offered, err := of(x, securityKey)
	if err != nil {
		return nil, err
	}
	if !offered || f.Identity == uuid.Nil {
		return unverified(), nil
	}
	p, err := keyParty(x.Setup)
	if err != nil {
		return nil, err
	}
	made, rejected, err := p.enroll(ctx, x, f, in.Answer)
	if err != nil {
		return nil, err
	}
	if rejected != nil {
		return *rejected, nil
	}
	x.Identity.ID = f.Identity
	r, err := ringOf(x.Identity, identity.WebAuthn)
	if err != nil {
		return nil, err
	}
	r.Handle = f.Session.UserID
	r.Keys = append(r.Keys, storedKey(made, in.Name, true, x.Now))
	if err := r.put(x.Identity, x.Now); err != nil {
		return nil, err
	}
	next, err := newcomer(x)
	return flow.NewIdentity{Identity: x.Identity, Method: session.Method{Method: securityKey, AAL: session.AAL1}, Facts: next}, err
}
