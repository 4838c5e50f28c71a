package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// upstream is a provider that is ready to be asked.
type upstream struct {
	config.OIDCProvider
	brand  brand
	oauth  oauth2.Config
	found  *discovery // nil where there is no document
	client *http.Client
	now    func() time.Time
	pkce   bool // the sign-in is bound by RFC 7636
	nonce  bool // or by a nonce in the ID token
}

// upstream makes a provider ready. The errors are problems: a provider that cannot
// be used is a fault of the configuration.
func (m *Method) upstream(ctx context.Context, s *flow.Setup, p config.OIDCProvider) (*upstream, error) {
	b, ok := brands()[p.Provider]
	if !ok {
		return nil, misconfigured("Sign-in with providers of the type %q is not supported.", p.Provider)
	}
	u := &upstream{OIDCProvider: p, brand: b, client: m.client(p), now: m.Clock.Now}
	if u.IssuerURL == "" || b.fixed {
		u.IssuerURL = b.issuer
	}
	issuer := strings.TrimSuffix(u.IssuerURL, "/")
	expand := strings.NewReplacer("{issuer}", issuer, "{tenant}", url.PathEscape(p.MicrosoftTenant))
	u.oauth = oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Scopes: slices.Clone(p.Scope),
		RedirectURL: callback(s, p),
		Endpoint:    oauth2.Endpoint{AuthURL: expand.Replace(b.auth), TokenURL: expand.Replace(b.token), AuthStyle: b.style},
	}
	if b.openID && !slices.Contains(u.oauth.Scopes, oidc.ScopeOpenID) {
		u.oauth.Scopes = append(u.oauth.Scopes, oidc.ScopeOpenID)
	}
	if err := u.discover(ctx, m); err != nil {
		return nil, err
	}
	switch p.PKCE {
	case "never":
	case "force":
		u.pkce = true
	default:
		u.pkce = b.pkce || u.found != nil && slices.Contains(u.found.Challenges, "S256")
	}
	u.pkce = u.pkce && b.leave == nil
	u.nonce = b.openID && !b.noNonce
	if b.secret != nil {
		var err error
		if u.oauth.ClientSecret, err = b.secret(p, m.Clock.Now()); err != nil {
			return nil, misconfigured("The keys of the provider cannot be used.").With(err)
		}
	}
	return u, nil
}

func misconfigured(reason string, args ...any) *problem.Error {
	return problem.New(500, reason, args...).Named(problem.InvalidConfiguration)
}

// discover reads the provider's document. Where endpoints are known without it, it
// only tells about PKCE and may be missing.
func (u *upstream) discover(ctx context.Context, m *Method) error {
	if u.OIDCProvider.IssuerURL == "" || u.brand.tenanted {
		return nil
	}
	found, err := m.discovered.of(ctx, u.OIDCProvider.IssuerURL, u.client, m.Clock.Now())
	if err != nil {
		if u.brand.auth != "" {
			return nil
		}
		return misconfigured("The provider does not describe itself at the configured address.").With(err)
	}
	u.found = found
	if u.brand.auth == "" {
		style := u.oauth.Endpoint.AuthStyle
		u.oauth.Endpoint = found.provider.Endpoint()
		if style != oauth2.AuthStyleAutoDetect {
			u.oauth.Endpoint.AuthStyle = style
		}
	}
	return nil
}

// callback is where a provider sends browsers back to. Where PKCE is forced, all
// providers share one.
func callback(s *flow.Setup, p config.OIDCProvider) string {
	base := s.SelfService.Methods.OIDC.Config.BaseRedirectURI
	if base == "" {
		base = s.Public("", nil)
	}
	to := strings.TrimSuffix(base, "/") + "/self-service/methods/oidc/callback"
	if p.PKCE == "force" {
		return to
	}
	return to + "/" + url.PathEscape(p.ID)
}

// authorize is the address at which the provider asks somebody (RFC 6749, section
// 4.1.1). What a client adds counts for more than what the provider's type does.
func (u *upstream) authorize(state string, c carried, again bool, extra url.Values) string {
	q := url.Values{}
	for k, v := range u.brand.query {
		q.Set(k, v)
	}
	prompt := u.brand.prompt
	if again {
		prompt = u.brand.promptAgain
	}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	if len(u.RequestedClaims) > 0 && u.brand.claimsParameter {
		q.Set("claims", string(u.RequestedClaims))
	}
	oauth := u.oauth
	if u.brand.tune != nil {
		oauth.Scopes = u.brand.tune(oauth.Scopes, q)
	}
	if c.Nonce != "" {
		q.Set("nonce", c.Nonce)
	}
	for k := range extra {
		q.Set(k, extra.Get(k))
	}
	if again && extra.Has("prompt") {
		q.Set("prompt", stillAsking(extra.Get("prompt"), prompt))
	}
	var options []oauth2.AuthCodeOption
	for k := range q {
		options = append(options, oauth2.SetAuthURLParam(k, q.Get(k)))
	}
	if c.Verifier != "" {
		options = append(options, oauth2.S256ChallengeOption(c.Verifier))
	}
	return oauth.AuthCodeURL(state, options...)
}

