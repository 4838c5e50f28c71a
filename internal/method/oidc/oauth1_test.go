package oidc

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cardea/internal/config"
	"cardea/internal/problem"
)

func TestARequestIsSignedAsTheExamplesAre(t *testing.T) {
	// https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
	got := hmacSHA1("POST", "https://api.x.com/1.1/statuses/update.json?include_entities=true", map[string]string{
		"status":             "Hello Ladies + Gentlemen, a signed OAuth request!",
		"oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog", "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
		"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "1318622958",
		"oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "oauth_version": "1.0",
	}, "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE")
	if want := "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

func TestParametersAreSignedInTheOrderOfTheirNames(t *testing.T) {
	one := hmacSHA1("GET", "https://a.test/?a1=x&a=y", nil, "c", "t")
	if two := hmacSHA1("GET", "https://a.test/", map[string]string{"a": "y", "a1": "x"}, "c", "t"); one != two {
		t.Error("it matters where parameters come from")
	}
	// RFC 5849, section 3.4.1.3.2: by name, so that "a" comes before "a1".
	mac := hmac.New(sha1.New, []byte("c&t"))
	mac.Write([]byte("GET&https%3A%2F%2Fa.test%2F&a%3Dy%26a1%3Dx"))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); one != want {
		t.Errorf("the signature is %s, want %s", one, want)
	}
}

// signedX is the header of a request to X; it is nil when the signature is wrong.
func signedX(r *http.Request, tokenSecret string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "OAuth "), ", ") {
		k, v, _ := strings.Cut(part, "=")
		fields[k], _ = url.PathUnescape(strings.Trim(v, `"`))
	}
	signature := fields["oauth_signature"]
	delete(fields, "oauth_signature")
	if signature != hmacSHA1(r.Method, r.URL.String(), fields, "secret", tokenSecret) || fields["oauth_consumer_key"] != "client" || fields["oauth_version"] != "1.0" {
		return nil
	}
	return fields
}

// xServer is X with somebody who always agrees.
func xServer(nonces map[string]bool) internet {
	form := func(w http.ResponseWriter, f map[string]string, ok bool, body string) {
		if !ok || nonces[f["oauth_nonce"]] {
			w.WriteHeader(401)
			return
		}
		nonces[f["oauth_nonce"]] = true
		_, _ = io.WriteString(w, body)
	}
	return internet{"api.x.com": paths(map[string]http.HandlerFunc{
		"/oauth/request_token": func(w http.ResponseWriter, r *http.Request) {
			f := signedX(r, "")
			back, _ := url.Parse(f["oauth_callback"])
			ok := f != nil && back.Path == "/self-service/methods/oidc/callback/p" && back.Query().Get("code") == "unused"
			state := strings.TrimPrefix(back.Query().Get("state"), "s-")
			form(w, f, ok, "oauth_token=rt"+state+"&oauth_token_secret=rs"+state+"&oauth_callback_confirmed=true")
		},
		"/oauth/access_token": func(w http.ResponseWriter, r *http.Request) {
			f := signedX(r, "rs1")
			form(w, f, f != nil && f["oauth_token"] == "rt1" && f["oauth_verifier"] == "v1", "oauth_token=at&oauth_token_secret=as&user_id=7&screen_name=ann")
		},
		"/1.1/account/verify_credentials.json": func(w http.ResponseWriter, r *http.Request) {
			f := signedX(r, "as")
			body := `{"id_str":"7","name":"Ann","screen_name":"ann","profile_image_url_https":"https://a.test/p","url":"https://t.test/x"}`
			if r.FormValue("include_email") == "true" {
				body = `{"email":"a@b.test",` + body[1:]
			}
			form(w, f, f != nil && f["oauth_token"] == "at", body)
		},
	})}
}

var xProvider = config.OIDCProvider{ID: "p", Provider: "x", ClientID: "client", ClientSecret: "secret", Scope: []string{"email"}, PKCE: "auto"}

func TestAPersonSignsInWithX(t *testing.T) {
	for _, scopes := range [][]string{{"email"}, nil} {
		p := xProvider
		p.Scope = scopes
		w := xServer(map[string]bool{}).trip(t, p)
		to, err := w.leave("s-1")
		if err != nil || to != "https://api.x.com/oauth/authorize?oauth_token=rt1" {
			t.Fatalf("sent to %q: %v", to, err)
		}
		a, err := w.back(url.Values{"state": {"s-1"}, "code": {"unused"}, "oauth_token": {"rt1"}, "oauth_verifier": {"v1"}})
		if err != nil {
			t.Fatal(err)
		}
		email := map[bool]string{true: "a@b.test"}[scopes != nil]
		if c := a.claims; c.Subject != "7" || c.Issuer != "https://api.x.com/1.1/account/verify_credentials.json" || c.Email != email || c.Name != "Ann" || c.PreferredUsername != "ann" {
			t.Errorf("understood %+v", a.claims)
		}
		if a.tokens.Access != "" || a.tokens.ID != "" {
			t.Errorf("tokens are kept: %+v", a.tokens)
		}
	}
}

func TestAnAnswerOfXIsForTheRequestThatWasMade(t *testing.T) {
	for name, query := range map[string]url.Values{
		"of another request":  {"state": {"s-1"}, "code": {"unused"}, "oauth_token": {"rt2"}, "oauth_verifier": {"v1"}},
		"without a token":     {"state": {"s-1"}, "code": {"unused"}, "oauth_verifier": {"v1"}},
		"of another verifier": {"state": {"s-1"}, "code": {"unused"}, "oauth_token": {"rt1"}, "oauth_verifier": {"v2"}},
		"without a verifier":  {"state": {"s-1"}, "code": {"unused"}, "oauth_token": {"rt1"}},
		"with a code alone":   {"state": {"s-1"}, "code": {"stolen"}},
	} {
		w := xServer(map[string]bool{}).trip(t, xProvider)
		if _, err := w.leave("s-1"); err != nil {
			t.Fatal(err)
		}
		if a, err := w.back(query); err == nil {
			t.Errorf("an answer %s is believed: %+v", name, a.claims)
		}
	}
	w := xServer(map[string]bool{}).trip(t, xProvider)
	_, err := w.back(url.Values{"state": {"s-1"}, "code": {"unused"}, "denied": {"rt1"}})
	if p := problem.As(err); p == nil || p.Status != 400 {
		t.Errorf("somebody who did not want to: %v", err)
	}
	other := xProvider
	other.ClientSecret = "wrong"
	w = xServer(map[string]bool{}).trip(t, other)
	if to, err := w.leave("s-1"); problem.As(err) == nil || problem.As(err).Status != 502 {
		t.Errorf("with the wrong secret: to %q, %v", to, err)
	}
	w = internet{"api.x.com": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "oauth_token=rt1&oauth_token_secret=rs1&oauth_callback_confirmed=false")
	}}.trip(t, xProvider)
	if to, err := w.leave("s-1"); err == nil {
		t.Errorf("with a callback that was not agreed to: %q", to)
	}
}
