package webauthn

import (
	"context"
	"encoding/json"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// handleLength is in characters: the handle of a passkey is text, because it is an
// identifier as well.
const handleLength = 64

type passkeyRegistrationInput struct {
	Answer string `json:"passkey_register"`
}

func (m Method) passkeyRegistration() *flow.Step {
	return flow.Of(flow.Typed[passkeyRegistrationInput]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: passkey, Group: ui.Passkey,
			Required: []string{"passkey_register"},
			Traits:   true,
			Enabled:  passkeysEnabled,
			// Some pages post the button as well, whose value is no answer.
			Answers: func(_ *flow.Flow, field func(string) string) bool {
				answer := field("passkey_register")
				return field("method") == passkey || answer != "" && answer != "true"
			},
		},
		Prepare: preparePasskeyRegistration,
		Render:  m.renderPasskeyRegistration,
		Submit:  submitPasskeyRegistration,
	})
}

func preparePasskeyRegistration(_ context.Context, x *flow.Exec) (any, error) {
	if len(nameFields(x.Schema)) == 0 {
		return nil, nil // nothing to call a passkey by
	}
	return offerPasskey(x, []byte(x.Secret(handleLength)))
}

// offerPasskey begins the ceremony that makes a passkey.
func offerPasskey(x *flow.Exec, handle []byte) (facts, error) {
	p, err := passkeyParty(x.Setup, x.Flow)
	if err != nil {
		return facts{}, err
	}
	s, err := p.offer(x, handle)
	if err != nil {
		return facts{}, err
	}
	return begun(x, s)
}

// creationData is what the script makes a passkey of while somebody signs up: the
// name is still being typed.
type creationData struct {
	Options    json.RawMessage `json:"credentialOptions"`
	NameField  string          `json:"displayNameFieldName"`
	NameFields []string        `json:"displayNameFieldNames"`
}

func (m Method) renderPasskeyRegistration(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, offered, err := read(v.Facts)
	names := nameFields(v.Schema)
	if err != nil || !offered || len(names) == 0 {
		return nil, err
	}
	p, err := passkeyParty(v.Setup, v.Flow)
	if err != nil {
		return nil, err
	}
	options, err := p.creation(f.Session, p.lib.Config.RPDisplayName, nil)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(creationData{Options: options, NameField: names[0], NameFields: names})
	if err != nil {
		return nil, err
	}
	return append(m.scriptInBrowser(v, f),
		inputButton(v, ui.Passkey, "passkey_register_trigger", nil, ui.TriggerPasskeyRegistration, "", ui.RegistrationWithPasskey),
		ui.Input{Name: "passkey_register", Type: ui.InputHidden}.Node(ui.Passkey),
		ui.Hidden(ui.Passkey, "passkey_create_data", string(data)),
	), nil
}

func (m Method) scriptInBrowser(v flow.View, f facts) ui.Nodes {
	if !inBrowser(v.Flow) {
		return nil
	}
	return ui.Nodes{m.script(v, f)}
}

func submitPasskeyRegistration(ctx context.Context, x *flow.Exec, in passkeyRegistrationInput) (flow.Result, error) {
	f, offered, err := of(x, passkey)
	if err != nil {
		return nil, err
	}
	if !offered {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	p, err := passkeyParty(x.Setup, x.Flow)
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
	a := addition{kind: identity.Passkey, key: storedKey(made, modelName(made.Authenticator.AAGUID), true, x.Now), handle: f.Session.UserID}
	if err := a.apply(x.Identity, x); err != nil {
		return nil, err
	}
	next, err := offerPasskey(x, []byte(x.Secret(handleLength)))
	return flow.NewIdentity{Identity: x.Identity, Method: session.Method{Method: passkey, AAL: levelOfPasskey(x.Setup, made.Flags.UserVerified)}, Facts: next}, err
}

type passkeySettingsInput struct {
	Answer string `json:"passkey_settings_register"`
	Remove string `json:"passkey_remove"`
}

func (m Method) passkeySettings() *flow.Step {
	return flow.Of(flow.Typed[passkeySettingsInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: passkey, Group: ui.Passkey,
			Needs:    flow.NeedFreshSession,
			Triggers: []string{"passkey_settings_register", "passkey_remove"},
			Enabled:  passkeysEnabled,
		},
		Prepare: preparePasskeySettings,
		Render:  m.renderPasskeySettings,
		Submit:  strictly(submitPasskeySettings),
	})
}

