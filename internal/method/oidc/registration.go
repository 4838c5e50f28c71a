package oidc

import (
	"context"
	"encoding/json"
	"errors"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

func (m *Method) registration() *flow.Step {
	return flow.Of(flow.Typed[input]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: method, Group: ui.OIDC,
			Answers: chosen, CSRF: exempt, TraitsLater: true, FirstScreen: true, Connects: true,
			Enabled: enabled,
		},
		Render: renderRegistration,
		Submit: func(ctx context.Context, x *flow.Exec, in input) (flow.Result, error) {
			return m.submit(ctx, x, in, m.signUp)
		},
		Resume: m.resume(m.signUp),
	})
}

func renderRegistration(_ context.Context, v flow.View) (ui.Nodes, error) {
	if v.Flow.Stage() == flow.Complete {
		known, err := factsOf(v.Facts)
		return ui.Nodes{ui.Submit(ui.OIDC, "provider", known.Provider, ui.New(ui.RegistrationContinue))}, err
	}
	var nodes ui.Nodes
	for _, p := range offered(v.Setup, v.Realm) {
		nodes = append(nodes, ui.Submit(ui.OIDC, "provider", p.ID, ui.New(ui.RegistrationWithProvider, "provider", p.Label, "provider_id", p.ID)))
	}
	return nodes, nil
}

// signUp makes an account for whom the provider has brought; whoever has one is
// signed in.
func (m *Method) signUp(ctx context.Context, x *flow.Exec, a *arrival) (flow.Result, error) {
	owner, err := a.owner(ctx, x)
	if err != nil {
		return nil, err
	}
	if owner != nil {
		return flow.Switch{Kind: flow.Login, Then: func(ctx context.Context, x *flow.Exec) (flow.Result, error) {
			return m.proved(ctx, x, owner, a)
		}}, nil
	}
	made, err := m.create(ctx, x, a)
	switch {
	case err != nil:
		return nil, err
	case made.namesake != nil:
		return made.toLink(x, a)
	case made.identity == nil:
		values := map[string]any{}
		flow.Fields(values, "traits", made.traits)
		return flow.Rejected{
			Fields: made.wrong, Values: values,
			Stage: flow.Complete, Method: method, Facts: facts{Provider: a.provider.ID},
		}, nil
	}
	sealed, err := identity.SealLink(x.Vault(), made.identity.ID, a.link(), a.tokens)
	if err != nil {
		return nil, err
	}
	if err := made.identity.AddLink(sealed, x.Now, x.NewID); err != nil {
		return nil, err
	}
	return flow.NewIdentity{Identity: made.identity, Method: a.evidence()}, nil
}

// creation is what the claims of somebody unknown make: an account, or what is
// wrong with their traits, or somebody who has the same identifier.
type creation struct {
	traits   map[string]any
	identity *identity.Identity
	wrong    []flow.FieldMessage

	namesake   *identity.Identity
	identifier string // that both have
}

// create makes the account of somebody unknown. What people have typed counts for
// more than what the provider says, except for what it vouches for.
func (m *Method) create(ctx context.Context, x *flow.Exec, a *arrival) (*creation, error) {
	mapped, err := m.mapped(ctx, a, nil)
	if err != nil {
		return nil, err
	}
	typed, err := object(a.traits)
	if err != nil {
		return nil, err
	}
	c := &creation{traits: merge(mapped.traits, typed)}
	raw, err := json.Marshal(c.traits)
	if err != nil {
		return nil, err
	}
	if c.identity, c.wrong, err = x.Applied(raw); err != nil || c.identity == nil {
		return c, err
	}
	c.identity.SetMetadata(mapped.public, mapped.admin)
	c.identity.Prove(mapped.verified, x.Now)
	return c, c.findNamesake(ctx, x)
}

// findNamesake looks for an account that the new one would collide with.
func (c *creation) findNamesake(ctx context.Context, x *flow.Exec) error {
	found := func(i *identity.Identity, err error, identifier string) (bool, error) {
		if errors.Is(err, problem.ErrNotFound) {
			return false, nil
		}
		if err == nil {
			c.namesake, c.identifier = i, identifier
		}
		return true, err
	}
	for _, credential := range c.identity.Credentials {
		for _, identifier := range credential.Identifiers {
			i, err := x.Store.IdentityByIdentifier(ctx, credential.Type, identifier)
			if stop, err := found(i, err, identifier); stop {
				return err
			}
		}
	}
	for _, address := range c.identity.VerifiableAddresses {
		i, err := x.Store.IdentityByVerifiableAddress(ctx, address.Via, address.Value)
		if stop, err := found(i, err, address.Value); stop {
			return err
		}
	}
	for _, address := range c.identity.RecoveryAddresses {
		i, err := x.Store.IdentityByRecoveryAddress(ctx, address.Via, address.Value)
		if stop, err := found(i, err, address.Value); stop {
			return err
		}
	}
	return nil
}

// toLink asks for a proof that the namesake's account is theirs. What a provider says
// about an address proves nothing, whether it calls it verified or not, unless the
// operator believes it.
func (c *creation) toLink(x *flow.Exec, a *arrival) (flow.Result, error) {
	if c.expected(x.Realm, a) || c.trusted(x, a) {
		return c.welcome(x, a)
	}
	sealed, err := identity.SealLink(x.Vault(), c.namesake.ID, a.link(), a.tokens)
	if err != nil {
		return nil, err
	}
	link := &flow.Link{
		Identity: c.namesake.ID, Identifier: c.identifier,
		Provider: a.provider.ID, Label: nameOf(a.provider), Sealed: sealed, Proof: a.evidence(),
	}
	if x.Setup.SelfService.Flows.Registration.LoginHints {
		link.Hints = true
		link.Types, link.Providers = identity.SignInHints(c.namesake)
	}
	return flow.Switch{Kind: flow.Login, Link: link}, nil
}

// nameOf is what a message calls a provider: one without a label goes by its type.
func nameOf(p config.OIDCProvider) string {
	if p.Label != "" && p.Label != p.ID {
		return p.Label
	}
	return p.Provider
}
