package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// DingTalk's endpoints speak JSON with names of their own.
// https://open.dingtalk.com/document/orgapp/obtain-user-token

// dingtalkExchange trades a code for a token.
func dingtalkExchange(ctx context.Context, u *upstream, code string, _ carried, _ url.Values) (*oauth2.Token, error) {
	body, err := json.Marshal(map[string]string{
		"clientId": u.ClientID, "clientSecret": u.ClientSecret, "code": code, "grantType": "authorization_code",
	})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.oauth.Endpoint.TokenURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	raw, err := u.send(req)
	if err != nil {
		return nil, err
	}
	var token struct {
		Access  string `json:"accessToken"`
		Refresh string `json:"refreshToken"`
	}
	if json.Unmarshal(raw, &token) != nil || token.Access == "" {
		return nil, errors.New("the token endpoint gave no token")
	}
	return &oauth2.Token{AccessToken: token.Access, RefreshToken: token.Refresh}, nil
}

func dingtalk(ctx context.Context, a *asked) (*Claims, error) {
	raw, err := a.fetch(ctx, a.brand.user, "X-Acs-Dingtalk-Access-Token", a.token.AccessToken)
	if err != nil {
		return nil, err
	}
	var p struct {
		ID      string `json:"openId"`
		Name    string `json:"nick"`
		Picture string `json:"avatarUrl"`
		Email   string `json:"email"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, badUpstream("The provider's answer cannot be read.").With(err)
	}
	a.userinfo = raw
	return &Claims{Issuer: a.brand.user, Subject: p.ID, Name: p.Name, Nickname: p.Name, Picture: p.Picture, Email: p.Email}, nil
}
