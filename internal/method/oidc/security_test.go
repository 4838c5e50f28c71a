package oidc_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
)

var ann = claims{"sub": "ann", "email": "ann@cardea.test", "email_verified": true}

func TestAnIDTokenThatWasTamperedWithIsRefused(t *testing.T) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	change := func(name string, v any) func(header, c map[string]any) {
		return func(_, c map[string]any) { c[name] = v }
	}
	h := newHouse(t, "")
	for name, mutate := range map[string]func(p *cardeatest.Provider){
		"aud of another client": func(p *cardeatest.Provider) { p.Token = change("aud", "somebody-else") },
		"aud missing":           func(p *cardeatest.Provider) { p.Token = func(_, c map[string]any) { delete(c, "aud") } },
		"aud of many, no azp":   func(p *cardeatest.Provider) { p.Token = change("aud", []string{"client-acme", "other"}) },
		"azp of another client": func(p *cardeatest.Provider) { p.Token = change("azp", "other") },
		"iss of another":        func(p *cardeatest.Provider) { p.Token = change("iss", "https://evil.test") },
		"iss longer":            func(p *cardeatest.Provider) { p.Token = change("iss", p.URL+".evil.test") },
		"exp over":              func(p *cardeatest.Provider) { p.Token = change("exp", now.Add(-time.Minute).Unix()) },
		"exp missing":           func(p *cardeatest.Provider) { p.Token = func(_, c map[string]any) { delete(c, "exp") } },
		"iat in the future":     func(p *cardeatest.Provider) { p.Token = change("iat", now.Add(time.Hour).Unix()) },
		"nbf in the future":     func(p *cardeatest.Provider) { p.Token = change("nbf", now.Add(time.Hour).Unix()) },
		"sub missing":           func(p *cardeatest.Provider) { p.Token = func(_, c map[string]any) { delete(c, "sub") } },
		"amr no list":           func(p *cardeatest.Provider) { p.Token = change("amr", "pwd") },
		"kid unknown": func(p *cardeatest.Provider) {
			p.Token = func(h, _ map[string]any) { h["kid"] = "other" }
		},
		"key of a stranger": func(p *cardeatest.Provider) {
			p.Sign = func(h, c map[string]any) string { return cardeatest.SignToken(t, stranger, h, c) }
		},
		"alg none": func(p *cardeatest.Provider) {
			p.Sign = func(h, c map[string]any) string {
				h["alg"] = "none"
				return cardeatest.Unsigned(t, h, c) + "."
			}
		},
		"alg HS256 with the client's secret": func(p *cardeatest.Provider) {
			p.Sign = func(h, c map[string]any) string {
				h["alg"] = "HS256"
				text := cardeatest.Unsigned(t, h, c)
				mac := hmac.New(sha256.New, []byte("a-secret"))
				mac.Write([]byte(text))
				return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
			}
		},
		"alg RS512 that nobody offered": func(p *cardeatest.Provider) {
			p.Token = func(h, _ map[string]any) { h["alg"] = "RS512" }
		},
		"no token": func(p *cardeatest.Provider) {
			p.Sign = func(map[string]any, map[string]any) string { return "" }
		},
		"no JWT": func(p *cardeatest.Provider) {
			p.Sign = func(map[string]any, map[string]any) string { return "a.b.c" }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.provider.Token, h.provider.Sign = nil, nil
			mutate(h.provider)
			v := h.visitor(cardeatest.SPA)
			a := v.goThrough("login", "acme", ann)
			v.wantNobody("with a token that was tampered with")
			if a.Status != 303 || !strings.HasPrefix(a.Location, "https://ui.cardea.test/") {
				t.Errorf("answered %d to %q", a.Status, a.Location)
			}
		})
	}
}

func TestWithoutPKCEANonceBindsTheToken(t *testing.T) {
	p := cardeatest.NewProvider(t)
	p.WithoutPKCE = true
	h := startHouse(t, p, "")
	good := h.visitor(cardeatest.SPA)
	good.goThrough("login", "acme", ann)
	good.wantSignedIn("ann@cardea.test")
	for name, mutate := range map[string]func(_, c map[string]any){
		"another nonce": func(_, c map[string]any) { c["nonce"] = "another" },
		"no nonce":      func(_, c map[string]any) { delete(c, "nonce") },
	} {
		p.Token = mutate
		v := h.visitor(cardeatest.SPA)
		v.goThrough("login", "acme", ann)
		v.wantNobody(name)
	}
}

