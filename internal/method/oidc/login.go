package oidc

import (
	"context"
	"encoding/json"
	"slices"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// facts are what a flow remembers of the method.
type facts struct {
	// Linked are the providers of whoever has to sign in again.
	Linked []string `json:"linked,omitempty"`
	// Provider is the one that did not tell everything.
	Provider string `json:"provider,omitempty"`
}

func factsOf(raw json.RawMessage) (f facts, err error) {
	if raw != nil {
		err = json.Unmarshal(raw, &f)
	}
	return f, err
}

func (m *Method) login() *flow.Step {
	return flow.Of(flow.Typed[input]{
		Spec: flow.Spec{
			Kind: flow.Login, Method: method, Group: ui.OIDC,
			Answers: chosen, CSRF: exempt, TraitsLater: true, FirstScreen: true, Connects: true,
			Enabled: enabled,
			Accepts: func(f *flow.Flow) bool { return f.RequestedAAL != session.AAL2 },
		},
		Prepare: prepareLogin,
		Render:  renderLogin,
		Submit: func(ctx context.Context, x *flow.Exec, in input) (flow.Result, error) {
			if t := x.Flow.Trial(); t != nil {
				return m.begin(ctx, x, t, in)
			}
			return m.submit(ctx, x, in, m.signIn)
		},
		Resume: m.resume(m.signIn),
		Try:    m.tryOut,

		Mediated: m.mediated(),
		Usable:   func(_ *flow.Setup, i *identity.Identity) bool { return len(i.Links()) > 0 },
	})
}

// prepareLogin remembers with which providers somebody can sign in again.
func prepareLogin(ctx context.Context, x *flow.Exec) (any, error) {
	if t := x.Flow.Trial(); t != nil {
		if _, ok := providerOf(x.Setup, t.Provider); !ok {
			return nil, unknownProvider()
		}
		return nil, nil
	}
	if !x.Flow.Refresh || x.Session == nil {
		return nil, nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	return facts{Linked: linkedWith(i)}, nil
}

func linkedWith(i *identity.Identity) []string {
	var ids []string
	for _, l := range i.Links() {
		ids = append(ids, l.Provider)
	}
	return ids
}

func renderLogin(_ context.Context, v flow.View) (ui.Nodes, error) {
	known, err := factsOf(v.Facts)
	if err != nil {
		return nil, err
	}
	if t := v.Flow.Trial(); t != nil {
		p, ok := providerOf(v.Setup, t.Provider)
		if !ok {
			return nil, nil // it was taken out of the configuration
		}
		return ui.Nodes{ui.Submit(ui.OIDC, "provider", p.ID, withProvider(p))}, nil
	}
	link := v.Flow.Linking()
	var nodes ui.Nodes
	for _, p := range offered(v.Setup, v.Realm) {
		label := withProvider(p)
		switch {
		case p.OrganizationID == "" && !v.Flow.OffersProvider(p.ID):
			continue
		case v.Flow.Refresh && !slices.Contains(known.Linked, p.ID):
			continue
		case link != nil && (p.ID == link.Provider || link.Hints && !slices.Contains(link.Providers, p.ID)):
			continue
		case link != nil:
			label = ui.New(ui.LoginWithProviderAndLink, "provider", p.Label)
		}
		nodes = append(nodes, ui.Submit(ui.OIDC, "provider", p.ID, label))
	}
	return nodes, nil
}

func withProvider(p config.OIDCProvider) ui.Message {
	return ui.New(ui.LoginWithProvider, "provider", p.Label, "provider_id", p.ID)
}

// signIn signs in whom the provider has brought; whoever has no account gets one.
func (m *Method) signIn(ctx context.Context, x *flow.Exec, a *arrival) (flow.Result, error) {
	i, err := a.owner(ctx, x)
	if err != nil {
		return nil, err
	}
	if i != nil {
		return m.proved(ctx, x, i, a)
	}
	made, err := m.create(ctx, x, a)
	if err != nil {
		return nil, err
	}
	if made.namesake != nil { // also where nobody can sign up
		return made.toLink(x, a)
	}
	return flow.Switch{Kind: flow.Registration, Then: func(ctx context.Context, x *flow.Exec) (flow.Result, error) {
		return m.signUp(ctx, x, a)
	}}, nil
}

// proved ends a sign-in. It always makes a new session: who comes back from a
// provider may be another than who left.
func (m *Method) proved(ctx context.Context, x *flow.Exec, i *identity.Identity, a *arrival) (flow.Result, error) {
	proof := flow.Proved{Identity: i, Method: a.evidence(), Fresh: true}
	if updates(a.provider) {
		update, err := m.refresh(ctx, x, i, a)
		if err != nil {
			return nil, err
		}
		if err := update(i); err != nil { // what the answer shows
			return nil, err
		}
		proof.Update = update
	}
	return proof, nil
}
