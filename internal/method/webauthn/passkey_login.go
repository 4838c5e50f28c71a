package webauthn

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

type passkeyLoginInput struct {
	Answer string `json:"passkey_login"`
}

// passkeyLogin signs in with a passkey.
func (m Method) passkeyLogin() *flow.Step {
	return m.passkeyStep(flow.Spec{
		FirstScreen: true, // browsers suggest passkeys while the identifier is typed,
		Stays:       true, // and after that
		Enabled:     passkeysEnabled,
		Accepts:     func(f *flow.Flow) bool { return f.RequestedAAL != session.AAL2 },
	})
}

// passkeyStepUp asks somebody who has signed in with one factor for a passkey that
// shows two.
func (m Method) passkeyStepUp() *flow.Step {
	return m.passkeyStep(flow.Spec{
		Enabled: func(s *flow.Setup) bool { return passkeysEnabled(s) && areBoth(s) },
		Accepts: (*flow.Flow).AsksSecondFactor,
		Unheard: true, // elsewhere a passkey is no second factor at all
	})
}

func (m Method) passkeyStep(spec flow.Spec) *flow.Step {
	spec.Kind, spec.Method, spec.Group = flow.Login, passkey, ui.Passkey
	spec.Triggers = []string{"passkey_login"}
	return flow.Of(flow.Typed[passkeyLoginInput]{
		Spec:    spec,
		Prepare: preparePasskeyLogin,
		Render:  m.renderPasskeyLogin,
		Submit:  submitPasskeyLogin,
		Usable: func(_ *flow.Setup, i *identity.Identity) bool {
			c := i.Credentials[identity.Passkey]
			return len(c.Identifiers) > 0 && c.Usable()
		},
	})
}

// preparePasskeyLogin draws a challenge: for anybody, or for the passkeys of whoever
// has to confirm that it is them.
func preparePasskeyLogin(ctx context.Context, x *flow.Exec) (any, error) {
	p, err := passkeyParty(x.Setup, x.Flow)
	if err != nil {
		return nil, err
	}
	var keys []identity.SecurityKey
	var name string
	if known(x.Flow) && x.Session != nil {
		i, err := accountOf(ctx, x, x.Session.IdentityID)
		if err != nil || i == nil {
			return nil, err
		}
		r, err := ringOf(i, identity.Passkey)
		if err != nil || len(r.Keys) == 0 {
			return nil, err
		}
		keys, name = r.Keys, displayName(x.Schema, i.Traits)
	}
	s, err := p.ask(x, keys)
	if err != nil {
		return nil, err
	}
	f, err := begun(x, s)
	f.Identifier = name
	return f, err
}

func (m Method) renderPasskeyLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, challenged, err := read(v.Facts)
	if err != nil || !challenged {
		return nil, err
	}
	p, err := passkeyParty(v.Setup, v.Flow)
	if err != nil {
		return nil, err
	}
	options, err := p.request(f.Session, nil)
	if err != nil {
		return nil, err
	}
	answer := ui.Input{Name: "passkey_login", Type: ui.InputHidden, OnLoadTrigger: ui.TriggerPasskeyLoginAutocomplete}
	var nodes ui.Nodes
	if inBrowser(v.Flow) {
		answer.OnLoad = ui.TriggerPasskeyLoginAutocomplete.Call("")
		nodes = append(nodes, m.script(v, f))
	}
	switch stage := v.Flow.Stage(); {
	case known(v.Flow):
		nodes = append(nodes, ui.Hidden(ui.Default, "identifier", f.Identifier))
	case stage == flow.OneScreen:
		nodes = append(nodes, identifierField(v))
	}
	if v.Flow.Stage() != flow.Identify && v.Flow.Offers(passkey) {
		nodes = append(nodes, inputButton(v, ui.Passkey, "passkey_login_trigger", "", ui.TriggerPasskeyLogin, "", ui.LoginWithPasskey))
	}
	return append(nodes, answer.Node(ui.Passkey), ui.Hidden(ui.Passkey, "passkey_challenge", string(options))), nil
}

// submitPasskeyLogin finds the account by what the passkey says of it, and then
// believes it only for a key of that account.
func submitPasskeyLogin(ctx context.Context, x *flow.Exec, in passkeyLoginInput) (flow.Result, error) {
	if in.Answer == "" {
		return flow.Again{}, nil
	}
	parsed, ok := parseAssertion(in.Answer)
	if !ok {
		return unreadable(), nil
	}
	f, challenged, err := of(x, passkey)
	if err != nil {
		return nil, err
	}
	if !challenged {
		return unverified(), nil
	}
	i, t, err := ownerOf(ctx, x, parsed.Response.UserHandle)
	if err != nil {
		return nil, err
	}
	if i == nil || x.Flow.RequestedAAL == session.AAL2 && i.ID != x.Session.IdentityID {
		return flow.Deny(ui.New(ui.ValidationNoSecurityKeyUser)), nil
	}
	r, err := ringOf(i, t)
	if err != nil {
		return nil, err
	}
	keys := r.Keys
	if t == identity.WebAuthn {
		keys = r.those(isFirst) // a second factor alone signs nobody in
	}
	if (keyring{Keys: keys}).index(parsed.RawID) < 0 {
		return flow.Deny(ui.New(ui.ValidationNoSecurityKey)), nil
	}
	p, err := passkeyParty(x.Setup, x.Flow)
	if err != nil {
		return nil, err
	}
	f.Session.AllowedCredentialIDs = owned(keys, f.Session.AllowedCredentialIDs)
	key, answer, ok, err := p.verify(ctx, x, f, keys, parsed.Response.UserHandle, parsed)
	if err != nil {
		return nil, err
	}
	if !ok {
		return unverified(), nil
	}
	f, err = p.again(x, f)
	return flow.Proved{
		Identity: i, Method: session.Method{Method: passkey, AAL: levelOfPasskey(x.Setup, parsed.Response.AuthenticatorData.Flags.UserVerified())},
		Update: remember(t, key, answer), Facts: f,
	}, err
}

// owned drops the ids of keys that were removed after they were asked; that of none
// stays, so that nothing becomes "any key".
func owned(keys []identity.SecurityKey, asked [][]byte) [][]byte {
	var left [][]byte
	for _, id := range asked {
		if (keyring{Keys: keys}).index(id) >= 0 {
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		return asked
	}
	return left
}

// ownerOf finds an account by a user handle: as the identifier of a passkey, else as
// the identity of passwordless security keys, which may be used like passkeys. Nil
// when there is none.
func ownerOf(ctx context.Context, x *flow.Exec, handle []byte) (*identity.Identity, identity.CredentialType, error) {
	if len(handle) == 0 {
		return nil, "", nil
	}
	if utf8.Valid(handle) {
		i, err := x.Store.IdentityByIdentifier(ctx, identity.Passkey, string(handle))
		if err == nil || !errors.Is(err, problem.ErrNotFound) {
			return i, identity.Passkey, err
		}
	}
	id, err := uuid.FromBytes(handle)
	if err != nil {
		return nil, "", nil
	}
	i, err := accountOf(ctx, x, id)
	if err != nil || i == nil {
		return nil, "", err
	}
	return i, identity.WebAuthn, nil
}
