package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/jose"
	"cardea/internal/problem"
)

// Tokens that browsers get from providers by themselves (W3C, Federated Credential
// Management).

func (m *Method) mediated() *flow.Mediated {
	return &flow.Mediated{Offers: mediators, Nonce: nonceOf, Judge: m.mediate}
}

// mediators are the providers whose description for browsers is configured.
func mediators(s *flow.Setup, realm flow.Realm) []flow.Mediator {
	var all []flow.Mediator
	for _, p := range offered(s, realm) {
		if p.Mediates() {
			all = append(all, flow.Mediator{Provider: p.ID, ConfigURL: p.FedCMConfigURL, ClientID: p.ClientID})
		}
	}
	return all
}

// nonceOf reads the nonce of a token that nobody has checked.
func nonceOf(token string) string {
	var c struct {
		Nonce string `json:"nonce"`
	}
	if jose.Unverified(token, &c) != nil {
		return ""
	}
	return c.Nonce
}

// mediate signs in with the token of a browser. It has to repeat the nonce, whatever
// the provider's SDKs do without.
func (m *Method) mediate(ctx context.Context, x *flow.Exec, b flow.Brought) (flow.Result, error) {
	p, ok := providerFor(x, b.Provider)
	if !ok || !p.Mediates() {
		return nil, unknownProvider()
	}
	a, err := m.submitted(ctx, x, p, input{IDToken: b.Token, Nonce: b.Nonce}, true)
	if err != nil {
		return nil, err
	}
	if !same(a.inToken.Nonce, b.Nonce) {
		return nil, badUpstream("The token does not repeat the nonce.")
	}
	return m.signIn(ctx, x, a)
}

// verifier checks tokens that come without a code. Those of browsers are of any provider
// that describes itself, those of apps of providers with SDKs.
func (m *Method) verifier(ctx context.Context, x *flow.Exec, p config.OIDCProvider, mediated bool) (*oidc.IDTokenVerifier, error) {
	b, ok := brands()[p.Provider]
	rules := &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: asymmetric, Now: func() time.Time { return x.Now }}
	switch {
	case ok && b.keys != "":
		return oidc.NewVerifier(b.issuer, m.discovered.keysAt(ctx, b.keys, m.client(p)), rules), nil
	case !ok || !mediated:
		return nil, badUpstream("Providers of this type do not give ID tokens to apps.")
	}
	u, err := m.upstream(ctx, x.Setup, p)
	if err != nil {
		return nil, err
	}
	if u.found == nil {
		return nil, undescribed()
	}
	return u.found.provider.Verifier(rules), nil
}

// netidTrade gives netID the token of a browser for one that says who it is. netID knows
// the client by where the browser has asked.
func netidTrade(ctx context.Context, u *upstream, token string) (*oauth2.Token, error) {
	form := url.Values{"grant_type": {"netid_fedcm"}, "fedcm_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.oauth.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", u.NetIDTokenOriginHeader)
	raw, err := u.send(req)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, badUpstream("The provider's answer cannot be read.").With(err)
	}
	access, _ := all["access_token"].(string)
	return (&oauth2.Token{AccessToken: access, TokenType: "Bearer"}).WithExtra(all), nil
}

// traded is somebody whose token the provider takes for a better one. The statuses are
// those of submitted tokens.
func (m *Method) traded(ctx context.Context, x *flow.Exec, p config.OIDCProvider, in input) (*arrival, error) {
	u, err := m.upstream(ctx, x.Setup, p)
	if err != nil {
		return nil, err
	}
	token, err := u.brand.trade(ctx, u, in.IDToken)
	if err != nil {
		return nil, err
	}
	a, err := u.told(ctx, token, "", nil)
	if p := problem.As(err); p != nil && p.Status == 400 {
		return nil, problem.Forbidden("The ID token is not valid.").With(err)
	}
	if err != nil {
		return nil, err
	}
	if in.Nonce == "" || !same(a.inToken.Nonce, in.Nonce) {
		return nil, badUpstream("The nonce of the ID token is not the one in id_token_nonce.")
	}
	a.provider, a.traits = p, in.Traits
	return a, nil
}
