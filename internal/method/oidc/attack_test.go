package oidc_test

import (
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// answered adds who answers to a callback (RFC 9207).
func answered(callback, issuer string) string { return callback + "&iss=" + url.QueryEscape(issuer) }

func TestAnAnswerOfAnotherProviderIsNotRedeemed(t *testing.T) {
	for _, provider := range []string{"acme", "beta"} { // beta shares its callback with all others
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			consent := func(v *visitor) string {
				return h.provider.Consent(v.choose(v.start("login", ""), claims{"provider": provider}), ann)
			}
			v := h.visitor(cardeatest.Browser)
			v.comeBack(answered(consent(v), "https://other.cardea.test"))
			v.wantNobody("with the answer of another provider")
			if calls := len(h.provider.Calls()); calls != 0 {
				t.Errorf("the code went to the wrong provider %d times", calls)
			}
			v.comeBack(answered(consent(v), h.provider.URL))
			v.wantSignedIn("ann@cardea.test")
		})
	}
}

func TestAProviderThatPromisesToNameItselfHasTo(t *testing.T) {
	p := cardeatest.NewProvider(t)
	p.Description = map[string]any{"authorization_response_iss_parameter_supported": true}
	h := startHouse(t, p, "")
	v := h.visitor(cardeatest.Browser)
	v.goThrough("login", "acme", ann)
	v.wantNobody("with an answer that does not say whose it is")
	v.comeBack(answered(p.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), ann), p.URL))
	v.wantSignedIn("ann@cardea.test")
}

func TestACodeOfAnotherBrowserIsNoGoodWithoutPKCEEither(t *testing.T) {
	p := cardeatest.NewProvider(t)
	p.WithoutPKCE = true
	h := startHouse(t, p, "")
	attacker, victim := h.visitor(cardeatest.Browser), h.visitor(cardeatest.Browser)
	leave := func(v *visitor, who claims) *url.URL {
		u, _ := url.Parse(p.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), who))
		return u
	}
	stolen, own := leave(victim, ann), leave(attacker, claims{"sub": "eve"})
	q := own.Query()
	q.Set("code", stolen.Query().Get("code"))
	own.RawQuery = q.Encode()
	attacker.comeBack(own.String())
	attacker.wantNobody("with an injected code")
}

func TestAStateIsForTheLastTimeThatItsBrowserLeft(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	f := v.start("login", "")
	first := h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)
	second := h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)
	v.comeBack(first)
	v.wantNobody("with the state of an earlier leave")
	v.comeBack(second)
	v.wantSignedIn("ann@cardea.test")
}

func TestAStateOfOneFlowIsNoGoodForAnother(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.Browser)
	one := h.provider.Consent(v.choose(v.start("login", ""), claims{"provider": "acme"}), ann)
	other := v.start("login", "")
	v.choose(other, claims{"provider": "acme"})
	u, _ := url.Parse(one)
	v.comeBack("/self-service/methods/oidc/callback/acme?flow=" + other.ID + "&" + u.RawQuery)
	v.wantSignedIn("ann@cardea.test") // of its own flow, whatever the address says
	if got := other.Fetch(); got.Text("active") == "oidc" {
		t.Error("the other flow went on")
	}
}

func TestAPlaceToReturnToComesFromTheStartAlone(t *testing.T) {
	h := newHouse(t, "")
	for _, evil := range []string{"https://evil.test/", "//evil.test", "https://app.cardea.test.evil.test/inside", "https://app.cardea.test@evil.test/", "javascript:alert(1)", `https:\\evil.test`} {
		for _, kind := range []string{"login", "registration"} {
			a := h.Client(cardeatest.Browser).Get("/self-service/" + kind + "/browser?return_to=" + url.QueryEscape(evil))
			if !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
				t.Errorf("%s: a start that would lead to %s: %d to %q", kind, evil, a.Status, a.Location)
			}
		}
		v := h.visitor(cardeatest.Browser)
		f := v.start("login", "return_to="+url.QueryEscape(inside))
		callback := h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)
		for _, more := range []string{"&return_to=", "&redirect_uri=", "&state=", "%7C"} {
			if a := v.comeBack(callback + more + url.QueryEscape(evil)); strings.Contains(a.Location, "evil") || strings.Contains(a.Location, "javascript") {
				t.Errorf("%s%s leads to %q", more, evil, a.Location)
			}
		}
	}
	v := h.visitor(cardeatest.Browser)
	f := v.start("login", "return_to="+url.QueryEscape(inside))
	if a := v.comeBack(h.provider.Consent(v.choose(f, claims{"provider": "acme"}), ann)); a.Location != inside {
		t.Errorf("the place that was asked for at the start: %q", a.Location)
	}
}

func TestAChangedSubjectIsSomebodyElse(t *testing.T) {
	h := newHouse(t, "")
	owner := h.visitor(cardeatest.SPA)
	owner.goThrough("login", "acme", claims{"sub": "Ann", "email": "ann@cardea.test", "email_verified": true})
	owner.wantSignedIn("ann@cardea.test")
	for _, subject := range []string{"ann", "ANN", "Ann ", "Ann2", "acme:Ann", ""} {
		v := h.visitor(cardeatest.SPA)
		v.goThrough("login", "acme", claims{"sub": subject, "email": "ann@cardea.test", "email_verified": true})
		v.wantNobody("as " + subject)
	}
	other := h.visitor(cardeatest.SPA)
	other.goThrough("login", "beta", claims{"sub": "Ann", "email": "ann@cardea.test", "email_verified": true})
	other.wantNobody("with the same subject of another provider")
}

func TestASignInTakesNoAddressOfSomebodyElse(t *testing.T) {
	h := newHouse(t, ", update_identity_on_login: automatic")
	owner := h.Client(cardeatest.SPA)
	owner.SignUp("ann@cardea.test", cardeatest.Password)
	thief := h.visitor(cardeatest.SPA)
	thief.goThrough("login", "acme", claims{"sub": "eve", "email": "eve@cardea.test"})
	thief.wantSignedIn("eve@cardea.test")
	again := h.visitor(cardeatest.SPA)
	a := again.goThrough("login", "acme", claims{"sub": "eve", "email": "ann@cardea.test", "email_verified": true})
	again.wantNobody("with the address of somebody else")
	to, _ := url.Parse(a.Location)
	if got := again.client.Get("/self-service/login/flows?id=" + to.Query().Get("flow")).Messages(); len(got) != 1 || got[0] != 4000007 {
		t.Errorf("sent to %q, where it says %v", a.Location, got)
	}
	still := h.visitor(cardeatest.SPA)
	still.goThrough("login", "acme", claims{"sub": "eve", "email": "eve@cardea.test"})
	still.wantSignedIn("eve@cardea.test")
}

func TestWhoeverHasToSignInAgainIsAskedWhateverAClientWants(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", ann)
	for wanted, want := range map[string]string{"none": "login", "select_account": "login select_account", "login": "login", "none consent": "login consent"} {
		f := v.client.Start("login", "refresh=true")
		u, _ := url.Parse(v.choose(f, claims{"provider": "acme", "upstream_parameters": claims{"prompt": wanted}}))
		if got := u.Query().Get("prompt"); got != want {
			t.Errorf("prompt=%s becomes %q, want %q", wanted, got, want)
		}
	}
}
