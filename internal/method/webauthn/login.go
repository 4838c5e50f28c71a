package webauthn

import (
	"context"
	"errors"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// A login with a security key has one step where the server knows who is asked: as
// a second factor, or to confirm somebody who is signed in. Else it has two: who is
// it, and then one of that account's keys.

type keyLoginInput struct {
	Identifier string `json:"identifier"`
	Answer     string `json:"webauthn_login"`
}

func (m Method) keyLogin() *flow.Step {
	return flow.Of(flow.Typed[keyLoginInput]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: securityKey, Group: ui.WebAuthn,
			Triggers: []string{"webauthn_login"},
			Required: []string{"identifier"},
			Enabled:  keysEnabled,
			Accepts:  func(f *flow.Flow) bool { return inBrowser(f) && !f.Enrolls() },
		},
		Prepare: prepareKeyLogin,
		Render:  m.renderKeyLogin,
		Submit:  submitKeyLogin,
		Usable: func(s *flow.Setup, i *identity.Identity) bool {
			r, err := ringOf(i, identity.WebAuthn)
			return err == nil && passwordless(s) && slices.ContainsFunc(r.Keys, isFirst)
		},
	})
}

// known says whether the flow is about somebody who is signed in.
func known(f *flow.Flow) bool { return f.Refresh || f.RequestedAAL == session.AAL2 }

// prepareKeyLogin draws a challenge for the keys of whoever is signed in.
func prepareKeyLogin(ctx context.Context, x *flow.Exec) (any, error) {
	if !known(x.Flow) || x.Session == nil || x.Flow.RequestedAAL == session.AAL2 && passwordless(x.Setup) {
		return nil, nil
	}
	i, err := accountOf(ctx, x, x.Session.IdentityID)
	if err != nil || i == nil {
		return nil, err
	}
	r, err := ringOf(i, identity.WebAuthn)
	if err != nil {
		return nil, err
	}
	keys := r.those(forLevel(x.Flow.RequestedAAL))
	if len(keys) == 0 {
		return nil, nil
	}
	identifier := i.ID.String()
	if len(r.row.Identifiers) > 0 {
		identifier = r.row.Identifiers[0]
	}
	return challenge(x, i, keys, identifier)
}

// challenge begins the ceremony for these keys of an account.
func challenge(x *flow.Exec, i *identity.Identity, keys []identity.SecurityKey, identifier string) (facts, error) {
	p, err := keyParty(x.Setup)
	if err != nil {
		return facts{}, err
	}
	s, err := p.ask(x, keys)
	if err != nil {
		return facts{}, err
	}
	f, err := begun(x, s)
	f.Identity, f.Identifier = i.ID, identifier
	return f, err
}

func (m Method) renderKeyLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, challenged, err := read(v.Facts)
	if err != nil {
		return nil, err
	}
	if !challenged {
		return askIdentifier(v), nil
	}
	p, err := keyParty(v.Setup)
	if err != nil {
		return nil, err
	}
	options, err := p.request(f.Session, nil)
	if err != nil {
		return nil, err
	}
	trigger := func(label ui.MessageID) ui.Node {
		return inputButton(v, ui.WebAuthn, "webauthn_login_trigger", string(options), ui.TriggerWebAuthnLogin, string(options), label)
	}
	answer := ui.Hidden(ui.WebAuthn, "webauthn_login", "")
	if known(v.Flow) {
		return ui.Nodes{
			ui.Hidden(ui.Default, "identifier", f.Identifier), answer, m.script(v, f), trigger(ui.LoginWithSecurityKey),
		}, nil
	}
	return ui.Nodes{
		ui.Input{Name: "identifier", Type: ui.InputHidden, Value: f.Identifier, Required: true}.Node(ui.Default),
		ui.CSRFToken(""), m.script(v, f), trigger(ui.LoginContinue), answer,
	}, nil
}

// askIdentifier is the first of the two steps; there is none where keys are a
// second factor.
func askIdentifier(v flow.View) ui.Nodes {
	if known(v.Flow) || !passwordless(v.Setup) {
		return nil
	}
	var nodes ui.Nodes
	if v.Flow.Stage() != flow.Prove { // there it was asked for before
		nodes = ui.Nodes{identifierField(v)}
	}
	return append(nodes, ui.Submit(ui.WebAuthn, "method", securityKey, ui.New(ui.LoginWithSecurityKey)))
}