// answers checks, where the answer says who gives it, that it is the provider that was
// asked: one that another provider gave carries a code that is none of its business
// (RFC 9207, section 2.4; RFC 9700, section 4.4).
func (u *upstream) answers(query url.Values) error {
	issuer := u.OIDCProvider.IssuerURL
	promised := u.found != nil && u.found.NamesItself
	switch {
	case !query.Has("iss") && !promised, query.Has("iss") && query.Get("iss") == issuer:
		return nil
	case !promised && (u.found == nil || issuer == ""):
		return nil // nobody knows what this one would call itself
	}
	return problem.BadRequest("The answer does not come from the provider that was asked.")
}

// stillAsking keeps a client from taking back that somebody has to sign in again: what
// it asks for comes on top (OpenID Connect Core, section 3.1.2.1).
func stillAsking(wanted, needed string) string {
	words := strings.Fields(wanted)
	if needed == "" || slices.Contains(words, needed) {
		return wanted
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "none" })
	return strings.Join(append([]string{needed}, words...), " ")
}

// redeem trades a code for what the provider says about somebody.
func (u *upstream) redeem(ctx context.Context, code string, c carried, query url.Values) (*arrival, error) {
	token, err := u.exchange(ctx, code, c, query)
	if err != nil {
		return nil, at(stepExchange, "exchange_failed", problem.New(500, "The provider did not accept the sign-in.").With(withoutBody(err)))
	}
	return u.told(ctx, token, c.Nonce, query)
}

// exchange trades a code for tokens.
func (u *upstream) exchange(ctx context.Context, code string, c carried, query url.Values) (*oauth2.Token, error) {
	if u.brand.exchange != nil {
		return u.brand.exchange(ctx, u, code, c, query)
	}
	var options []oauth2.AuthCodeOption
	if c.Verifier != "" {
		options = append(options, oauth2.VerifierOption(c.Verifier))
	}
	for k, v := range u.brand.tokenQuery {
		options = append(options, oauth2.SetAuthURLParam(k, v))
	}
	return u.oauth.Exchange(context.WithValue(ctx, oauth2.HTTPClient, u.client), code, options...)
}

// told asks for whom the tokens are.
func (u *upstream) told(ctx context.Context, token *oauth2.Token, nonce string, query url.Values) (*arrival, error) {
	raw, _ := token.Extra("id_token").(string)
	a := &arrival{}
	if !u.brand.forgets {
		a.tokens = identity.LinkTokens{ID: raw, Access: token.AccessToken, Refresh: token.RefreshToken}
	}
	if err := u.granted(token); err != nil {
		return nil, err
	}
	asked := &asked{upstream: u, token: token, rawID: raw, nonce: nonce, query: query}
	var err error
	a.claims, err = u.brand.claims(ctx, asked)
	a.inToken, a.userinfo = asked.inToken, asked.userinfo
	return a, err
}

// withoutBody keeps what a provider answers out of our logs: it can repeat what it
// was sent.
func withoutBody(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("the token endpoint answered %d (%.60q)", refused.Response.StatusCode, refused.ErrorCode)
	}
	return err
}

// granted checks, for those providers that let people take scopes away, that nobody
// did. Providers that do not tell have granted all (RFC 6749, section 5.1).
func (u *upstream) granted(token *oauth2.Token) error {
	given, ok := token.Extra("scope").(string)
	if u.brand.scopes == "" || !ok {
		return nil
	}
	all := strings.FieldsFunc(given, func(r rune) bool { return strings.ContainsRune(u.brand.scopes, r) })
	for _, scope := range u.Scope {
		if !slices.Contains(all, scope) {
			return problem.BadRequest("The provider was not allowed to tell everything: %s is missing.", scope)
		}
	}
	return nil
}

// asked is one sign-in for which a provider is asked who it is.
type asked struct {
	*upstream
	token *oauth2.Token
	rawID string
	nonce string
	query url.Values

	inToken  *Claims         // what its ID token says, once it was verified
	userinfo json.RawMessage // its first answer
}

// get reads a JSON document of the provider on behalf of the person.
func (a *asked) get(ctx context.Context, address string, into any) error {
	raw, err := a.fetch(ctx, address, "Authorization", "Bearer "+a.token.AccessToken)
	if err != nil {
		return err
	}
	if a.userinfo == nil && json.Valid(raw) {
		a.userinfo = raw
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return badUpstream("The provider's answer cannot be read.").With(err)
	}
	return nil
}

func (a *asked) fetch(ctx context.Context, address, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(header, value)
	req.Header.Set("Accept", "application/json")
	return a.send(req)
}

// send sends a request to the provider. Only a 200 is an answer.
func (u *upstream) send(req *http.Request) ([]byte, error) {
	res, err := u.client.Do(req)
	if err != nil {
		return nil, badUpstream("The provider cannot be reached.").With(withoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := readBody(res)
	if err != nil {
		return nil, badUpstream("The provider's answer cannot be read.").With(err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, badUpstream("The provider did not say who it is about.").With(fmt.Errorf("the provider answered %d", res.StatusCode))
	}
	return raw, nil
}

// withoutURL keeps addresses out of errors: they can carry proofs.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