func TestACodeAndAStateAreGoodForOneReturn(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	f := v.start("login", "")
	callback := h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)
	v.comeBack(callback)
	v.wantSignedIn("ann@cardea.test")
	if a := v.comeBack(callback); a.Status != 303 || strings.Contains(a.Location, "error") {
		t.Errorf("the same browser again: %d to %q", a.Status, a.Location)
	}
	// Signed out, the callback is worth nothing: nobody else comes in with it.
	v.client.Header.Set("Accept", "application/json")
	out := v.client.Get("/self-service/logout/browser")
	v.client.Get(out.Text("logout_url"))
	v.client.Header.Del("Accept")
	v.wantNobody("after signing out")
	if a := v.comeBack(callback); !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
		t.Errorf("a replayed callback: %d to %q", a.Status, a.Location)
	}
	v.wantNobody("after a replay")
	if calls := len(h.provider.Calls()); calls != 1 {
		t.Errorf("the code was redeemed %d times", calls)
	}
}

func TestParallelReturnsWinOnce(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	f := v.start("login", "")
	callback := h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)
	done := make(chan string, 8)
	for range cap(done) {
		go func() { done <- v.browser.Get(callback).Location }()
	}
	for range cap(done) {
		<-done
	}
	if calls := len(h.provider.Calls()); calls != 1 {
		t.Errorf("the code was redeemed %d times", calls)
	}
}

func TestACallbackBelongsToTheBrowserThatLeft(t *testing.T) {
	h := newHouse(t, "")
	attacker, victim := h.visitor(cardeatest.Browser), h.visitor(cardeatest.Browser)
	callback := h.provider.Consent(attacker.choose(attacker.start("login", ""), claims{"provider": "acme"}), claims{"sub": "eve", "email": "eve@cardea.test"})
	victim.comeBack(callback) // a link in a mail: login CSRF
	victim.wantNobody("with the attacker's callback")
	if calls := len(h.provider.Calls()); calls != 0 {
		t.Errorf("the code was redeemed %d times", calls)
	}

	// The attacker has somebody's code and puts it into a flow of their own.
	stolen, _ := url.Parse(h.provider.Consent(victim.choose(victim.start("login", ""), claims{"provider": "acme"}), ann))
	own, _ := url.Parse(h.provider.Consent(attacker.choose(attacker.start("login", ""), claims{"provider": "acme"}), claims{"sub": "eve"}))
	q := own.Query()
	q.Set("code", stolen.Query().Get("code"))
	own.RawQuery = q.Encode()
	attacker.comeBack(own.String())
	attacker.wantNobody("with an injected code")
}

func TestAStateOfOneProviderIsNoGoodAtAnother(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	callback := h.provider.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), ann)
	v.comeBack(strings.Replace(callback, "/callback/acme", "/callback/beta", 1))
	v.wantNobody("after a mix-up")
	if calls := len(h.provider.Calls()); calls != 0 {
		t.Errorf("the code went to the wrong provider %d times", calls)
	}
}

func TestStatesThatNobodyMadeLeadNowhere(t *testing.T) {
	h := newHouse(t, "")
	for _, state := range []string{"", "abc", strings.Repeat("A", 90), "%00", base64.RawURLEncoding.EncodeToString(make([]byte, 72))} {
		v := h.visitor(cardeatest.Browser)
		if a := v.comeBack("/self-service/methods/oidc/callback/acme?code=c&state=" + state); !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
			t.Errorf("state %q: %d to %q", state, a.Status, a.Location)
		}
	}
}

func TestAnAddressAtAProviderTakesNoAccountOver(t *testing.T) {
	for _, verified := range []any{true, false, nil} {
		t.Run(fmt.Sprint(verified), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, ", account_linking_mode: automatic")
			owner := h.Client(cardeatest.SPA)
			owner.SignUp("ann@cardea.test", cardeatest.Password)
			thief := h.visitor(cardeatest.SPA)
			who := claims{"sub": "thief", "email": "Ann@cardea.test"}
			if verified != nil {
				who["email_verified"] = verified
			}
			a := thief.goThrough("login", "acme", who)
			thief.wantNobody("with somebody's address")
			to, _ := url.Parse(a.Location)
			link := to.Query().Get("flow")
			if link == "" {
				t.Fatalf("sent to %q", a.Location)
			}
			// Another account than the one in question links nothing.
			eve := h.Client(cardeatest.SPA)
			eve.SignUp("eve@cardea.test", cardeatest.Password)
			form := thief.client.Get("/self-service/login/flows?id=" + link)
			csrf, _ := form.Node("csrf_token").Attributes["value"].(string)
			sent := thief.client.Do("POST", "/self-service/login?flow="+link, claims{
				"method": "password", "identifier": "eve@cardea.test", "password": cardeatest.Password, "csrf_token": csrf,
			})
			if got := sent.Messages(); len(got) != 1 || got[0] != 4010009 {
				t.Errorf("another account: %d %v", sent.Status, got)
			}
			thief.wantNobody("after proving another account")
			// The owner may.
			sent = thief.client.Do("POST", "/self-service/login?flow="+link, claims{
				"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password, "csrf_token": csrf,
			})
			if sent.Status != 200 {
				t.Fatalf("the owner: %d %s", sent.Status, sent.Body)
			}
			linked := h.visitor(cardeatest.SPA)
			linked.goThrough("login", "acme", who)
			linked.wantSignedIn("ann@cardea.test")
		})
	}
}

