package oidc

import (
	"context"
	"errors"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// asymmetric are the algorithms that sign ID tokens. What a provider's own key set
// cannot check does not count: neither "none" nor a secret that both sides know.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// skew is by how much clocks may differ.
const skew = 5 * time.Minute

// verified checks an ID token that a token endpoint has just given (OpenID Connect
// Core, section 3.1.3.7).
func (a *asked) verified(ctx context.Context) (*oidc.IDToken, error) {
	if a.found == nil {
		return nil, undescribed()
	}
	if a.rawID == "" {
		return nil, badToken(errors.New("the provider did not send one"))
	}
	t, err := a.found.provider.Verifier(&oidc.Config{ClientID: a.ClientID, Now: a.now}).Verify(ctx, a.rawID)
	if err == nil {
		err = a.judge(t)
	}
	if err != nil {
		return nil, badToken(err)
	}
	return t, nil
}

// undescribed is a provider whose keys nobody knows, because its description cannot be
// read.
func undescribed() *problem.Error {
	return misconfigured("The provider does not describe itself.")
}

func badToken(err error) error {
	return at(stepToken, "verification_failed", problem.BadRequest("The ID token of the provider is not valid.").With(err))
}

// judge checks what concerns the one sign-in: for whom the token was made, when, and
// in answer to what.
func (a *asked) judge(t *oidc.IDToken) error {
	var c struct {
		Party string `json:"azp"`
	}
	if err := t.Claims(&c); err != nil {
		return err
	}
	switch {
	case c.Party != "" && c.Party != a.ClientID:
		return errors.New("the token was made for another party (azp)")
	case len(t.Audience) > 1 && c.Party == "":
		return errors.New("the token is for several audiences and does not say who asked for it")
	case t.IssuedAt.After(a.now().Add(skew)):
		return errors.New("the token was made in the future")
	case a.nonce != "" && !same(t.Nonce, a.nonce):
		return errors.New("the token answers another request (nonce)")
	}
	return nil
}

// generic is what an OpenID provider says: its ID token, or its userinfo endpoint
// about the person of the token.
func generic(ctx context.Context, a *asked) (*Claims, error) {
	t, err := a.verified(ctx)
	if err != nil {
		return nil, err
	}
	var raw rawJSON
	if err := t.Claims(&raw); err != nil {
		return nil, err
	}
	fromToken, err := readClaims(raw, true)
	a.inToken = fromToken
	if err != nil || a.ClaimsSource != "userinfo" && a.brand.source != "userinfo" {
		return fromToken, err
	}
	if a.found.UserInfo == "" {
		return nil, misconfigured("The provider has no userinfo endpoint.")
	}
	var more rawJSON
	if err := a.get(ctx, a.found.UserInfo, &more); err != nil {
		return nil, err
	}
	c, err := readClaims(more, true)
	if err != nil {
		return nil, err
	}
	// OpenID Connect Core, section 5.3.2: the answer counts only for the same person.
	if c.Subject != t.Subject {
		return nil, problem.BadRequest("The provider speaks of two different people.")
	}
	c.Issuer = t.Issuer
	return c, nil
}

// rawJSON is a document as it came.
type rawJSON []byte

// UnmarshalJSON keeps the document.
func (r *rawJSON) UnmarshalJSON(raw []byte) error {
	*r = append((*r)[:0], raw...)
	return nil
}

// submitted checks an ID token that an app got from the provider by itself. The
// statuses are the contract's. With mediated, it was a browser that got it.
func (m *Method) submitted(ctx context.Context, x *flow.Exec, p config.OIDCProvider, in input, mediated bool) (*arrival, error) {
	b := brands()[p.Provider]
	if b.trade != nil {
		return m.traded(ctx, x, p, in)
	}
	verifier, err := m.verifier(ctx, x, p, mediated)
	if err != nil {
		return nil, err
	}
	t, err := verifier.Verify(ctx, in.IDToken)
	if err == nil && !audienceOf(t, p) {
		err = errors.New("the token is for another audience")
	}
	if err == nil && t.IssuedAt.After(x.Now.Add(skew)) {
		err = errors.New("the token was made in the future")
	}
	if err != nil {
		return nil, problem.Forbidden("The ID token is not valid.").With(err)
	}
	var raw rawJSON
	if err := t.Claims(&raw); err != nil {
		return nil, err
	}
	claims, err := readClaims(raw, true)
	switch {
	case err != nil:
		return nil, problem.Forbidden("The ID token cannot be read.").With(err)
	case claims.Subject == "":
		return nil, problem.Forbidden("The ID token does not say who it is about.")
	case t.Nonce != "" && !same(t.Nonce, in.Nonce):
		return nil, badUpstream("The nonce of the ID token is not the one in id_token_nonce.")
	case t.Nonce == "" && !b.withoutNonce(claims):
		return nil, badUpstream("The ID token has no nonce.")
	}
	return &arrival{provider: p, claims: claims, inToken: claims, tokens: identity.LinkTokens{ID: in.IDToken}, traits: in.Traits}, nil
}

// audienceOf says whether a token that an app brings is for this client or for one
// of the apps that the operator lists.
func audienceOf(t *oidc.IDToken, p config.OIDCProvider) bool {
	for _, id := range append([]string{p.ClientID}, p.AdditionalIDTokenAudiences...) {
		for _, aud := range t.Audience {
			if aud == id {
				return true
			}
		}
	}
	return false
}
