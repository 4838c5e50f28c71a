package oidc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// internet answers for hosts as the providers there do.
type internet map[string]http.HandlerFunc

// RoundTrip answers.
func (n internet) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if serve, ok := n[r.URL.Host]; ok {
		serve(w, r)
	} else {
		w.WriteHeader(404)
	}
	res := w.Result()
	res.Request = r
	return res, nil
}

// trip is one way to a provider and back.
type trip struct {
	*testing.T
	m     *Method
	x     *flow.Exec
	carry json.RawMessage
}

func (n internet) trip(t *testing.T, p config.OIDCProvider) *trip {
	client := &http.Client{Transport: n}
	x := &flow.Exec{Setup: setupAt("https://id.cardea.test/"), Flow: &flow.Flow{Kind: flow.Login}, Now: time.Unix(1700000000, 0)}
	x.Setup.SelfService.Methods.OIDC.Config.Providers = []config.OIDCProvider{p}
	return &trip{T: t, m: New(Options{Trusted: client, Public: client, Clock: clock.NewFake(x.Now)}), x: x}
}

// leave gives the address at the provider.
func (w *trip) leave(state string) (string, error) {
	w.Helper()
	result, err := w.m.start(w.Context(), w.x, w.x.Setup.SelfService.Methods.OIDC.Config.Providers[0], nil, nil)
	if err != nil {
		return "", err
	}
	to, carry, err := result.(flow.Leave).To(w.Context(), state)
	if err != nil {
		return "", err
	}
	w.carry, err = json.Marshal(carry)
	return to, err
}

func (w *trip) back(query url.Values) (*arrival, error) {
	if w.carry == nil {
		w.carry = json.RawMessage(`{"provider":"p"}`)
	}
	return w.m.arrived(w.Context(), w.x, flow.Back{Query: query, Carry: w.carry})
}

