package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The providers that say who somebody is only when they are asked with an access
// token.

// userinfo reads standard claims of a provider whose ID tokens are not looked at.
func userinfo(ctx context.Context, a *asked) (*Claims, error) {
	c, _, err := a.standard(ctx)
	return c, err
}

// standard reads the userinfo endpoint below the issuer. Some providers write the
// time of the last change as a text (RFC 3339).
func (a *asked) standard(ctx context.Context) (*Claims, map[string]any, error) {
	var all map[string]any
	issuer := strings.TrimSuffix(a.upstream.IssuerURL, "/")
	if issuer == "" {
		issuer = a.brand.issuer
	}
	if err := a.get(ctx, strings.Replace(a.brand.user, "{issuer}", issuer, 1), &all); err != nil {
		return nil, nil, err
	}
	if text, ok := all["updated_at"].(string); ok {
		delete(all, "updated_at")
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			all["updated_at"] = at.Unix()
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, nil, err
	}
	c, err := readClaims(raw, false)
	if err != nil {
		return nil, nil, err
	}
	fill(&c.Issuer, a.upstream.IssuerURL)
	return c, all, nil
}

func uaepass(ctx context.Context, a *asked) (*Claims, error) {
	c, all, err := a.standard(ctx)
	if err != nil {
		return nil, err
	}
	text := func(name string) string { s, _ := all[name].(string); return s }
	c.Issuer, c.Raw = a.upstream.IssuerURL, all
	c.GivenName, c.LastName, c.Name = text("firstnameEN"), text("lastnameEN"), text("fullnameEN")
	fill(&c.PhoneNumber, text("mobile"))
	return c, nil
}

// person is what GitHub says of somebody.
type person struct {
	ID      int64  `json:"id"`
	Login   string `json:"login"`
	Name    string `json:"name"`
	Picture string `json:"avatar_url"`
	Profile string `json:"html_url"`
	Website string `json:"blog"`
	Email   string `json:"email"`
	Changed string `json:"updated_at"`
}

type githubMail struct {
	Email    string `json:"email"`
	Primary  bool   `json:"primary"`
	Verified bool   `json:"verified"`
}

func (a *asked) github(ctx context.Context, mails bool) (*Claims, []githubMail, error) {
	var p person
	if err := a.get(ctx, a.brand.user, &p); err != nil || p.ID == 0 {
		return nil, nil, orMissing(err)
	}
	c := &Claims{
		Issuer: a.oauth.Endpoint.TokenURL, Subject: strconv.FormatInt(p.ID, 10), Name: p.Name, Nickname: p.Login,
		PreferredUsername: p.Login, Picture: p.Picture, Profile: p.Profile, Website: p.Website,
	}
	if at, err := time.Parse(time.RFC3339, p.Changed); err == nil {
		c.UpdatedAt = at.Unix()
	}
	if !mails {
		return c, nil, nil
	}
	var all []githubMail
	if err := a.get(ctx, a.brand.user+"/emails", &all); err != nil {
		return nil, nil, err
	}
	if at := slices.IndexFunc(all, func(m githubMail) bool { return m.Primary }); at >= 0 {
		c.Email, c.EmailVerified = all[at].Email, truth(all[at].Verified)
	}
	return c, all, nil
}

func orMissing(err error) error {
	if err == nil {
		err = badUpstream("The provider did not say who it is about.")
	}
	return err
}

// github tells addresses only where the operator asks for them.
func github(ctx context.Context, a *asked) (*Claims, error) {
	c, _, err := a.github(ctx, slices.Contains(a.Scope, "user:email"))
	return c, err
}

// githubApp has no scopes; without a primary address the last one counts.
func githubApp(ctx context.Context, a *asked) (*Claims, error) {
	c, all, err := a.github(ctx, true)
	if err == nil && c.Email == "" && len(all) > 0 {
		last := all[len(all)-1]
		c.Email, c.EmailVerified = last.Email, truth(last.Verified)
	}
	return c, err
}

