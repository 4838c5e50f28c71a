package oidc

import (
	"context"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"cardea/internal/config"
)

// brand is in what the types of providers differ. Addresses may hold {issuer} and
// {tenant}.
type brand struct {
	// auth, token and user are endpoints; those of OpenID providers without an auth
	// are discovered.
	auth, token, user string
	issuer            string // where the configuration names none
	fixed             bool   // the configuration cannot name another one
	tenanted          bool   // the issuer follows from the token
	openID            bool   // gives ID tokens
	noNonce           bool   // ... that do not repeat a nonce
	pkce              bool   // does RFC 7636 without saying so
	style             oauth2.AuthStyle
	source            string            // where claims come from, whatever the configuration says
	claimsParameter   bool              // takes the parameter claims
	keys              string            // of ID tokens that apps bring along; "" for none
	scopes            string            // what separates granted scopes; "" where they are not checked
	query             map[string]string // more parameters of the authorization request
	tokenQuery        map[string]string // ... and of the token request
	prompt            string            // "" for none
	promptAgain       string            // when somebody has to sign in again
	// tune changes scopes and parameters of the authorization request.
	tune   func(scopes []string, q url.Values) []string
	secret func(config.OIDCProvider, time.Time) (string, error) // where the client secret is made anew each time
	// leave finds the address to send the browser to, exchange trades what it brings back
	// for tokens, in place of RFC 6749.
	leave    func(ctx context.Context, u *upstream, state string, c *carried) (string, error)
	exchange func(ctx context.Context, u *upstream, code string, c carried, query url.Values) (*oauth2.Token, error)
	denied   string // what says in the answer that somebody did not want to; "" for RFC 6749 alone
	forgets  bool   // its tokens are not kept
	// trade takes a token that a browser or an app brings for one that says who it is;
	// nil where it does so itself.
	trade  func(ctx context.Context, u *upstream, token string) (*oauth2.Token, error)
	claims func(context.Context, *asked) (*Claims, error)
	bare   func(*Claims) bool // tokens of apps that need no nonce; nil for none
}

func (b brand) withoutNonce(c *Claims) bool { return b.bare != nil && b.bare(c) }

