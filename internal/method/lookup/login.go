package lookup

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

type loginInput struct {
	Code string `json:"lookup_secret"`
}

// loginFacts say whether the account of a flow has codes.
type loginFacts struct {
	Enrolled bool `json:"enrolled"`
}

func login() *flow.Step {
	return flow.Of(flow.Typed[loginInput]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: method, Group: ui.LookupSecret,
			Needs:    flow.NeedSession,
			Required: []string{"lookup_secret"},
			Guess:    &flow.Guess{Field: "lookup_secret", Secret: flow.SecretFactor},
			Enabled:  enabled,
			Accepts:  (*flow.Flow).AsksSecondFactor,
		},
		Prepare: prepareLogin,
		Render:  renderLogin,
		Submit:  submitLogin,
		Usable:  func(_ *flow.Setup, i *identity.Identity) bool { return i.Credentials[identity.LookupSecret].Usable() },
	})
}

func prepareLogin(ctx context.Context, x *flow.Exec) (any, error) {
	if x.Session == nil {
		return nil, nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	return loginFacts{Enrolled: i.Credentials[identity.LookupSecret].Usable()}, nil
}

func renderLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	var f loginFacts
	if json.Unmarshal(v.Facts, &f) != nil || !f.Enrolled {
		return nil, nil
	}
	field := ui.Input{Name: "lookup_secret", Type: ui.InputText, Value: "", Required: true}
	if v.Flow.Faulty() {
		field.Value = nil // the contract's forms have an empty value only until something was wrong
	}
	return ui.Nodes{
		field.Node(ui.LookupSecret).Labelled(ui.New(ui.LoginBackupCode)),
		ui.Submit(ui.LookupSecret, "method", method, ui.New(ui.LoginWithBackupCode)),
	}, nil
}

// Why a code does not count.
var (
	errUnknown = errors.New("there is no such code")
	errUsed    = errors.New("the code was used")
)

// spend marks a code as used. All codes are compared, so that time does not tell
// which one was near.
func spend(codes []identity.LookupCode, typed string, now time.Time) error {
	found := -1
	for n, c := range codes {
		if c.Code != "" && subtle.ConstantTimeCompare([]byte(c.Code), []byte(typed)) == 1 && (found < 0 || codes[found].UsedAt != nil) {
			found = n
		}
	}
	switch {
	case found < 0:
		return errUnknown
	case codes[found].UsedAt != nil:
		return errUsed
	}
	used := now.UTC().Truncate(time.Second)
	codes[found].UsedAt = &used
	return nil
}

// submitLogin uses up a code of whoever is signed in.
func submitLogin(ctx context.Context, x *flow.Exec, in loginInput) (flow.Result, error) {
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	if !i.Credentials[identity.LookupSecret].Usable() {
		return flow.Deny(ui.New(ui.ValidationNoBackupCodes)), nil
	}
	vault := x.Vault()
	err = spend(i.LookupCodes(vault), in.Code, x.Now) // wrong codes cost no write
	if err == nil {
		i, err = x.Amend(ctx, i.ID, func(i *identity.Identity) error {
			codes := i.LookupCodes(vault)
			if err := spend(codes, in.Code, x.Now); err != nil {
				return err
			}
			return i.SetLookupCodes(vault, codes)
		})
	}
	switch {
	case errors.Is(err, errUnknown):
		return flow.Deny(ui.New(ui.ValidationBackupCode)), nil
	case errors.Is(err, errUsed):
		return flow.Deny(ui.New(ui.ValidationBackupCodeUsed)), nil
	case err != nil:
		return nil, err
	}
	return flow.Proved{Identity: i, Method: evidence()}, nil
}