// identifierField is where browsers suggest passkeys.
func identifierField(v flow.View) ui.Node {
	return ui.Input{Name: "identifier", Type: ui.InputText, Value: "", Required: true, Autocomplete: ui.AutocompleteUsernameWebAuthn}.
		Node(ui.Default).Labelled(v.IdentifierLabel())
}

func submitKeyLogin(ctx context.Context, x *flow.Exec, in keyLoginInput) (flow.Result, error) {
	switch {
	case in.Answer != "":
		return answerKeyLogin(ctx, x, in.Answer)
	case known(x.Flow):
		return lacking("webauthn_login"), nil
	case !passwordless(x.Setup):
		return flow.Deny(ui.New(ui.LoginNoMethod)), nil
	}
	return identify(ctx, x, in.Identifier)
}

// identify goes from the identifier to the keys of its account.
func identify(ctx context.Context, x *flow.Exec, typed string) (flow.Result, error) {
	i, err := x.Store.IdentityByIdentifier(ctx, identity.WebAuthn, identity.NormalizeIdentifier(typed), typed)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	var keys []identity.SecurityKey
	if err == nil {
		r, err := ringOf(i, identity.WebAuthn)
		if err != nil {
			return nil, err
		}
		keys = r.those(isFirst)
	}
	if len(keys) == 0 {
		if !x.Setup.Security.AccountEnumeration.Mitigate {
			return flow.Deny(ui.New(ui.ValidationNoSecurityKeyUser)), nil
		}
		i, keys = &identity.Identity{}, decoys(x, typed)
	}
	f, err := challenge(x, i, keys, typed)
	if err != nil {
		return nil, err
	}
	none := ""
	return flow.Await{
		Screen: true, Stage: flow.Alone, Methods: []string{securityKey}, Elsewhere: true, Active: &none, Facts: f,
		Form: append(slices.Clone(x.Told), ui.New(ui.LoginPrepareSecurityKey)),
	}, nil
}

const decoyLabel secret.Label = "security key of nobody"

// decoys are the keys of an account that has none: always the same, so that asking
// twice does not tell.
func decoys(x *flow.Exec, typed string) []identity.SecurityKey {
	return []identity.SecurityKey{{ID: x.Setup.Keys.MAC(decoyLabel, []byte(identity.NormalizeIdentifier(typed)))}}
}

// answerKeyLogin checks the answer of a key against those that were asked.
func answerKeyLogin(ctx context.Context, x *flow.Exec, text string) (flow.Result, error) {
	parsed, ok := parseAssertion(text)
	if !ok {
		return unreadable(), nil
	}
	f, challenged, err := of(x, securityKey)
	if err != nil {
		return nil, err
	}
	if !challenged || known(x.Flow) && (x.Session == nil || x.Session.IdentityID != f.Identity) {
		return unverified(), nil
	}
	i, err := accountOf(ctx, x, f.Identity)
	if err != nil {
		return nil, err
	}
	if i == nil {
		return unverified(), nil
	}
	r, err := ringOf(i, identity.WebAuthn)
	if err != nil {
		return nil, err
	}
	// A key that was removed since is not asked any more, the others are.
	f.Session.AllowedCredentialIDs = slices.DeleteFunc(f.Session.AllowedCredentialIDs, func(id []byte) bool { return r.index(id) < 0 })
	if len(f.Session.AllowedCredentialIDs) == 0 {
		return flow.Deny(ui.New(ui.ValidationNoSecurityKey)), nil
	}
	handle := r.Handle
	if h := parsed.Response.UserHandle; r.knows(i.ID, h) {
		handle = h
	}
	p, err := keyParty(x.Setup)
	if err != nil {
		return nil, err
	}
	key, answer, ok, err := p.verify(ctx, x, f, r.Keys, handle, parsed)
	if err != nil {
		return nil, err
	}
	if !ok {
		return unverified(), nil
	}
	f, err = p.again(x, f)
	return flow.Proved{
		Identity: i, Method: session.Method{Method: securityKey, AAL: levelOf(key)},
		Update: remember(identity.WebAuthn, key, answer), Facts: f,
	}, err
}