// brands are the types of providers by the names of the configuration.
func brands() map[string]brand {
	openID := brand{openID: true, claimsParameter: true, promptAgain: "login", claims: generic}
	with := func(b brand, change func(*brand)) brand {
		change(&b)
		return b
	}
	github := brand{
		auth: "https://github.com/login/oauth/authorize", token: "https://github.com/login/oauth/access_token",
		user: "https://api.github.com/user", scopes: ",", claims: github,
	}
	standard := func(path string) brand {
		return brand{auth: "{issuer}" + path + "/authorize", token: "{issuer}" + path + "/token", user: "{issuer}" + path + "/userinfo", claims: userinfo}
	}
	return map[string]brand{
		"generic": openID,
		"google": with(openID, func(b *brand) {
			b.issuer, b.fixed, b.keys = "https://accounts.google.com", true, "https://www.googleapis.com/oauth2/v3/certs"
			b.tune = googleScopes
			b.bare = func(*Claims) bool { return true }
		}),
		"line": with(openID, func(b *brand) {
			b.issuer, b.fixed, b.tokenQuery = "https://access.line.me", true, map[string]string{"id_token_key_type": "JWK"}
		}),
		"linkedin_v2": with(openID, func(b *brand) {
			b.issuer, b.fixed, b.source, b.noNonce = "https://www.linkedin.com/oauth", true, "userinfo", true
		}),
		"apple": {
			auth: "https://appleid.apple.com/auth/authorize", token: "https://appleid.apple.com/auth/token",
			issuer: "https://appleid.apple.com", fixed: true, openID: true, claimsParameter: true, style: oauth2.AuthStyleInParams,
			keys: "https://appleid.apple.com/auth/keys", promptAgain: "login", secret: appleSecret, tune: appleMode, claims: apple,
			bare: func(c *Claims) bool { return !c.NonceSupported },
		},
		"microsoft": {
			auth: microsoftBase + "{tenant}/oauth2/v2.0/authorize", token: microsoftBase + "{tenant}/oauth2/v2.0/token",
			tenanted: true, openID: true, claimsParameter: true, promptAgain: "login", pkce: true, claims: microsoft,
		},
		"github": github,
		"github-app": with(github, func(b *brand) {
			b.scopes, b.claims = "", githubApp
		}),
		"gitlab": with(standard("/oauth"), func(b *brand) { b.issuer = "https://gitlab.com" }),
		"auth0": with(standard(""), func(b *brand) {
			b.token = "{issuer}/oauth/token"
		}),
		"salesforce": standard("/services/oauth2"),
		"uaepass": with(standard("/idshub"), func(b *brand) {
			b.issuer, b.style, b.pkce = "https://id.uaepass.ae", oauth2.AuthStyleInHeader, true
			b.query = map[string]string{"acr_values": "urn:safelayer:tws:policies:authentication:level:low"}
			b.claims = uaepass
		}),
		"facebook": {
			auth: "https://facebook.com/dialog/oauth", token: "https://graph.facebook.com/oauth/access_token",
			user: "https://graph.facebook.com/me", claims: facebook,
		},
		"discord": {
			auth: "https://discord.com/oauth2/authorize", token: "https://discord.com/api/oauth2/token",
			user: "https://discord.com/api/users/@me", scopes: " ", prompt: "none", promptAgain: "consent", claims: discord,
		},
		"slack": {
			auth: "https://slack.com/oauth/authorize", token: "https://slack.com/api/oauth.access",
			user: "https://slack.com/api/users.identity", scopes: ",", claims: slack,
		},
		"spotify": {
			auth: "https://accounts.spotify.com/authorize", token: "https://accounts.spotify.com/api/token",
			user: "https://api.spotify.com/v1/me", scopes: " ", claims: spotify,
		},
		"vk": {
			auth: "https://oauth.vk.com/authorize", token: "https://oauth.vk.com/access_token",
			user: "https://api.vk.com/method/users.get", claims: vk,
		},
		"yandex": {
			auth: "https://oauth.yandex.com/authorize", token: "https://oauth.yandex.com/token",
			user: "https://login.yandex.ru/info", claims: yandex,
		},
		"patreon": {
			auth: "https://www.patreon.com/oauth2/authorize", token: "https://www.patreon.com/api/oauth2/token",
			user:   "https://www.patreon.com/api/oauth2/v2/identity?fields%5Buser%5D=first_name,last_name,url,full_name,email,image_url",
			prompt: "none", promptAgain: "consent", claims: patreon,
		},
		"linkedin": {
			auth: "https://www.linkedin.com/oauth/v2/authorization", token: "https://www.linkedin.com/oauth/v2/accessToken",
			user: "https://api.linkedin.com/v2/me", claims: linkedin,
		},
		"lark": {
			auth: larkBase + "authorize", token: larkBase + "token", user: larkBase + "userinfo", style: oauth2.AuthStyleInParams, claims: lark,
		},
		"netid": with(openID, func(b *brand) {
			b.auth, b.token, b.issuer = "{issuer}/authorize", "{issuer}/token", "https://broker.netid.de/"
			b.source, b.trade = "userinfo", netidTrade
		}),
		"dingtalk": {
			auth: "https://login.dingtalk.com/oauth2/auth", token: "https://api.dingtalk.com/v1.0/oauth2/userAccessToken",
			user: "https://api.dingtalk.com/v1.0/contact/users/me", prompt: "consent", promptAgain: "consent",
			exchange: dingtalkExchange, claims: dingtalk,
		},
		"x": {
			auth: xAuthorize, token: xAccess, user: xCredentials,
			leave: xLeave, exchange: xExchange, denied: "denied", forgets: true, claims: xClaims,
		},
		"amazon": {
			auth: "https://www.amazon.com/ap/oa", token: "https://api.amazon.com/auth/o2/token",
			user: "https://api.amazon.com/user/profile", claims: amazon,
		},
	}
}

const (
	microsoftBase = "https://login.microsoftonline.com/"
	larkBase      = "https://passport.feishu.cn/suite/passport/oauth/"
)

// googleScopes asks for a refresh token in Google's own way.
func googleScopes(scopes []string, q url.Values) []string {
	const offline = "offline_access"
	if slices.Contains(scopes, offline) {
		q.Set("access_type", "offline")
		scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == offline })
	}
	return scopes
}

// appleMode asks Apple to post the answer: it does not give names and addresses in
// any other way.
func appleMode(scopes []string, q url.Values) []string {
	if slices.Contains(scopes, "email") || slices.Contains(scopes, "name") {
		q.Set("response_mode", "form_post")
	}
	return scopes
}
