package oidc_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
)

const described = ", fedcm_config_url: https://acme.test/fedcm.json"

var pages = []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA}

// mediation is what a page makes the browser ask a provider with.
type mediation struct {
	configURL, client, nonce, csrf string
	answer                         *cardeatest.Answer
}

// mediation asks for the parameters and takes those of the only provider.
func (v *visitor) mediation() mediation {
	v.Helper()
	a := v.client.Get("/self-service/fed-cm/parameters")
	all, _ := a.JSON["providers"].([]any)
	if a.Status != 200 || len(all) != 1 {
		v.Fatalf("the parameters: %d %s", a.Status, a.Body)
	}
	text := func(name string) string { s, _ := all[0].(claims)[name].(string); return s }
	return mediation{text("config_url"), text("client_id"), text("nonce"), a.Text("csrf_token"), a}
}

// bring posts a token as this kind of page does.
func (v *visitor) bring(query string, fields claims) *cardeatest.Answer {
	v.Helper()
	if v.client.Kind != cardeatest.Browser {
		return v.client.Do("POST", "/self-service/fed-cm/token"+query, fields)
	}
	form := url.Values{}
	for k, value := range fields {
		form.Set(k, fmt.Sprint(value))
	}
	return v.client.Do("POST", "/self-service/fed-cm/token"+query, form)
}

// askBrowser does all of it.
func (v *visitor) askBrowser(query string, who claims) *cardeatest.Answer {
	v.Helper()
	m := v.mediation()
	return v.bring(query, claims{"csrf_token": m.csrf, "nonce": m.nonce, "token": v.provider.Assert(m.client, m.nonce, who)})
}

func TestAPersonSignsUpAndInWithoutLeavingThePage(t *testing.T) {
	for _, kind := range pages {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, described)
			first := h.visitor(kind)
			m := first.mediation()
			if m.configURL != "https://acme.test/fedcm.json" || m.client != "client-acme" || m.nonce == "" || m.csrf == "" {
				t.Errorf("the parameters are %s", m.answer.Body)
			}
			first.askBrowser("", ann)
			me := first.wantSignedIn("ann@cardea.test")

			again := h.visitor(kind)
			a := again.askBrowser("", ann)
			if got := again.wantSignedIn("ann@cardea.test"); got.Text("identity", "id") != me.Text("identity", "id") || got.Text("id") == me.Text("id") {
				t.Error("signing in is not another session of the same identity")
			}
			if kind == cardeatest.SPA && (a.Status != 200 || a.Text("session", "id") == "") || kind == cardeatest.Browser && (a.Status != 303 || a.Location != "https://ui.cardea.test/home") {
				t.Errorf("answered %d to %q: %s", a.Status, a.Location, a.Body)
			}
			// The nonce is the token's own where the page does not name it.
			third := h.visitor(kind)
			m = third.mediation()
			third.bring("", claims{"csrf_token": m.csrf, "token": h.provider.Assert(m.client, m.nonce, ann)})
			third.wantSignedIn("ann@cardea.test")
			if calls := len(h.provider.Calls()); calls != 0 {
				t.Errorf("the token endpoint was asked %d times", calls)
			}
		})
	}
}

func TestWhereNoProviderDescribesItselfToBrowsersThereIsNothing(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.SPA)
	if a := v.client.Get("/self-service/fed-cm/parameters"); a.Status != 404 {
		t.Errorf("the parameters: %d %s", a.Status, a.Body)
	}
	f := v.client.Start("login", "")
	if a := v.bring("", claims{"csrf_token": f.CSRF, "token": h.provider.Assert("client-acme", "n", ann), "nonce": "n"}); a.Status == 200 {
		t.Errorf("a token: %d %s", a.Status, a.Body)
	}
	v.wantNobody("without a provider to ask")
}