func TestNobodyIsSentToAForeignPlace(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	callback := h.provider.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), ann)
	if a := v.comeBack(callback + "&return_to=https://evil.test/&redirect_uri=https://evil.test/"); strings.Contains(a.Location, "evil") {
		t.Errorf("sent to %q", a.Location)
	}
	a := h.Client(cardeatest.Native).Get("/self-service/login/api?return_session_token_exchange_code=true&return_to=" + url.QueryEscape("https://evil.test/"))
	if a.Status != 400 {
		t.Errorf("an exchange that leads to a foreign place: %d", a.Status)
	}
	spa := h.visitor(cardeatest.SPA)
	to := spa.choose(spa.start("login", ""), claims{"provider": "acme", "upstream_parameters": claims{
		"redirect_uri": "https://evil.test/", "state": "s", "client_id": "c", "login_hint": "ann@cardea.test", "prompt": "consent", "hd": "cardea.test",
	}})
	u, _ := url.Parse(to)
	q := u.Query()
	if strings.Contains(to, "evil") || q.Get("login_hint") != "" || q.Get("client_id") != "client-acme" || q.Get("state") == "s" {
		t.Errorf("a client's parameters changed the request: %s", to)
	}
	if q.Get("prompt") != "consent" || q.Get("hd") != "cardea.test" {
		t.Errorf("the parameters that may be added are missing: %s", to)
	}
}

func TestAnExchangeIsForItsAppOnce(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Native)
	f := v.start("login", "")
	v.browser.Header.Set("Accept", "text/html")
	a := v.browser.Get(h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann))
	to, _ := url.Parse(a.Location)
	code := to.Query().Get("code")
	trade := func(init, back string) *cardeatest.Answer {
		return v.client.Get("/sessions/token-exchange?" + url.Values{"init_code": {init}, "return_to_code": {back}}.Encode())
	}
	for name, pair := range map[string][2]string{"twice the app's half": {v.init, v.init}, "twice the browser's": {code, code}, "a guess": {v.init, "x"}} {
		if got := trade(pair[0], pair[1]); got.Status != 404 {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	if got := trade(v.init, code); got.Status != 200 || got.Text("session_token") == "" {
		t.Fatalf("both halves: %d %s", got.Status, got.Body)
	}
	if got := trade(v.init, code); got.Status != 404 {
		t.Errorf("once more: %d", got.Status)
	}
	if got := v.browser.WhoAmI(); got.Status != 401 {
		t.Error("the app's browser is signed in")
	}

	// Without an exchange nothing binds the browser to the app.
	bare := h.visitor(cardeatest.Native)
	g := bare.client.Start("login", "")
	back := bare.comeBack(h.provider.Consent(bare.choose(g, claims{"provider": "acme"}), ann))
	if !strings.HasPrefix(back.Location, "https://ui.cardea.test/error") {
		t.Errorf("without an exchange: %d to %q", back.Status, back.Location)
	}
	bare.wantNobody("without an exchange")
}

func TestAPostedAnswerIsFollowedWithCookies(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	callback, _ := url.Parse(h.provider.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), ann))
	crossSite := h.Client(cardeatest.Native) // a cross-site post brings no cookies along
	a := crossSite.Do("POST", callback.Path, callback.Query())
	if a.Status != 302 || !strings.HasPrefix(a.Location, h.PublicURL+callback.Path+"?") {
		t.Fatalf("answered %d to %q", a.Status, a.Location)
	}
	v.comeBack(a.Location)
	v.wantSignedIn("ann@cardea.test")
}

func TestAnIDTokenOfAnAppNeedsTheAntiCSRFToken(t *testing.T) {
	h := newHouse(t, "")
	f := h.Client(cardeatest.SPA).Start("login", "")
	if a := f.Submit(claims{"provider": "acme", "id_token": "a.b.c", "csrf_token": "wrong"}); a.Status != 403 || a.ErrorID() != "security_csrf_violation" {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
	g := h.Client(cardeatest.Native).Start("login", "")
	if a := g.Submit(claims{"provider": "acme", "id_token": "a.b.c"}); a.Status != 502 || a.ErrorID() != "upstream_error" {
		t.Errorf("a provider that gives none: %d %s", a.Status, a.Body)
	}
}

func TestTokensOfProvidersAreNotStoredAsTheyAre(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.SPA)
	v.goThrough("registration", "acme", ann)
	id := v.wantSignedIn("ann@cardea.test").Text("identity", "id")
	a := h.Client(cardeatest.Native).Get(h.AdminURL + "/admin/identities/" + id + "?include_credential=oidc")
	if !strings.Contains(string(a.Body), `"initial_access_token":"access-1"`) {
		t.Errorf("an operator does not see the tokens: %s", a.Body)
	}
}
