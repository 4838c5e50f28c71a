package password

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// loginInput is a submitted login form. Legacy is the older name of the
// identifier's field.
type loginInput struct {
	Identifier string `json:"identifier"`
	Password   string `json:"password"`
	Legacy     string `json:"password_identifier"`
}

// loginFacts say whom a flow is about that asks somebody to sign in again.
type loginFacts struct {
	Identifier string `json:"identifier"`
}

func (m Method) login() *flow.Step {
	return flow.Of(flow.Typed[loginInput]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: "password", Group: ui.Password,
			Required: []string{"identifier", "password"},
			Aliases:  map[string]string{"password_identifier": "identifier"},
			Echo:     []string{"identifier"},
			Enabled:  enabled,
			Guess:    &flow.Guess{Field: "password", Secret: flow.SecretPassword, About: loginAbout, Find: findLogin},
			Accepts:  func(f *flow.Flow) bool { return f.RequestedAAL != session.AAL2 },
		},
		Prepare: prepareLogin,
		Render:  renderLogin,
		Submit:  m.submitLogin,
		Usable:  usable,
	})
}

// usable says whether there is a password to compare with, here or elsewhere.
func usable(s *flow.Setup, i *identity.Identity) bool {
	return i.Credentials[identity.Password].Usable() &&
		(!elsewhere(i) || s.SelfService.Methods.Password.Config.MigrateHook.Enabled)
}

// prepareLogin remembers the identifier of whoever has to sign in again.
func prepareLogin(ctx context.Context, x *flow.Exec) (any, error) {
	if !x.Flow.Refresh || x.Session == nil || x.Session.Identity == nil {
		return nil, nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	if !usable(x.Setup, i) {
		return loginFacts{}, nil
	}
	return loginFacts{Identifier: i.Credentials[identity.Password].Identifiers[0]}, nil
}

func renderLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	label := ui.LoginWithPassword
	identifier := ui.Input{Name: "identifier", Type: ui.InputText, Value: "", Required: true}.Node(ui.Default).
		Labelled(v.IdentifierLabel())
	if v.Flow.Refresh {
		var facts loginFacts
		if v.Facts != nil {
			if err := json.Unmarshal(v.Facts, &facts); err != nil {
				return nil, err
			}
		}
		if facts.Identifier == "" {
			return nil, nil // this identity has no password to confirm
		}
		label, identifier = ui.LoginSubmit, ui.Hidden(ui.Default, "identifier", facts.Identifier)
	}
	var nodes ui.Nodes
	if v.Flow.Stage() != flow.Prove { // there the first screen's identifier travels along
		nodes = append(nodes, identifier)
	}
	return append(nodes,
		ui.Input{Name: "password", Type: ui.InputPassword, Required: true, Autocomplete: ui.AutocompleteCurrentPassword}.
			Node(ui.Password).Labelled(ui.New(ui.LabelPassword)),
		ui.Submit(ui.Password, "method", "password", ui.New(label)),
	), nil
}

// loginAbout is the identifier as it was typed.
func loginAbout(_ *flow.Exec, in map[string]any) (string, error) {
	identifier, _ := in["identifier"].(string)
	return identifier, nil
}

// findLogin finds the account that somebody says to be.
func findLogin(ctx context.Context, x *flow.Exec, identifier string) (*identity.Identity, error) {
	return x.Store.IdentityByIdentifier(ctx, identity.Password, identifier, identity.NormalizeIdentifier(identifier))
}

// submitLogin compares the password. Every failure looks the same.
func (m Method) submitLogin(ctx context.Context, x *flow.Exec, in loginInput) (flow.Result, error) {
	hashing := m.Hashing(x.Setup.Snapshot)
	i, err := findLogin(ctx, x, in.Identifier)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return wrong(), failed(hashing.Dummy(ctx, in.Password))
	case err != nil:
		return nil, err
	}
	if elsewhere(i) {
		switch moved, err := m.move(ctx, x, i, in); {
		case err != nil:
			return nil, err
		case moved.denied:
			return wrong(), nil
		case moved.proof != nil:
			return *moved.proof, nil
		default:
			i = moved.identity // has moved in the meantime
		}
	}
	hash := hashOf(i)
	if hash == "" {
		return wrong(), failed(hashing.Dummy(ctx, in.Password))
	}
	if err := hashing.Compare(ctx, in.Password, hash); err != nil {
		return wrong(), failed(err)
	}
	if unconfirmed(x, i) {
		return wrong(), nil
	}
	proved := flow.Proved{Identity: i, Method: session.Method{Method: "password", AAL: session.AAL1}}
	if hashing.NeedsRehash(hash) {
		proved.Credential = m.rehash(ctx, hashing, i, in.Password)
	}
	return proved, nil
}

// unconfirmed says whether a password does not count yet. Who signs up with the
// address of somebody else must not learn from a sign-in whether that made an
// account: under cardea.security.strict_enumeration the first proof of an address
// makes the password count.
func unconfirmed(x *flow.Exec, i *identity.Identity) bool {
	if !x.Setup.Cardea.Security.StrictEnumeration || !x.Setup.SelfService.Flows.Verification.Enabled || x.Session != nil {
		return false
	}
	return len(i.VerifiableAddresses) > 0 &&
		!slices.ContainsFunc(i.VerifiableAddresses, func(a identity.VerifiableAddress) bool { return a.Verified })
}

// failed keeps only the errors that are not "this is not the password": those
// that the server has to answer for.
func failed(err error) error {
	switch {
	case errors.Is(err, secret.ErrMismatch), errors.Is(err, secret.ErrTooLong), errors.Is(err, secret.ErrUnknownFormat),
		errors.Is(err, secret.ErrMalformed), errors.Is(err, secret.ErrTooCostly):
		return nil
	}
	return busy(err)
}

// rehash stores the password the way new ones are stored. A password that the
// new way cannot take keeps its old hash.
func (m Method) rehash(ctx context.Context, hashing Hashing, i *identity.Identity, password string) *identity.Credential {
	hash, err := hashing.Hash(ctx, password)
	if err != nil {
		return nil
	}
	c, err := withHash(i.Credentials[identity.Password], hash)
	if err != nil {
		return nil
	}
	return &c
}
