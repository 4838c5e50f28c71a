package webauthn

import (
	"encoding/json"

	"github.com/google/uuid"

	gowebauthn "github.com/go-webauthn/webauthn/webauthn"

	"cardea/internal/flow"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Method makes the steps.
type Method struct {
	// Integrity is the Subresource Integrity value of the script at ScriptPath.
	Integrity string
}

// ScriptPath is where the script for both methods is, below the public URL.
const ScriptPath = ".well-known/ory/webauthn.js"

// The names of the methods.
const (
	securityKey = "webauthn"
	passkey     = "passkey"
)

// Steps are the steps of both methods.
func (m Method) Steps() []*flow.Step {
	passkeys, keys := m.passkeySettings(), m.keySettings()
	return []*flow.Step{
		m.passkeyLogin(), m.passkeyStepUp(), m.passkeyRegistration(), passkeys, flow.Enrollment(passkeys, areBoth, "passkey_settings_register"),
		m.keyLogin(), m.keyRegistration(), keys, flow.Enrollment(keys, areSecond, "webauthn_register"),
	}
}

// areBoth says whether a passkey that verifies its user is two factors.
func areBoth(s *flow.Setup) bool { return s.Cardea.Assurance.VerifiedPasskeysAreTwoFactors }

// areSecond says whether security keys are a second factor here.
func areSecond(s *flow.Setup) bool { return !passwordless(s) }

// levelOfPasskey is what a passkey proves.
func levelOfPasskey(s *flow.Setup, verified bool) session.AAL {
	if verified && areBoth(s) {
		return session.AAL2
	}
	return session.AAL1
}

func keysEnabled(s *flow.Setup) bool { return s.SelfService.Methods.WebAuthn.Enabled }

// passwordless says whether security keys are a first factor here.
func passwordless(s *flow.Setup) bool { return s.SelfService.Methods.WebAuthn.Config.Passwordless }

func passkeysEnabled(s *flow.Setup) bool { return s.SelfService.Methods.Passkey.Enabled }

// inBrowser is where security keys take part: native clients have no use for the
// script.
func inBrowser(f *flow.Flow) bool { return f.Type == flow.Browser }

// facts are what a flow remembers of a ceremony.
type facts struct {
	Session    gowebauthn.SessionData `json:"session"`
	Identity   uuid.UUID              `json:"identity,omitzero"`    // whose keys may answer, or who is going to be
	Identifier string                 `json:"identifier,omitempty"` // as it was typed, or how the account is called
	Nonce      uuid.UUID              `json:"nonce"`                // of the script's node
}

// read gives the facts of a flow; false when no ceremony was begun.
func read(raw json.RawMessage) (f facts, begun bool, err error) {
	if raw == nil {
		return f, false, nil
	}
	err = json.Unmarshal(raw, &f)
	return f, f.Session.Challenge != "", err
}

// script is the node that loads the script; both methods share it.
func (m Method) script(v flow.View, f facts) ui.Node {
	return ui.WebAuthnScript(v.Setup.Public(ScriptPath, nil), m.Integrity, f.Nonce.String())
}

// inputButton is a button that calls a function of the script. Native clients get
// the function's name alone. The argument is JavaScript, "" for none.
func inputButton(v flow.View, g ui.Group, name string, value any, call ui.Trigger, argument string, label ui.MessageID) ui.Node {
	in := ui.Input{Name: name, Type: ui.InputButton, Value: value, OnClickTrigger: call}
	if inBrowser(v.Flow) {
		in.OnClick = call.Call(argument)
	}
	return in.Node(g).Labelled(ui.New(label))
}
