package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

const method = "oidc"

// Map runs the Jsonnet program at an address. It is given variables as JSON, and
// answers with JSON.
type Map func(ctx context.Context, address string, vars map[string]json.RawMessage) (json.RawMessage, error)

// Options are what the method needs of the world; all are needed.
type Options struct {
	// Trusted reaches what the operator wrote, Public only public addresses: what
	// providers name. Both are guarded clients.
	Trusted, Public *http.Client
	Map             Map
	Clock           clock.Clock
}

// Method is the method. Safe for concurrent use.
type Method struct {
	Options
	discovered *discoveries
}

// New makes the method.
func New(o Options) *Method {
	return &Method{Options: o, discovered: newDiscoveries()}
}

// Steps are the method's steps.
func (m *Method) Steps() []*flow.Step {
	return []*flow.Step{m.login(), m.registration(), m.settings()}
}

// Name is the method's name in addresses and forms.
func Name() string { return method }

func enabled(s *flow.Setup) bool { return s.SelfService.Methods.OIDC.Enabled }

// input is the choice of a provider.
type input struct {
	Provider string          `json:"provider"`
	Traits   json.RawMessage `json:"traits"`
	Upstream json.RawMessage `json:"upstream_parameters"`
	IDToken  string          `json:"id_token"`
	Nonce    string          `json:"id_token_nonce"`
}

// exempt is why the choice of a provider needs no anti-CSRF token. A token of a
// provider that comes along signs somebody in at once, so that one does.
var exempt = flow.CSRFRule{
	Exempt: "nothing happens until the browser comes back with a state that is bound to it",
	Unless: "id_token",
}

// chosen says whether a submission chooses a provider.
func chosen(_ *flow.Flow, field func(string) string) bool {
	m := field("method")
	return field("provider") != "" && (m == "" || m == method)
}

// offered are the providers that have a place in a journey, in the order of the
// configuration.
func offered(s *flow.Setup, realm flow.Realm) []config.OIDCProvider {
	var all []config.OIDCProvider
	for _, p := range s.SelfService.Methods.OIDC.Config.Providers {
		if realm.Offers(p.OrganizationID) {
			all = append(all, p)
		}
	}
	return all
}

// providerOf finds a configured provider.
func providerOf(s *flow.Setup, id string) (config.OIDCProvider, bool) {
	all := s.SelfService.Methods.OIDC.Config.Providers
	at := slices.IndexFunc(all, func(p config.OIDCProvider) bool { return p.ID == id })
	if at < 0 {
		return config.OIDCProvider{}, false
	}
	return all[at], true
}

// providerFor finds a configured provider that has a place in a journey. A trial is
// nobody's journey and about any of them.
func providerFor(x *flow.Exec, id string) (config.OIDCProvider, bool) {
	p, ok := providerOf(x.Setup, id)
	return p, ok && (x.Flow.Trial() != nil || x.Realm.Offers(p.OrganizationID))
}

func unknownProvider() *problem.Error {
	return problem.NotFound("There is no provider of this name.")
}

// carried is what a sign-in has to remember while the browser is away.
type carried struct {
	Provider string          `json:"provider"`
	Verifier string          `json:"verifier,omitempty"` // RFC 7636
	Nonce    string          `json:"nonce,omitempty"`
	Request  *pair           `json:"request,omitempty"` // OAuth 1.0a
	Traits   json.RawMessage `json:"traits,omitempty"`
}

// arrival is somebody who has come from a provider.
type arrival struct {
	provider config.OIDCProvider
	claims   *Claims
	inToken  *Claims         // what the ID token says, nil without one
	userinfo json.RawMessage // what the provider answered first when it was asked, nil for nothing
	tokens   identity.LinkTokens
	traits   json.RawMessage // typed by a person; nil for none
}

func (a *arrival) link() identity.Link {
	return identity.Link{Subject: a.claims.Subject, Provider: a.provider.ID, Organization: a.organization()}
}

// organization is the one that the provider is a connection of, nil for none.
func (a *arrival) organization() *uuid.UUID {
	id, err := uuid.Parse(a.provider.OrganizationID)
	if err != nil {
		return nil
	}
	return &id
}

// identifier names the person at the provider among all accounts.
func (a *arrival) identifier() string { return a.provider.ID + ":" + a.claims.Subject }

// evidence is what the sign-in proves. A provider can stand for both factors where
// the operator says that it does.
func (a *arrival) evidence() session.Method {
	level := session.AAL1
	if a.claims.ACR != "" && slices.Contains(a.provider.AAL2ACRValues, a.claims.ACR) ||
		slices.ContainsFunc(a.claims.AMR, func(v string) bool { return slices.Contains(a.provider.AAL2AMRValues, v) }) {
		level = session.AAL2
	}
	return session.Method{
		Method: method, AAL: level, Provider: a.provider.ID, Organization: a.organization(),
		UpstreamACR: a.claims.ACR, UpstreamAMR: a.claims.AMR,
	}
}