// facebook wants to see that whoever asks knows the client secret, too.
// https://developers.facebook.com/docs/graph-api/guides/secure-requests
func facebook(ctx context.Context, a *asked) (*Claims, error) {
	mac := hmac.New(sha256.New, []byte(a.ClientSecret))
	mac.Write([]byte(a.token.AccessToken))
	q := url.Values{
		"fields":          {"id,name,first_name,last_name,middle_name,email,picture,birthday,gender"},
		"appsecret_proof": {hex.EncodeToString(mac.Sum(nil))},
	}
	var p struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
		Middle  string `json:"middle_name"`
		Email   string `json:"email"`
		Gender  string `json:"gender"`
		Birth   string `json:"birthday"`
		Picture struct {
			Data struct {
				URL string `json:"url"`
			} `json:"data"`
		} `json:"picture"`
	}
	if err := a.get(ctx, a.brand.user+"?"+q.Encode(), &p); err != nil {
		return nil, err
	}
	return &Claims{
		Issuer: a.brand.user, Subject: p.ID, Name: p.Name, GivenName: p.First, FamilyName: p.Last, LastName: p.Last,
		MiddleName: p.Middle, Email: p.Email, EmailVerified: p.Email != "", Gender: p.Gender, Birthdate: p.Birth, Picture: p.Picture.Data.URL,
	}, nil
}

func discord(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		ID            string `json:"id"`
		Name          string `json:"username"`
		Discriminator string `json:"discriminator"`
		Avatar        string `json:"avatar"`
		Email         string `json:"email"`
		Verified      bool   `json:"verified"`
		Locale        locale `json:"locale"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	c := &Claims{
		Issuer: a.oauth.Endpoint.AuthURL, Subject: p.ID, Name: p.Name + "#" + p.Discriminator, Nickname: p.Name,
		PreferredUsername: p.Name, Email: p.Email, EmailVerified: truth(p.Verified), Locale: p.Locale,
	}
	if p.Avatar != "" {
		c.Picture = "https://cdn.discordapp.com/avatars/" + p.ID + "/" + p.Avatar + ".png"
	}
	return c, nil
}

func slack(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		OK   bool `json:"ok"`
		User struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			Email   string `json:"email"`
			Picture string `json:"image_512"`
		} `json:"user"`
		Team struct {
			ID string `json:"id"`
		} `json:"team"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil || !p.OK {
		return nil, orMissing(err)
	}
	return &Claims{
		Issuer: "https://slack.com/oauth/", Subject: p.User.ID, Name: p.User.Name, Nickname: p.User.Name, PreferredUsername: p.User.Name,
		Email: p.User.Email, EmailVerified: true, Picture: p.User.Picture, Team: p.Team.ID,
	}, nil
}