// answer is JSON that is given to whoever asks with the right header.
func answer(header, value, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(header) != value {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// paths serves addresses of one host; those with a token take the code "c".
func paths(all map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		serve, ok := all[r.URL.Path]
		if !ok {
			w.WriteHeader(404)
			return
		}
		serve(w, r)
	}
}

// token is a token endpoint of RFC 6749 that answers as one of a brand does.
func token(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, secret, basic := r.BasicAuth()
		if !basic {
			id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
		}
		if r.Method != http.MethodPost || r.FormValue("code") != "c" || r.FormValue("grant_type") != "authorization_code" || id != "client" || secret != "secret" {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

const bearer = `{"access_token":"at","token_type":"bearer"}`

// granting is the same with the scopes that were granted.
func granting(scopes string) http.HandlerFunc {
	return token(`{"access_token":"at","token_type":"bearer","scope":"` + scopes + `"}`)
}

func asked401(body string) http.HandlerFunc { return answer("Authorization", "Bearer at", body) }

// spoken is what a brand's own wire format says, and what has to be understood.
type spoken struct {
	provider config.OIDCProvider
	net      internet
	starts   string // of the address that people are sent to
	want     Claims
}

func standardWire(host, prefix, tokenPath string) internet {
	return internet{host: paths(map[string]http.HandlerFunc{
		tokenPath:            token(bearer),
		prefix + "/userinfo": asked401(`{"iss":"https://` + host + `","sub":"7","email":"a@b.test","name":"Ann","updated_at":"2023-11-14T22:13:20Z"}`),
	})}
}

func wires() map[string]spoken {
	github := func() internet {
		return internet{
			"github.com": paths(map[string]http.HandlerFunc{"/login/oauth/access_token": granting("user:email")}),
			"api.github.com": paths(map[string]http.HandlerFunc{
				"/user":        asked401(`{"id":7,"login":"ann","name":"Ann","avatar_url":"https://a.test/p","html_url":"https://github.com/ann","blog":"https://ann.test","updated_at":"2023-11-14T22:13:20Z"}`),
				"/user/emails": asked401(`[{"email":"old@b.test","verified":true},{"email":"a@b.test","primary":true,"verified":true}]`),
			}),
		}
	}
	const at = 1700000000
	githubClaims := Claims{
		Issuer: "https://github.com/login/oauth/access_token", Subject: "7", Name: "Ann", Nickname: "ann", PreferredUsername: "ann", Picture: "https://a.test/p",
		Profile: "https://github.com/ann", Website: "https://ann.test", UpdatedAt: at, Email: "a@b.test", EmailVerified: true,
	}
	return map[string]spoken{
		"github":     {config.OIDCProvider{Scope: []string{"user:email"}}, github(), "https://github.com/login/oauth/authorize?", githubClaims},
		"github-app": {config.OIDCProvider{}, github(), "https://github.com/login/oauth/authorize?", githubClaims},
		"gitlab": {
			config.OIDCProvider{IssuerURL: "https://git.test/"}, standardWire("git.test", "/oauth", "/oauth/token"), "https://git.test/oauth/authorize?",
			Claims{Issuer: "https://git.test", Subject: "7", Email: "a@b.test", Name: "Ann", UpdatedAt: at},
		},
		"auth0": {
			config.OIDCProvider{IssuerURL: "https://ann.auth0.test"}, standardWire("ann.auth0.test", "", "/oauth/token"), "https://ann.auth0.test/authorize?",
			Claims{Issuer: "https://ann.auth0.test", Subject: "7", Email: "a@b.test", Name: "Ann", UpdatedAt: at},
		},
		"salesforce": {
			config.OIDCProvider{IssuerURL: "https://sf.test"}, standardWire("sf.test", "/services/oauth2", "/services/oauth2/token"), "https://sf.test/services/oauth2/authorize?",
			Claims{Issuer: "https://sf.test", Subject: "7", Email: "a@b.test", Name: "Ann", UpdatedAt: at},
		},
		"facebook": {
			config.OIDCProvider{}, internet{"graph.facebook.com": paths(map[string]http.HandlerFunc{
				"/oauth/access_token": token(bearer),
				"/me": func(w http.ResponseWriter, r *http.Request) {
					mac := hmac.New(sha256.New, []byte("secret"))
					mac.Write([]byte("at"))
					if r.FormValue("appsecret_proof") != hex.EncodeToString(mac.Sum(nil)) {
						w.WriteHeader(400)
						return
					}
					asked401(`{"id":"7","name":"Ann Lee","first_name":"Ann","last_name":"Lee","email":"a@b.test","picture":{"data":{"url":"https://a.test/p"}},"birthday":"01/02/1990","gender":"female"}`)(w, r)
				},
			})}, "https://facebook.com/dialog/oauth?",
			Claims{
				Issuer: "https://graph.facebook.com/me", Subject: "7", Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee", LastName: "Lee",
				Email: "a@b.test", EmailVerified: true, Picture: "https://a.test/p", Birthdate: "01/02/1990", Gender: "female",
			},
		},
		"discord": {
			config.OIDCProvider{Scope: []string{"identify", "email"}}, internet{"discord.com": paths(map[string]http.HandlerFunc{
				"/api/oauth2/token": granting("email identify"),
				"/api/users/@me":    asked401(`{"id":"7","username":"ann","discriminator":"0001","avatar":"h","email":"a@b.test","verified":true,"locale":"en-GB"}`),
			})}, "https://discord.com/oauth2/authorize?",
			Claims{
				Issuer: "https://discord.com/oauth2/authorize", Subject: "7", Name: "ann#0001", Nickname: "ann", PreferredUsername: "ann",
				Picture: "https://cdn.discordapp.com/avatars/7/h.png", Email: "a@b.test", EmailVerified: true, Locale: "en-GB",
			},
		},
		"slack": {
			config.OIDCProvider{Scope: []string{"identity.basic"}}, internet{"slack.com": paths(map[string]http.HandlerFunc{
				"/api/oauth.access":   granting("identity.basic,identity.email"),
				"/api/users.identity": asked401(`{"ok":true,"user":{"id":"U7","name":"ann","email":"a@b.test","image_512":"https://a.test/p"},"team":{"id":"T1"}}`),
			})}, "https://slack.com/oauth/authorize?",
			Claims{
				Issuer: "https://slack.com/oauth/", Subject: "U7", Name: "ann", Nickname: "ann", PreferredUsername: "ann",
				Email: "a@b.test", EmailVerified: true, Picture: "https://a.test/p", Team: "T1",
			},
		},
		"spotify": {
			config.OIDCProvider{Scope: []string{"user-read-email"}}, internet{
				"accounts.spotify.com": paths(map[string]http.HandlerFunc{"/api/token": granting("user-read-email")}),
				"api.spotify.com":      paths(map[string]http.HandlerFunc{"/v1/me": asked401(`{"id":"ann7","display_name":"Ann","email":"a@b.test","images":[{"url":"https://a.test/p"}],"external_urls":{"spotify":"https://open.test/ann7"}}`)}),
			}, "https://accounts.spotify.com/authorize?",
			Claims{
				Issuer: "https://accounts.spotify.com/api/token", Subject: "ann7", Name: "Ann", Nickname: "Ann", Email: "a@b.test",
				Picture: "https://a.test/p", Profile: "https://open.test/ann7",
			},
		},
		"vk": {
			config.OIDCProvider{}, internet{
				"oauth.vk.com": paths(map[string]http.HandlerFunc{"/access_token": token(`{"access_token":"at","email":"a@b.test"}`)}),
				"api.vk.com": paths(map[string]http.HandlerFunc{"/method/users.get": func(w http.ResponseWriter, r *http.Request) {
					if r.FormValue("access_token") != "at" || r.FormValue("v") != "5.103" {
						w.WriteHeader(401)
						return
					}
					_, _ = io.WriteString(w, `{"response":[{"id":7,"first_name":"Ann","last_name":"Lee","nickname":"A","photo_200":"https://a.test/p","bdate":"2.1.1990","sex":1}]}`)
				}}),
			}, "https://oauth.vk.com/authorize?",
			Claims{
				Issuer: "https://api.vk.com/method/users.get", Subject: "7", GivenName: "Ann", FamilyName: "Lee", LastName: "Lee", Nickname: "A",
				Picture: "https://a.test/p", Birthdate: "2.1.1990", Email: "a@b.test", Gender: "female",
			},
		},
		"yandex": {
			config.OIDCProvider{}, internet{
				"oauth.yandex.com": paths(map[string]http.HandlerFunc{"/token": token(bearer)}),
				"login.yandex.ru": paths(map[string]http.HandlerFunc{"/info": answer("Authorization", "OAuth at",
					`{"id":"7","login":"ann","real_name":"Ann Lee","first_name":"Ann","last_name":"Lee","default_email":"a@b.test","default_avatar_id":"x/y","is_avatar_empty":false,"sex":"female","birthday":"1990-01-02"}`)}),
			}, "https://oauth.yandex.com/authorize?",
			Claims{
				Issuer: "https://login.yandex.ru/info", Subject: "7", Name: "Ann Lee", GivenName: "Ann", FamilyName: "Lee", LastName: "Lee", Nickname: "ann",
				PreferredUsername: "ann", Email: "a@b.test", Gender: "female", Birthdate: "1990-01-02", Picture: "https://avatars.yandex.net/get-yapic/x/y/islands-200",
			},
		},
		"patreon": {
			config.OIDCProvider{}, internet{"www.patreon.com": paths(map[string]http.HandlerFunc{
				"/api/oauth2/token":       token(bearer),
				"/api/oauth2/v2/identity": asked401(`{"data":{"id":"7","attributes":{"first_name":"Ann","last_name":"Lee","full_name":"Ann Lee","email":"a@b.test","image_url":"https://a.test/p","url":"https://p.test/ann"}}}`),
			})}, "https://www.patreon.com/oauth2/authorize?",
			Claims{
				Issuer: "https://www.patreon.com/", Subject: "7", Name: "Ann Lee", GivenName: "Ann", LastName: "Lee", Nickname: "Ann Lee",
				Email: "a@b.test", Picture: "https://a.test/p", Profile: "https://p.test/ann",
			},
		},
		"linkedin": {
			config.OIDCProvider{Scope: []string{"r_liteprofile", "r_emailaddress"}}, internet{
				"www.linkedin.com": paths(map[string]http.HandlerFunc{"/oauth/v2/accessToken": token(bearer)}),
				"api.linkedin.com": paths(map[string]http.HandlerFunc{
					"/v2/me":           asked401(`{"id":"7","localizedFirstName":"Ann","localizedLastName":"Lee"}`),
					"/v2/emailAddress": asked401(`{"elements":[{"handle~":{"emailAddress":"a@b.test"}}]}`),
				}),
			}, "https://www.linkedin.com/oauth/v2/authorization?",
			Claims{Issuer: "https://login.linkedin.com/", Subject: "7", GivenName: "Ann", LastName: "Lee", Email: "a@b.test"},
		},
		"lark": {
			config.OIDCProvider{}, internet{"passport.feishu.cn": paths(map[string]http.HandlerFunc{
				"/suite/passport/oauth/token":    token(bearer),
				"/suite/passport/oauth/userinfo": asked401(`{"open_id":"ou_7","name":"Ann","avatar_url":"https://a.test/p","email":"a@b.test","mobile":"+861"}`),
			})}, "https://passport.feishu.cn/suite/passport/oauth/authorize?",
			Claims{
				Issuer: "https://passport.feishu.cn/suite/passport/oauth/userinfo", Subject: "ou_7", Name: "Ann", Nickname: "Ann",
				Picture: "https://a.test/p", Email: "a@b.test", PhoneNumber: "+861",
			},
		},
		"amazon": {
			config.OIDCProvider{Scope: []string{"profile"}, PKCE: "never"}, internet{"api.amazon.com": paths(map[string]http.HandlerFunc{
				"/auth/o2/token": token(bearer),
				"/user/profile":  asked401(`{"user_id":"amzn1.7","name":"Ann","email":"a@b.test","postal_code":"12345"}`),
			})}, "https://www.amazon.com/ap/oa?",
			Claims{Issuer: "https://api.amazon.com/auth/o2/token", Subject: "amzn1.7", Name: "Ann", Email: "a@b.test", Zoneinfo: "12345"},
		},
		"uaepass": {
			config.OIDCProvider{PKCE: "never"}, internet{"id.uaepass.ae": paths(map[string]http.HandlerFunc{
				"/idshub/token":    token(bearer),
				"/idshub/userinfo": asked401(`{"sub":"UAE/7","email":"a@b.test","firstnameEN":"Ann","lastnameEN":"Lee","fullnameEN":"Ann Lee","mobile":"971"}`),
			})}, "https://id.uaepass.ae/idshub/authorize?",
			Claims{Issuer: "https://id.uaepass.ae", Subject: "UAE/7", Email: "a@b.test", GivenName: "Ann", LastName: "Lee", Name: "Ann Lee", PhoneNumber: "971"},
		},
		"dingtalk": {
			config.OIDCProvider{Scope: []string{"openid"}}, internet{"api.dingtalk.com": paths(map[string]http.HandlerFunc{
				"/v1.0/oauth2/userAccessToken": func(w http.ResponseWriter, r *http.Request) {
					var in map[string]string
					if json.NewDecoder(r.Body).Decode(&in) != nil || r.Header.Get("Content-Type") != "application/json" ||
						fmt.Sprint(in) != "map[clientId:client clientSecret:secret code:c grantType:authorization_code]" {
						w.WriteHeader(400)
						return
					}
					_, _ = io.WriteString(w, `{"expireIn":7200,"accessToken":"at","refreshToken":"rt","corpId":"ding"}`)
				},
				"/v1.0/contact/users/me": answer("x-acs-dingtalk-access-token", "at", `{"nick":"Ann","avatarUrl":"https://a.test/p","mobile":"1","openId":"o7","unionId":"u7","email":"a@b.test","stateCode":"86"}`),
			})}, "https://login.dingtalk.com/oauth2/auth?",
			Claims{Issuer: "https://api.dingtalk.com/v1.0/contact/users/me", Subject: "o7", Name: "Ann", Nickname: "Ann", Picture: "https://a.test/p", Email: "a@b.test"},
		},
	}
}

func TestEveryProviderIsUnderstoodInItsOwnFormat(t *testing.T) {
	for name, c := range wires() {
		t.Run(name, func(t *testing.T) {
			p := c.provider
			p.ID, p.Provider, p.ClientID, p.ClientSecret = "p", name, "client", "secret"
			w := c.net.trip(t, p)
			to, err := w.leave("s-1")
			u, _ := url.Parse(to)
			if err != nil || !strings.HasPrefix(to, c.starts) || u.Query().Get("state") != "s-1" || u.Query().Get("client_id") != "client" ||
				u.Query().Get("redirect_uri") != "https://id.cardea.test/self-service/methods/oidc/callback/p" {
				t.Fatalf("sent to %q: %v", to, err)
			}
			a, err := w.back(url.Values{"code": {"c"}, "state": {"s-1"}})
			if err != nil {
				t.Fatalf("%v: %v", err, problem.As(err))
			}
			got, want := *a.claims, c.want
			got.Raw = nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("understood\n%+v, want\n%+v", got, want)
			}
			if a.tokens.Access != "at" {
				t.Errorf("the tokens are %+v", a.tokens)
			}
			for what, query := range map[string]url.Values{
				"a code that is none": {"code": {"x"}}, "no code": {}, "a refusal": {"error": {"access_denied"}}, "a code beside a refusal": {"error": {"access_denied"}, "code": {"c"}},
			} {
				if a, err := w.back(query); err == nil {
					t.Errorf("%s is believed: %+v", what, a)
				}
			}
			for host := range c.net {
				c.net[host] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
				if a, err := w.back(url.Values{"code": {"c"}}); err == nil {
					t.Errorf("with %s down somebody is believed: %+v", host, a)
				}
			}
		})
	}
}

func TestEveryTypeOfProviderHasItsFormatTested(t *testing.T) {
	tested := wires()
	elsewhere := map[string]string{
		"generic": "journeys", "google": "id tokens", "apple": "id tokens", "microsoft": "id tokens", "line": "id tokens",
		"linkedin_v2": "id tokens", "netid": "journeys", "x": "OAuth 1.0a",
	}
	for name := range brands() {
		if _, ok := tested[name]; !ok && elsewhere[name] == "" {
			t.Errorf("nobody speaks like %s", name)
		}
	}
}

func TestAScopeThatWasNotGrantedIsSaid(t *testing.T) {
	for name, scopes := range map[string]string{"github": "read:user", "discord": "identify", "slack": "identity.email", "spotify": "streaming"} {
		c := wires()[name]
		p := c.provider
		p.ID, p.Provider, p.ClientID, p.ClientSecret = "p", name, "client", "secret"
		for host, serve := range c.net {
			c.net[host] = func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					granting(scopes)(w, r)
					return
				}
				serve(w, r)
			}
		}
		w := c.net.trip(t, p)
		if _, err := w.back(url.Values{"code": {"c"}}); problem.As(err) == nil || problem.As(err).Status != 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