func TestATokenOfABrowserIsBelievedOnlyWhenAllOfItIsRight(t *testing.T) {
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	change := func(name string, v any) func(p *cardeatest.Provider) {
		return func(p *cardeatest.Provider) { p.Token = func(_, c map[string]any) { c[name] = v } }
	}
	without := func(name string) func(p *cardeatest.Provider) {
		return func(p *cardeatest.Provider) { p.Token = func(_, c map[string]any) { delete(c, name) } }
	}
	h := newHouse(t, described)
	for name, mutate := range map[string]func(p *cardeatest.Provider){
		"aud of another client": change("aud", "client-beta"),
		"aud missing":           without("aud"),
		"iss of another":        change("iss", "https://evil.test"),
		"iss longer":            func(p *cardeatest.Provider) { change("iss", p.URL+".evil.test")(p) },
		"exp over":              change("exp", now.Add(-time.Minute).Unix()),
		"exp missing":           without("exp"),
		"iat in the future":     change("iat", now.Add(time.Hour).Unix()),
		"sub missing":           without("sub"),
		"another nonce":         change("nonce", "another"),
		"no nonce":              without("nonce"),
		"kid unknown":           func(p *cardeatest.Provider) { p.Token = func(h, _ map[string]any) { h["kid"] = "other" } },
		"key of a stranger": func(p *cardeatest.Provider) {
			p.Sign = func(h, c map[string]any) string { return cardeatest.SignToken(t, stranger, h, c) }
		},
		"alg none": func(p *cardeatest.Provider) {
			p.Sign = func(h, c map[string]any) string { h["alg"] = "none"; return cardeatest.Unsigned(t, h, c) + "." }
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
		"no JWT": func(p *cardeatest.Provider) { p.Sign = func(_, _ map[string]any) string { return "a.b.c" } },
		"empty":  func(p *cardeatest.Provider) { p.Sign = func(_, _ map[string]any) string { return "" } },
	} {
		t.Run(name, func(t *testing.T) {
			h.provider.Token, h.provider.Sign = nil, nil
			mutate(h.provider)
			v := h.visitor(cardeatest.SPA)
			if a := v.askBrowser("", ann); a.Status < 400 {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
			v.wantNobody("with a token that was tampered with")
		})
	}
}

func TestANonceIsForOneBrowserOneProviderAndOneUse(t *testing.T) {
	h := newHouse(t, described)
	token := func(m mediation) string { return h.provider.Assert(m.client, m.nonce, ann) }
	refused := func(v *visitor, why string, fields claims) {
		t.Helper()
		if a := v.bring("", fields); a.Status < 400 {
			t.Errorf("%s: answered %d %s", why, a.Status, a.Body)
		}
		v.wantNobody(why)
	}
	v := h.visitor(cardeatest.SPA)
	used := v.mediation()
	v.bring("", claims{"csrf_token": used.csrf, "nonce": used.nonce, "token": token(used)})
	v.wantSignedIn("ann@cardea.test")
	v.client.Get(v.client.Get("/self-service/logout/browser").Text("logout_url"))
	refused(v, "a replayed token", claims{"csrf_token": v.client.Start("login", "").CSRF, "nonce": used.nonce, "token": token(used)})

	failed := h.visitor(cardeatest.SPA)
	m := failed.mediation()
	refused(failed, "a token that is no good", claims{"csrf_token": m.csrf, "nonce": m.nonce, "token": "a.b.c"})
	refused(failed, "a nonce that was used for another token", claims{"csrf_token": m.csrf, "nonce": m.nonce, "token": token(m)})

	attacker, victim := h.visitor(cardeatest.SPA), h.visitor(cardeatest.SPA)
	theirs, own := attacker.mediation(), victim.mediation()
	refused(victim, "the token of another browser: login CSRF", claims{"csrf_token": own.csrf, "nonce": theirs.nonce, "token": token(theirs)})
	refused(attacker, "a stolen token", claims{"csrf_token": theirs.csrf, "nonce": own.nonce, "token": token(own)})
	refused(attacker, "a stolen token with a nonce of one's own", claims{"csrf_token": theirs.csrf, "nonce": theirs.nonce, "token": token(own)})
	for _, nonce := range []string{"n", "", strings.Repeat("A", 120), own.nonce + "A", own.nonce[:20]} {
		refused(attacker, "a nonce that nobody made", claims{"csrf_token": theirs.csrf, "nonce": nonce, "token": h.provider.Assert("client-acme", nonce, ann)})
	}
}

func TestATokenOfABrowserNeedsTheAntiCSRFToken(t *testing.T) {
	for _, kind := range pages {
		h := newHouse(t, described)
		for _, csrf := range []string{"", "wrong"} {
			v := h.visitor(kind)
			m := v.mediation()
			a := v.bring("", claims{"csrf_token": csrf, "nonce": m.nonce, "token": h.provider.Assert(m.client, m.nonce, ann)})
			if kind == cardeatest.SPA && (a.Status != 403 || a.ErrorID() != "security_csrf_violation") || a.Status == 200 {
				t.Errorf("the token %q: %d %s", csrf, a.Status, a.Body)
			}
			v.wantNobody("without the anti-CSRF token")
		}
	}
}

func TestAProviderDoesNotSpeakForAnotherInADialogue(t *testing.T) {
	p := cardeatest.NewProvider(t)
	other := cardeatest.NewProvider(t)
	h := startHouse(t, p, described)
	v := h.visitor(cardeatest.SPA)
	m := v.mediation()
	// The other one is told the nonce and the client, and signs with its own key.
	if a := v.bring("", claims{"csrf_token": m.csrf, "nonce": m.nonce, "token": other.Assert(m.client, m.nonce, ann)}); a.Status != 403 {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
	v.wantNobody("with the token of another provider")
}

func TestWhoeverIsSignedInIsNotAskedByTheBrowser(t *testing.T) {
	h := newHouse(t, described)
	v := h.visitor(cardeatest.SPA)
	m := v.mediation()
	v.askBrowser("", ann)
	if a := v.client.Get("/self-service/fed-cm/parameters"); a.Status != 400 || a.ErrorID() != "session_already_available" {
		t.Errorf("the parameters: %d %s", a.Status, a.Body)
	}
	a := v.bring("?refresh=true", claims{"csrf_token": v.client.Start("login", "refresh=true").CSRF, "nonce": m.nonce, "token": h.provider.Assert(m.client, m.nonce, claims{"sub": "eve", "email": "eve@cardea.test"})})
	if a.Status != 400 {
		t.Errorf("a token: %d %s", a.Status, a.Body)
	}
	v.wantSignedIn("ann@cardea.test")
}

func TestWhatATokenOfABrowserLeavesOpenIsAskedForAsEver(t *testing.T) {
	h := newHouse(t, described, "oauth2_provider: {url: 'https://hydra.cardea.test'}")
	v := h.visitor(cardeatest.SPA)
	a := v.askBrowser("", claims{"sub": "nameless", "given_name": "Ann"})
	if got := a.FieldMessages("traits.email"); a.Status != 400 || len(got) != 1 || got[0] != 4000002 {
		t.Errorf("a missing trait: %d %s", a.Status, a.Body)
	}
	v.wantNobody("without an address")

	h.Client(cardeatest.SPA).SignUp("ann@cardea.test", cardeatest.Password)
	owner := h.visitor(cardeatest.SPA)
	a = owner.askBrowser("", ann)
	if got := a.Messages(); a.Status != 400 || len(got) != 1 || got[0] != 1010016 {
		t.Fatalf("a known address: %d %s", a.Status, a.Body)
	}
	owner.wantNobody("with the address of somebody else")
	form := owner.client.Resume("login", a.Text("id"))
	if a := form.Submit(claims{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}); a.Status != 200 {
		t.Fatalf("the owner: %d %s", a.Status, a.Body)
	}
	linked := h.visitor(cardeatest.SPA)
	linked.askBrowser("", ann)
	linked.wantSignedIn("ann@cardea.test")
}

func TestATokenOfABrowserLeadsWhereTheStartWanted(t *testing.T) {
	server := newWaiting(t)
	h := newHouse(t, described, "oauth2_provider: {url: '"+server.URL+"'}")
	v := h.visitor(cardeatest.Browser)
	if a := v.askBrowser("?return_to="+url.QueryEscape(inside), ann); a.Location != inside {
		t.Errorf("a place of ours: %d to %q", a.Status, a.Location)
	}
	for _, evil := range []string{"https://evil.test/", "//evil.test", "javascript:alert(1)"} {
		v := h.visitor(cardeatest.Browser)
		if a := v.askBrowser("?return_to="+url.QueryEscape(evil), ann); strings.Contains(a.Location, "evil") || strings.Contains(a.Location, "javascript") {
			t.Errorf("%s leads to %q", evil, a.Location)
		}
		v.wantNobody("on the way to a foreign place")
	}
	waiting := h.visitor(cardeatest.Browser)
	if a := waiting.askBrowser("?login_challenge=dialogue", ann); a.Location != "https://hydra.cardea.test/dialogue" || !server.has("dialogue") {
		t.Errorf("an OAuth2 server that waits: %d to %q", a.Status, a.Location)
	}
}

// netID speaks as the broker of netID does: userinfo has the rest of the claims, and a
// token of a browser is traded for tokens by whoever asks from the right origin.
func netID(t *testing.T, who claims) (*house, *[]http.Header) {
	p := cardeatest.NewProvider(t)
	p.Description = map[string]any{"issuer": p.URL + "/"}
	p.Token = func(_, c map[string]any) {
		c["iss"] = p.URL + "/"
		for _, name := range []string{"email", "email_verified"} {
			delete(c, name) // only its userinfo endpoint tells more
		}
	}
	var seen []http.Header
	p.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/userinfo" && r.Header.Get("Authorization") == "Bearer traded":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"sub":%q,"email":%q,"email_verified":true}`, who["sub"], who["email"])
			return true
		case r.URL.Path != "/token" || r.FormValue("grant_type") != "netid_fedcm":
			return false
		}
		seen = append(seen, r.Header)
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("fedcm_token") != "opaque" || r.Header.Get("Origin") != "https://shop.test" {
			w.WriteHeader(400)
			return true
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"traded","id_token":%q}`, p.Assert("client-acme", r.Header.Get("X-Test-Nonce"), who))
		return true
	}
	config := strings.Replace(p.Config("acme", described+", net_id_token_origin_header: https://shop.test"), "provider: generic", "provider: netid", 1)
	config = strings.Replace(config, p.URL, p.URL+"/", 1)
	return &house{t, cardeatest.New(t, cardeatest.Options{Config: `
selfservice:
  methods: {oidc: {enabled: true, config: {providers: [` + config + `]}}}
  flows: {registration: {after: {oidc: {hooks: [{hook: session}]}}}}
`}), p}, &seen
}

func TestAPersonSignsInWithNetID(t *testing.T) {
	h, _ := netID(t, ann)
	for _, kind := range cardeatest.Kinds {
		v := h.visitor(kind)
		v.goThrough("login", "acme", ann)
		v.wantSignedIn("ann@cardea.test")
	}
}

func TestATokenOfNetIDIsTradedForOneThatSaysWhoItIs(t *testing.T) {
	h, seen := netID(t, ann)
	good := h.provider.Answer
	nonce := ""
	h.provider.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Set("X-Test-Nonce", nonce)
		return good(w, r)
	}
	bring := func(token, repeated string) *visitor {
		v := h.visitor(cardeatest.SPA)
		m := v.mediation()
		nonce = repeated
		if repeated == "" {
			nonce = m.nonce
		}
		v.bring("", claims{"csrf_token": m.csrf, "nonce": m.nonce, "token": token})
		return v
	}
	bring("opaque", "").wantSignedIn("ann@cardea.test")
	bring("another", "").wantNobody("with a token that netID does not know")
	bring("opaque", "another").wantNobody("with the token of another request")
	token := h.provider.Token
	h.provider.Token = func(header, c map[string]any) { token(header, c); c["aud"] = "client-beta" }
	bring("opaque", "").wantNobody("with a token for another client")
	if len(*seen) != 4 || (*seen)[0].Get("Authorization") != "" {
		t.Errorf("the broker was asked with %v", *seen)
	}
	h.provider.Token = func(header, c map[string]any) { token(header, c); maps.Copy(c, claims{"sub": "somebody-else"}) }
	bring("opaque", "").wantNobody("with userinfo about somebody else")
}