func spotify(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		ID     string `json:"id"`
		Name   string `json:"display_name"`
		Email  string `json:"email"`
		Birth  string `json:"birthdate"`
		Images []struct {
			URL string `json:"url"`
		} `json:"images"`
		External map[string]string `json:"external_urls"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	c := &Claims{
		Issuer: a.oauth.Endpoint.TokenURL, Subject: p.ID, Name: p.Name, Nickname: p.Name, Email: p.Email,
		Profile: p.External["spotify"], Birthdate: p.Birth,
	}
	if len(p.Images) > 0 {
		c.Picture = p.Images[0].URL
	}
	return c, nil
}

func vk(ctx context.Context, a *asked) (*Claims, error) {
	q := url.Values{"fields": {"photo_200,nickname,bdate,sex"}, "v": {"5.103"}, "access_token": {a.token.AccessToken}}
	var p struct {
		Response []struct {
			ID       int64  `json:"id"`
			First    string `json:"first_name"`
			Last     string `json:"last_name"`
			Nickname string `json:"nickname"`
			Picture  string `json:"photo_200"`
			Birth    string `json:"bdate"`
			Sex      int    `json:"sex"`
		} `json:"response"`
	}
	if err := a.get(ctx, a.brand.user+"?"+q.Encode(), &p); err != nil || len(p.Response) == 0 {
		return nil, orMissing(err)
	}
	v := p.Response[0]
	email, _ := a.token.Extra("email").(string)
	return &Claims{
		Issuer: a.brand.user, Subject: strconv.FormatInt(v.ID, 10), GivenName: v.First, FamilyName: v.Last, LastName: v.Last,
		Nickname: v.Nickname, Picture: v.Picture, Birthdate: v.Birth, Email: email,
		Gender: map[int]string{1: "female", 2: "male"}[v.Sex],
	}, nil
}

func yandex(ctx context.Context, a *asked) (*Claims, error) {
	raw, err := a.fetch(ctx, a.brand.user+"?format=json", "Authorization", "OAuth "+a.token.AccessToken)
	if err != nil {
		return nil, err
	}
	var p struct {
		ID      string `json:"id"`
		Login   string `json:"login"`
		Name    string `json:"real_name"`
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
		Email   string `json:"default_email"`
		Picture string `json:"default_avatar_id"`
		Empty   bool   `json:"is_avatar_empty"`
		Gender  string `json:"sex"`
		Birth   string `json:"birthday"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, badUpstream("The provider's answer cannot be read.").With(err)
	}
	c := &Claims{
		Issuer: a.brand.user, Subject: p.ID, Name: p.Name, GivenName: p.First, FamilyName: p.Last, LastName: p.Last,
		Nickname: p.Login, PreferredUsername: p.Login, Email: p.Email, Gender: p.Gender, Birthdate: p.Birth,
	}
	if p.Picture != "" && !p.Empty {
		c.Picture = "https://avatars.yandex.net/get-yapic/" + p.Picture + "/islands-200"
	}
	return c, nil
}

func patreon(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		Data struct {
			ID         string `json:"id"`
			Attributes struct {
				First   string `json:"first_name"`
				Last    string `json:"last_name"`
				Name    string `json:"full_name"`
				Email   string `json:"email"`
				Picture string `json:"image_url"`
				URL     string `json:"url"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	v := p.Data.Attributes
	return &Claims{
		Issuer: "https://www.patreon.com/", Subject: p.Data.ID, Name: v.Name, GivenName: v.First, LastName: v.Last,
		Nickname: v.Name, Email: v.Email, Picture: v.Picture, Profile: v.URL,
	}, nil
}

func linkedin(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		ID    string `json:"id"`
		First string `json:"localizedFirstName"`
		Last  string `json:"localizedLastName"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	c := &Claims{Issuer: "https://login.linkedin.com/", Subject: p.ID, GivenName: p.First, LastName: p.Last}
	if !slices.Contains(a.Scope, "r_emailaddress") {
		return c, nil
	}
	var mails struct {
		Elements []struct {
			Handle struct {
				Email string `json:"emailAddress"`
			} `json:"handle~"`
		} `json:"elements"`
	}
	if err := a.get(ctx, "https://api.linkedin.com/v2/emailAddress?q=members&projection=(elements*(handle~))", &mails); err != nil {
		return nil, err
	}
	if len(mails.Elements) > 0 {
		c.Email = mails.Elements[0].Handle.Email
	}
	return c, nil
}

func lark(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		ID      string `json:"open_id"`
		Name    string `json:"name"`
		Picture string `json:"avatar_url"`
		Email   string `json:"email"`
		Mobile  string `json:"mobile"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	return &Claims{Issuer: a.brand.user, Subject: p.ID, Name: p.Name, Nickname: p.Name, Picture: p.Picture, Email: p.Email, PhoneNumber: p.Mobile}, nil
}

func amazon(ctx context.Context, a *asked) (*Claims, error) {
	var p struct {
		ID     string `json:"user_id"`
		Name   string `json:"name"`
		Email  string `json:"email"`
		Postal string `json:"postal_code"`
	}
	if err := a.get(ctx, a.brand.user, &p); err != nil {
		return nil, err
	}
	return &Claims{Issuer: a.oauth.Endpoint.TokenURL, Subject: p.ID, Name: p.Name, Email: p.Email, Zoneinfo: p.Postal}, nil
}
