package oidc

import (
	"context"
	"encoding/json"
	"slices"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

type settingsInput struct {
	Link     string          `json:"link"`
	Unlink   string          `json:"unlink"`
	Upstream json.RawMessage `json:"upstream_parameters"`
}

func (m *Method) settings() *flow.Step {
	return flow.Of(flow.Typed[settingsInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: method, Group: ui.OIDC,
			Triggers: []string{"link", "unlink"},
			Needs:    flow.NeedFreshSession,
			Connects: true,
			Enabled:  enabled,
		},
		Render: renderSettings,
		Submit: m.submitSettings,
		Resume: m.resume(m.connect),
	})
}

func renderSettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	if v.Identity == nil {
		return nil, nil
	}
	linked := linkedWith(v.Identity)
	several := v.Identity.FirstFactors(v.Setup.Factors()) > 1
	var nodes ui.Nodes
	if v.Realm.Organization != nil {
		return renderConnections(v, linked), nil
	}
	for _, p := range offered(v.Setup, v.Realm) {
		switch {
		case !slices.Contains(linked, p.ID):
			nodes = append(nodes, ui.Submit(ui.OIDC, "link", p.ID, ui.New(ui.SettingsLinkProvider, "provider", p.Label)))
		case several:
			nodes = append(nodes, ui.Submit(ui.OIDC, "unlink", p.ID, ui.New(ui.SettingsUnlinkProvider, "provider", p.Label)))
		}
	}
	return nodes, nil
}

// renderConnections shows those of the account's organization. One of them can be
// linked; once that is done, nothing about it is for its members to decide.
func renderConnections(v flow.View, linked []string) ui.Nodes {
	all := offered(v.Setup, v.Realm)
	bound := slices.ContainsFunc(all, func(p config.OIDCProvider) bool { return slices.Contains(linked, p.ID) })
	var nodes ui.Nodes
	for _, p := range all {
		n := ui.Submit(ui.OIDC, "link", p.ID, ui.New(ui.SettingsLinkProvider, "provider", p.Label))
		if slices.Contains(linked, p.ID) {
			n = ui.Submit(ui.OIDC, "unlink", p.ID, ui.New(ui.SettingsUnlinkProvider, "provider", p.Label))
		}
		if in, ok := n.Attributes.(ui.Input); ok {
			in.Disabled = bound
			n.Attributes = in
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// submitSettings takes a link away, or sends the browser to the provider for one.
func (m *Method) submitSettings(ctx context.Context, x *flow.Exec, in settingsInput) (flow.Result, error) {
	switch {
	case in.Link != "" && in.Unlink != "":
		return denied("A provider can be connected or disconnected, not both at once."), nil
	case in.Unlink != "" && x.Realm.Organization != nil:
		return flow.Rejected{Form: []ui.Message{ui.New(ui.SettingsManagedByOrganization)}, Over: true}, nil
	case in.Unlink != "":
		return unlink(x, in.Unlink)
	case in.Link == "":
		return denied("The form has to name a provider to connect or to disconnect."), nil
	}
	p, ok := providerFor(x, in.Link)
	switch {
	case !ok:
		return denied("There is no provider of this name."), nil
	case slices.Contains(linkedWith(x.Identity), p.ID):
		return denied("The account is connected to this provider already."), nil
	}
	return m.start(ctx, x, p, in.Upstream, nil)
}

// denied refuses a change. An earlier success is not repeated beside it.
func denied(reason string) flow.Result {
	return flow.Rejected{Form: []ui.Message{ui.New(ui.ValidationGeneric, "reason", reason)}, Over: true}
}

// unlink takes the link to a provider away, unless it is the last way in.
func unlink(x *flow.Exec, provider string) (flow.Result, error) {
	factors := x.Setup.Factors()
	err := x.Identity.Unlink(provider, factors, x.Now) // of this copy, to see whether it goes
	if p := problem.As(err); p != nil && p.Status == 400 {
		return denied(p.Reason), nil
	}
	return flow.Changed{Active: method, Apply: func(i *identity.Identity) error {
		return i.Unlink(provider, factors, x.Now)
	}}, err
}

// connect adds the link. It says nothing about traits: the account stays what it is.
func (m *Method) connect(ctx context.Context, x *flow.Exec, a *arrival) (flow.Result, error) {
	owner, err := a.owner(ctx, x)
	switch {
	case err != nil:
		return nil, err
	case owner != nil && owner.ID != x.Identity.ID:
		return flow.Deny(ui.New(ui.ValidationIdentifierTaken)), nil
	}
	sealed, err := identity.SealLink(x.Vault(), x.Identity.ID, a.link(), a.tokens)
	if err != nil {
		return nil, err
	}
	proof := a.evidence()
	return flow.Changed{
		Active: method, Evidence: &proof,
		Apply: func(i *identity.Identity) error { return i.AddLink(sealed, x.Now, x.NewID) },
	}, nil
}
