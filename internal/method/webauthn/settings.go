package webauthn

import (
	"context"
	"encoding/hex"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

type keySettingsInput struct {
	Answer string `json:"webauthn_register"`
	Name   string `json:"webauthn_register_displayname"`
	Remove string `json:"webauthn_remove"`
}

func (m Method) keySettings() *flow.Step {
	return flow.Of(flow.Typed[keySettingsInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: securityKey, Group: ui.WebAuthn,
			Needs:    flow.NeedFreshSession,
			Triggers: []string{"webauthn_register", "webauthn_remove"},
			Enabled:  keysEnabled,
			Retyped:  []string{"webauthn_register_displayname"},
			Accepts:  inBrowser,
		},
		Prepare: prepareKeySettings,
		Render:  m.renderKeySettings,
		Submit:  strictly(submitKeySettings),
	})
}

func prepareKeySettings(_ context.Context, x *flow.Exec) (any, error) {
	if x.Identity == nil {
		return nil, nil
	}
	p, err := keyParty(x.Setup)
	if err != nil {
		return nil, err
	}
	r, err := ringOf(x.Identity, identity.WebAuthn)
	if err != nil {
		return nil, err
	}
	handle := r.Handle
	if len(handle) == 0 {
		handle = x.Identity.ID[:]
	}
	s, err := p.offer(x, handle)
	if err != nil {
		return nil, err
	}
	return begun(x, s)
}

func (m Method) renderKeySettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, offered, err := read(v.Facts)
	if err != nil || v.Identity == nil {
		return nil, err
	}
	r, err := ringOf(v.Identity, identity.WebAuthn)
	if err != nil {
		return nil, err
	}
	nodes := removals(v, ui.WebAuthn, "webauthn_remove", ui.SettingsRemoveSecurityKey, r.Keys, isFirst)
	if !offered {
		return nodes, nil
	}
	p, err := keyParty(v.Setup)
	if err != nil {
		return nil, err
	}
	options, err := p.creation(f.Session, p.lib.Config.RPDisplayName, r.Keys)
	if err != nil {
		return nil, err
	}
	return append(nodes, m.enrollNodes(v, f, string(options), ui.SettingsAddSecurityKey)...), nil
}

// unnamed is what a key is called that has no name.
const unnamed = "unnamed"

// removals are buttons that remove a key each. The last way to sign in cannot be
// removed.
func removals(v flow.View, g ui.Group, name string, label ui.MessageID, keys []identity.SecurityKey, first func(identity.SecurityKey) bool) ui.Nodes {
	last := v.Identity.FirstFactors(v.Setup.Factors()) < 2
	var nodes ui.Nodes
	for _, k := range keys {
		called := k.DisplayName
		if called == "" {
			called = unnamed
		}
		nodes = append(nodes, ui.Input{
			Name: name, Type: ui.InputSubmit, Value: hex.EncodeToString(k.ID), Disabled: last && first(k),
		}.Node(g).Labelled(ui.New(label, append([]any{"display_name", called}, ui.Moment("added_at", k.AddedAt)...)...)))
	}
	return nodes
}

// strictly lets a rejection take the success of an earlier submission off the form.
func strictly[In any](judge func(context.Context, *flow.Exec, In) (flow.Result, error)) func(context.Context, *flow.Exec, In) (flow.Result, error) {
	return func(ctx context.Context, x *flow.Exec, in In) (flow.Result, error) {
		result, err := judge(ctx, x, in)
		if rejected, ok := result.(flow.Rejected); ok {
			rejected.Over = true
			result = rejected
		}
		return result, err
	}
}

func submitKeySettings(ctx context.Context, x *flow.Exec, in keySettingsInput) (flow.Result, error) {
	switch {
	case in.Remove != "":
		return removal{kind: identity.WebAuthn, field: "webauthn_remove", first: isFirst}.submit(x, in.Remove)
	case in.Answer == "":
		return lacking("webauthn_register"), nil
	case in.Name == "":
		return lacking("webauthn_register_displayname"), nil
	}
	f, offered, err := of(x, securityKey)
	if err != nil {
		return nil, err
	}
	if !offered {
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
	first := passwordless(x.Setup)
	a := addition{kind: identity.WebAuthn, field: "webauthn_register", key: storedKey(made, in.Name, first, x.Now), handle: f.Session.UserID}
	next, err := p.again(x, f)
	if err != nil {
		return nil, err
	}
	if refused, err := a.twice(x.Identity, next); err != nil || refused != nil {
		return orNil(refused), err
	}
	return flow.Changed{
		Apply:    func(i *identity.Identity) error { return a.apply(i, x) },
		Evidence: &session.Method{Method: securityKey, AAL: levelOf(a.key)},
		Facts:    next,
	}, nil
}

// addition is a new key of an account.
type addition struct {
	kind   identity.CredentialType
	field  string
	key    identity.SecurityKey
	handle []byte
}

// twice says that the account has the key already. The form goes on with next, as
// the challenge is used up.
func (a addition) twice(i *identity.Identity, next facts) (*flow.Rejected, error) {
	r, err := ringOf(i, a.kind)
	if err != nil || r.index(a.key.ID) < 0 {
		return nil, err
	}
	rejected := flow.DenyField(a.field, ui.New(ui.ValidationGeneric, "reason", "This key is on the account already."))
	rejected.Method, rejected.Facts = string(a.kind), next
	return &rejected, nil
}

// apply puts the key on the account. Its user handle stays the one that
// authenticators out there know.
func (a addition) apply(i *identity.Identity, x *flow.Exec) error {
	r, err := ringOf(i, a.kind)
	if err != nil {
		return err
	}
	if r.index(a.key.ID) >= 0 {
		return problem.BadRequest("This key is on the account already.")
	}
	if len(r.Handle) == 0 {
		r.Handle = a.handle
	}
	if a.kind == identity.Passkey {
		r.identify(a.handle)
	}
	r.Keys = append(r.Keys, a.key)
	return r.put(i, x.Now)
}

// removal takes a key away from an account.
type removal struct {
	kind  identity.CredentialType
	field string
	first func(identity.SecurityKey) bool
}

func (m removal) submit(x *flow.Exec, id string) (flow.Result, error) {
	unknown := generic("There is no such key on the account.")
	raw, err := hex.DecodeString(id)
	if err != nil {
		return unknown, nil
	}
	r, err := ringOf(x.Identity, m.kind)
	if err != nil {
		return nil, err
	}
	at := r.index(raw)
	if at < 0 {
		return unknown, nil
	}
	key := r.Keys[at]
	if m.first(key) && x.Identity.FirstFactors(x.Setup.Factors()) < 2 {
		return flow.DenyField(m.field, ui.New(ui.ValidationGeneric, "reason", "This is the last way to sign in; add another one first.")), nil
	}
	return flow.Changed{Apply: func(i *identity.Identity) error { return m.apply(i, x, raw) }}, nil
}

func (m removal) apply(i *identity.Identity, x *flow.Exec, id []byte) error {
	r, err := ringOf(i, m.kind)
	if err != nil {
		return err
	}
	at := r.index(id)
	if at < 0 {
		return problem.BadRequest("There is no such key on the account.")
	}
	if m.first(r.Keys[at]) && i.FirstFactors(x.Setup.Factors()) < 2 {
		return problem.BadRequest("This is the last way to sign in; add another one first.")
	}
	r.Keys = append(r.Keys[:at:at], r.Keys[at+1:]...)
	return r.put(i, x.Now)
}

// orNil makes a result of what may be none.
func orNil(r *flow.Rejected) flow.Result {
	if r == nil {
		return nil
	}
	return *r
}
