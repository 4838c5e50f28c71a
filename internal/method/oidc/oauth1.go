package oidc

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1" // the one method that X takes
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
)

// X signs people in with OAuth 1.0a (RFC 5849): every request is signed with secrets of
// the client and of a token, and a request token takes the place of what is a state, a
// verifier and a code elsewhere.
// https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens

const (
	xBase        = "https://api.x.com/"
	xRequest     = xBase + "oauth/request_token"
	xAccess      = xBase + "oauth/access_token"
	xAuthorize   = xBase + "oauth/authorize"
	xCredentials = xBase + "1.1/account/verify_credentials.json"
)

// pair is a token of OAuth 1.0a with its secret.
type pair struct {
	Token  string `json:"token"`
	Secret string `json:"secret"`
}

// xLeave gets a request token for one way there and back. The state goes along in the
// callback; code stands there because ours cannot do without one.
func xLeave(ctx context.Context, u *upstream, state string, c *carried) (string, error) {
	back := u.oauth.RedirectURL + "?" + url.Values{"state": {state}, "code": {"unused"}}.Encode()
	answer, err := u.oauth1(ctx, xRequest, state, pair{}, map[string]string{"oauth_callback": back})
	if err != nil {
		return "", err
	}
	if answer.Get("oauth_callback_confirmed") != "true" {
		return "", badUpstream("The provider did not agree to the callback.")
	}
	c.Request = &pair{answer.Get("oauth_token"), answer.Get("oauth_token_secret")}
	return xAuthorize + "?" + url.Values{"oauth_token": {c.Request.Token}}.Encode(), nil
}

// xExchange trades the request token for one that is good for asking who it is. What
// comes back must be about the request token that this browser left with (RFC 5849,
// section 4.5 and 2.3).
func xExchange(ctx context.Context, u *upstream, _ string, c carried, query url.Values) (*oauth2.Token, error) {
	if c.Request == nil || !same(query.Get("oauth_token"), c.Request.Token) {
		return nil, errors.New("the answer is about another request token")
	}
	answer, err := u.oauth1(ctx, xAccess, query.Get("state"), *c.Request, map[string]string{"oauth_verifier": query.Get("oauth_verifier")})
	if err != nil {
		return nil, err
	}
	token := &oauth2.Token{AccessToken: answer.Get("oauth_token")}
	return token.WithExtra(map[string]any{"secret": answer.Get("oauth_token_secret")}), nil
}

// oauth1 sends a signed request for a token.
func (u *upstream) oauth1(ctx context.Context, address, state string, p pair, params map[string]string) (url.Values, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", u.sign(http.MethodPost, address, state, p, params))
	raw, err := u.send(req)
	if err != nil {
		return nil, err
	}
	answer, err := url.ParseQuery(string(raw))
	if err != nil || answer.Get("oauth_token") == "" || answer.Get("oauth_token_secret") == "" {
		return nil, badUpstream("The provider's answer cannot be read.")
	}
	return answer, nil
}

// xClaims asks who it is. The address has been confirmed where X tells it at all.
func xClaims(ctx context.Context, a *asked) (*Claims, error) {
	address := a.brand.user
	if slices.Contains(a.Scope, "email") {
		address += "?include_email=true"
	}
	secret, _ := a.token.Extra("secret").(string)
	signed := a.sign(http.MethodGet, address, a.query.Get("state"), pair{a.token.AccessToken, secret}, nil)
	raw, err := a.fetch(ctx, address, "Authorization", signed)
	if err != nil {
		return nil, err
	}
	var p struct {
		ID      string `json:"id_str"`
		Name    string `json:"name"`
		Login   string `json:"screen_name"`
		Email   string `json:"email"`
		Picture string `json:"profile_image_url_https"`
		Website string `json:"url"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, badUpstream("The provider's answer cannot be read.").With(err)
	}
	a.userinfo = raw
	return &Claims{
		Issuer: a.brand.user, Subject: p.ID, Name: p.Name, Nickname: p.Login, PreferredUsername: p.Login,
		Email: p.Email, Picture: p.Picture, Website: p.Website,
	}, nil
}

// sign is the Authorization header of a request (RFC 5849, section 3). A nonce has to
// be new, not secret: it follows from the state, which is good for one way there and
// back, and from what is asked.
func (u *upstream) sign(method, address, state string, p pair, params map[string]string) string {
	sum := sha256.Sum256([]byte(method + " " + address + " " + state))
	all := map[string]string{
		"oauth_consumer_key": u.ClientID, "oauth_nonce": hex.EncodeToString(sum[:16]), "oauth_signature_method": "HMAC-SHA1",
		"oauth_timestamp": strconv.FormatInt(u.now().Unix(), 10), "oauth_version": "1.0",
	}
	if p.Token != "" {
		all["oauth_token"] = p.Token
	}
	maps.Copy(all, params)
	all["oauth_signature"] = hmacSHA1(method, address, all, u.ClientSecret, p.Secret)
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%s=%q", k, percent(all[k])))
	}
	return "OAuth " + strings.Join(parts, ", ")
}

// hmacSHA1 signs a request (RFC 5849, sections 3.4.1 and 3.4.2). The parameters are
// those of the header; those of the address are added.
func hmacSHA1(method, address string, params map[string]string, clientSecret, tokenSecret string) string {
	base, query, _ := strings.Cut(address, "?")
	var all [][2]string
	for k, v := range params {
		all = append(all, [2]string{percent(k), percent(v)})
	}
	asked, _ := url.ParseQuery(query) // ours
	for k, values := range asked {
		for _, v := range values {
			all = append(all, [2]string{percent(k), percent(v)})
		}
	}
	slices.SortStableFunc(all, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	var parts []string
	for _, p := range all {
		parts = append(parts, p[0]+"="+p[1])
	}
	mac := hmac.New(sha1.New, []byte(percent(clientSecret)+"&"+percent(tokenSecret)))
	mac.Write([]byte(method + "&" + percent(base) + "&" + percent(strings.Join(parts, "&"))))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percent encodes text as RFC 5849, section 3.6, wants it.
func percent(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
