package code

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// named are the credentials whose identifiers name an account when it has no
// code credential of its own.
var named = []identity.CredentialType{identity.Password, identity.WebAuthn}

// fallback says whether accounts without a code credential may use codes, too.
func fallback(s *flow.Setup) bool { return settings(s).Config.MissingCredentialFallbackEnabled }

// reached are the addresses at which an account may prove itself. A code that
// was sent before an address was given up is worth nothing.
func reached(s *flow.Setup, i *identity.Identity) []identity.Address {
	all := addressesOf(i)
	if !fallback(s) {
		return all
	}
	all = append(all, verifiableOf(i)...)
	for _, t := range named {
		for _, id := range i.Credentials[t].Identifiers {
			all = append(all, identity.Address{Value: identity.NormalizeIdentifier(id), Via: identity.Email})
		}
	}
	return all
}

// reachedIn are the addresses at which an account may prove itself in a login.
func reachedIn(x *flow.Exec, i *identity.Identity) []identity.Address {
	if x.Flow.Confirms() {
		return provedOf(i)
	}
	return reached(x.Setup, i)
}

// accountOf finds the account of an identifier that codes can be sent to.
// ErrNotFound when there is none, or when it is not the one that the flow is about.
func accountOf(ctx context.Context, x *flow.Exec, typed string) (*identity.Identity, error) {
	value := identity.NormalizeIdentifier(typed)
	i, err := x.Store.IdentityByIdentifier(ctx, identity.Code, value, typed)
	none := errors.Is(err, problem.ErrNotFound)
	if fallback(x.Setup) && (none || err == nil && x.Setup.Security.AccountEnumeration.Mitigate) {
		// Where accounts are not to be told apart, everybody's costs both questions.
		other, err2 := x.Store.IdentityByIdentifiers(ctx, named, value, typed)
		if none || err2 != nil && !errors.Is(err2, problem.ErrNotFound) {
			i, err = other, err2
		}
	}
	if err != nil {
		return nil, err
	}
	if x.Flow.Refresh && x.Session != nil && x.Session.IdentityID != i.ID || len(targets(i, typed)) == 0 {
		return nil, problem.ErrNotFound
	}
	return i, nil
}

// targets are the addresses that get a code when somebody typed an identifier:
// the one that was typed, else all. An account without a code credential gets it
// at the mail address that was typed, which is one of its identifiers.
func targets(i *identity.Identity, typed string) []identity.Address {
	all := addressesOf(i)
	if a, ok := among(all, typed); ok {
		return []identity.Address{a}
	}
	if len(all) > 0 {
		return all
	}
	if mail, err := identity.StrictEmail(typed); err == nil {
		return []identity.Address{{Value: mail, Via: identity.Email}}
	}
	return nil
}

// traitOf is a text among an account's traits by its dotted path; "" for none.
func traitOf(i *identity.Identity, path string) (string, error) {
	var at any
	if err := json.Unmarshal(i.Traits, &at); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "traits."), ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	text, _ := at.(string)
	return text, nil
}
