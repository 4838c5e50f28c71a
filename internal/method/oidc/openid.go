package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/jose"
	"cardea/internal/problem"
)

// The providers that give ID tokens and have ways of their own.

// apple reads an ID token of Apple's. The name comes beside it, once, as the form
// that the browser posted.
func apple(ctx context.Context, a *asked) (*Claims, error) {
	c, err := generic(ctx, a)
	if err != nil {
		return nil, err
	}
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if json.Unmarshal([]byte(a.query.Get("user")), &user) == nil {
		fill(&c.GivenName, user.Name.First)
		fill(&c.LastName, user.Name.Last)
		fill(&c.FamilyName, user.Name.Last)
	}
	return c, nil
}

func fill(into *string, with string) {
	if *into == "" {
		*into = with
	}
}

// appleSecret is the client secret that Apple wants to be made with a key: a token
// about the client for the next minutes.
// https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
func appleSecret(p config.OIDCProvider, now time.Time) (string, error) {
	key, err := jose.ECKey(p.ApplePrivateKeyID, p.ApplePrivateKey)
	if err != nil {
		return "", err
	}
	return key.Sign(map[string]any{
		"iss": p.AppleTeamID, "sub": p.ClientID, "aud": "https://appleid.apple.com",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
}

// microsoft reads an ID token of Microsoft's. Its issuer is one per tenant: the
// token says which, and is verified with the keys of exactly that one.
func microsoft(ctx context.Context, a *asked) (*Claims, error) {
	var unverified struct {
		Tenant string `json:"tid"`
	}
	if err := jose.Unverified(a.rawID, &unverified); err != nil {
		return nil, badToken(err)
	}
	tenant, err := uuid.Parse(unverified.Tenant)
	if err != nil || len(unverified.Tenant) != 36 {
		return nil, badToken(errors.New("the token's tid is no id of a tenant"))
	}
	if own, err := uuid.Parse(a.MicrosoftTenant); err == nil && own != tenant {
		return nil, badToken(errors.New("the token is of another tenant than the configured one"))
	}
	issuer := microsoftBase + unverified.Tenant + "/v2.0"
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, a.client), microsoftBase+unverified.Tenant+"/discovery/v2.0/keys")
	t, err := oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: a.ClientID, SupportedSigningAlgs: []string{oidc.RS256}, Now: a.now}).Verify(ctx, a.rawID)
	if err == nil {
		err = a.judge(t)
	}
	if err != nil {
		return nil, badToken(err)
	}
	var raw rawJSON
	if err := t.Claims(&raw); err != nil {
		return nil, err
	}
	c, err := readClaims(raw, true)
	if err != nil {
		return nil, err
	}
	told := *c
	a.inToken = &told
	switch a.SubjectSource {
	case "oid":
		if c.Object == "" {
			return nil, problem.BadRequest("The ID token has no claim oid.")
		}
		c.Subject = c.Object
	case "me":
		var me struct {
			ID string `json:"id"`
		}
		if err := a.get(ctx, "https://graph.microsoft.com/v1.0/me", &me); err != nil {
			return nil, err
		}
		c.Subject = me.ID
	}
	return c, nil
}