// owner is the account that the person at the provider is linked with, nil for none.
func (a *arrival) owner(ctx context.Context, x *flow.Exec) (*identity.Identity, error) {
	i, err := x.Store.IdentityByIdentifier(ctx, identity.OIDC, a.identifier())
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	return i, err
}

// submit sends the browser to the chosen provider, or believes a token that it has
// given to an app.
func (m *Method) submit(ctx context.Context, x *flow.Exec, in input, arrive func(context.Context, *flow.Exec, *arrival) (flow.Result, error)) (flow.Result, error) {
	p, ok := providerFor(x, in.Provider)
	if !ok {
		return nil, unknownProvider()
	}
	if in.IDToken == "" {
		return m.start(ctx, x, p, in.Upstream, in.Traits)
	}
	a, err := m.submitted(ctx, x, p, in, false)
	if err != nil {
		return nil, err
	}
	return arrive(ctx, x, a)
}

// forwarded are the parameters that a client may add for a provider. A login hint
// is not among them: it would tell the provider who somebody claims to be.
var forwarded = []string{"hd", "prompt", "auth_type", "acr_values"}

// start sends the browser to a provider.
func (m *Method) start(ctx context.Context, x *flow.Exec, p config.OIDCProvider, upstream, traits json.RawMessage) (flow.Result, error) {
	u, err := m.upstream(ctx, x.Setup, p)
	if err != nil {
		return nil, err
	}
	extra := url.Values{}
	var wanted map[string]any
	if len(upstream) > 0 && json.Unmarshal(upstream, &wanted) != nil {
		return nil, problem.BadRequest("The field upstream_parameters has to be a JSON object.")
	}
	for _, name := range forwarded {
		if v, ok := wanted[name].(string); ok && v != "" {
			extra.Set(name, v)
		}
	}
	c := carried{Provider: p.ID, Traits: traits}
	switch {
	case u.pkce:
		c.Verifier = x.Secret(64)
	case u.nonce:
		c.Nonce = x.Secret(32)
	}
	return flow.Leave{Provider: p.ID, To: func(ctx context.Context, state string) (string, any, error) {
		if u.brand.leave != nil {
			to, err := u.brand.leave(ctx, u, state, &c)
			return to, c, err
		}
		return u.authorize(state, c, x.Flow.Refresh, extra), c, nil
	}}, nil
}

// resume judges how a browser came back.
func (m *Method) resume(arrive func(context.Context, *flow.Exec, *arrival) (flow.Result, error)) func(context.Context, *flow.Exec, flow.Back) (flow.Result, error) {
	return func(ctx context.Context, x *flow.Exec, b flow.Back) (flow.Result, error) {
		a, err := m.arrived(ctx, x, b)
		if err != nil {
			return nil, err
		}
		return arrive(ctx, x, a)
	}
}

// arrived redeems what a browser brings back. With an error there is as much of the
// arrival as is known.
func (m *Method) arrived(ctx context.Context, x *flow.Exec, b flow.Back) (*arrival, error) {
	var c carried
	if err := json.Unmarshal(b.Carry, &c); err != nil {
		return nil, err
	}
	p, ok := providerFor(x, c.Provider)
	if !ok {
		return nil, unknownProvider()
	}
	u, err := m.upstream(ctx, x.Setup, p)
	if err != nil {
		return nil, err
	}
	if err := u.answers(b.Query); err != nil {
		return nil, at(stepState, "state_invalid", err)
	}
	if why := b.Query.Get("error"); why != "" {
		return nil, at(stepDenied, "access_denied", refused(why, b.Query.Get("error_description")))
	}
	if u.brand.denied != "" && b.Query.Has(u.brand.denied) {
		return nil, at(stepDenied, "access_denied", refused("access_denied", ""))
	}
	code := b.Query.Get("code")
	if code == "" {
		code = b.Query.Get("authCode")
	}
	if code == "" {
		return nil, problem.BadRequest("The provider did not send a code.")
	}
	a, err := u.redeem(ctx, code, c, b.Query)
	if err != nil {
		return a, err
	}
	a.provider, a.traits = p, c.Traits
	if a.claims.Subject == "" || a.claims.Issuer == "" {
		return a, at(stepClaims, "missing_claims", badUpstream("The provider did not say who it is about."))
	}
	return a, nil
}

// refused tells in the provider's words why it did not let somebody in.
func refused(code, description string) *problem.Error {
	text := code
	if description != "" {
		text += ": " + description
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300])
	}
	return problem.New(400, "The provider answered with an error: %s", text)
}

// badUpstream is a provider that does not answer as it should.
func badUpstream(reason string) *problem.Error {
	return problem.New(502, reason).Named(problem.Upstream)
}