func preparePasskeySettings(_ context.Context, x *flow.Exec) (any, error) {
	if x.Identity == nil || displayName(x.Schema, x.Identity.Traits) == "" {
		return nil, nil // nothing to call a passkey by
	}
	r, err := ringOf(x.Identity, identity.Passkey)
	if err != nil {
		return nil, err
	}
	handle := r.Handle
	if len(handle) == 0 {
		handle = []byte(x.Secret(handleLength))
	}
	return offerPasskey(x, handle)
}

func (m Method) renderPasskeySettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, offered, err := read(v.Facts)
	if err != nil || v.Identity == nil {
		return nil, err
	}
	r, err := ringOf(v.Identity, identity.Passkey)
	if err != nil {
		return nil, err
	}
	nodes := removals(v, ui.Passkey, "passkey_remove", ui.SettingsRemovePasskey, r.Keys, every)
	name := displayName(v.Schema, v.Identity.Traits)
	if !offered || name == "" {
		return nodes, nil
	}
	p, err := passkeyParty(v.Setup, v.Flow)
	if err != nil {
		return nil, err
	}
	options, err := p.creation(f.Session, name, r.Keys)
	if err != nil {
		return nil, err
	}
	nodes = append(m.scriptInBrowser(v, f), nodes...)
	return append(nodes,
		inputButton(v, ui.Passkey, "passkey_register_trigger", "", ui.TriggerPasskeySettingsRegistration, "", ui.SettingsAddPasskey),
		ui.Input{Name: "passkey_settings_register", Type: ui.InputHidden}.Node(ui.Passkey),
		ui.Hidden(ui.Passkey, "passkey_create_data", string(options)),
	), nil
}

// every says that all passkeys are first factors, also those that were imported
// without saying so.
func every(identity.SecurityKey) bool { return true }

func submitPasskeySettings(ctx context.Context, x *flow.Exec, in passkeySettingsInput) (flow.Result, error) {
	switch {
	case in.Remove != "":
		return removal{kind: identity.Passkey, field: "passkey_remove", first: every}.submit(x, in.Remove)
	case in.Answer == "":
		return lacking("passkey_settings_register"), nil
	}
	f, offered, err := of(x, passkey)
	if err != nil {
		return nil, err
	}
	if !offered {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	p, err := passkeyParty(x.Setup, x.Flow)
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
	a := addition{
		kind: identity.Passkey, field: "passkey_settings_register", handle: f.Session.UserID,
		key: storedKey(made, modelName(made.Authenticator.AAGUID), true, x.Now),
	}
	next, err := p.again(x, f)
	if err != nil {
		return nil, err
	}
	if refused, err := a.twice(x.Identity, next); err != nil || refused != nil {
		return orNil(refused), err
	}
	return flow.Changed{
		Apply:    func(i *identity.Identity) error { return a.apply(i, x) },
		Evidence: &session.Method{Method: passkey, AAL: levelOfPasskey(x.Setup, made.Flags.UserVerified)},
		Facts:    next,
	}, nil
}

// identify makes the account be found by a user handle.
func (r *keyring) identify(handle []byte) {
	if !slices.Contains(r.row.Identifiers, string(handle)) {
		r.row.Identifiers = append(slices.Clone(r.row.Identifiers), string(handle))
	}
}

// named are the traits that say how an account is called: those that are marked,
// else the first that has no title.
func named(s *schema.Schema) []schema.Field {
	fields := s.Fields()
	marked := slices.DeleteFunc(slices.Clone(fields), func(f schema.Field) bool { return !f.Extension.PasskeyDisplayName && !f.Extension.WebAuthn })
	if len(marked) > 0 {
		return marked
	}
	if i := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Title == "" && f.Type == "string" }); i >= 0 {
		return fields[i : i+1]
	}
	return nil
}

// nameFields are the form fields of those traits, in alphabetical order.
func nameFields(s *schema.Schema) []string {
	var names []string
	for _, f := range named(s) {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// displayName is how an account is called, "" when nothing says it.
func displayName(s *schema.Schema, traits json.RawMessage) string {
	var tree map[string]json.RawMessage
	for _, f := range named(s) {
		raw := json.RawMessage(traits)
		for _, segment := range f.Path[1:] {
			tree = nil
			if json.Unmarshal(raw, &tree) != nil {
				break
			}
			raw = tree[segment]
		}
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return text
		}
	}
	return ""
}
