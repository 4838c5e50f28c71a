package oidc_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cardea/cardeatest"
)

const withSecondFactor = `
    totp: {enabled: true, config: {issuer: Wombats}}
session: {whoami: {required_aal: highest_available}}
`

const confirmsFromElsewhere = `
    code: {enabled: true}
cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [new_network], then: second_factor}]}}
`

// guarded is a house in which a sign-in needs more than one proof, as rest says.
func guarded(t *testing.T, rest string) *house {
	t.Helper()
	p := cardeatest.NewProvider(t)
	h := &house{T: t, provider: p}
	h.Server = cardeatest.New(t, cardeatest.Options{Config: `
selfservice:
  methods:
    oidc:
      enabled: true
      config: {providers: [` + p.Config("acme", "") + "]}" + rest})
	return h
}

// app is an authenticator app of somebody. Codes are good once, so every one is of
// another time step.
type app struct {
	t      *testing.T
	secret string
	steps  int
}

func (a *app) code() string {
	a.t.Helper()
	a.steps++
	text, err := totp.GenerateCode(a.secret, time.Now().Add(time.Duration(a.steps-2)*30*time.Second))
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// twoFactors signs somebody up who has an app besides the password.
func (h *house) twoFactors(email string) *app {
	h.Helper()
	c := h.Client(cardeatest.SPA)
	c.SignUp(email, cardeatest.Password)
	f := c.Start("settings", "")
	context := f.Answer.Node("totp_secret_key").Attributes["text"].(map[string]any)["context"].(map[string]any)
	a := &app{t: h.T, secret: context["secret"].(string)}
	if got := f.Submit(claims{"method": "totp", "totp_code": a.code()}); got.Status != 200 {
		h.Fatalf("add an app: %d %s", got.Status, got.Body)
	}
	return a
}

// went reads the flow that an answer leads to.
func (v *visitor) went(kind string, a *cardeatest.Answer) *cardeatest.Flow {
	v.Helper()
	to := a.Location
	if to == "" {
		to = a.Text("redirect_browser_to")
	}
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("flow") == "" {
		v.Fatalf("answered %d to %q: %s", a.Status, to, a.Body)
	}
	return v.client.Resume(kind, u.Query().Get("flow"))
}

func TestALinkWaitsForTheSecondFactor(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := guarded(t, withSecondFactor)
			device := h.twoFactors("ann@cardea.test")
			who := claims{"sub": "a-1", "email": "ann@cardea.test", "email_verified": true}
			linked := func() bool {
				v := h.visitor(cardeatest.SPA)
				v.goThrough("login", "acme", who)
				return v.client.WhoAmI().Status != 401
			}

			v := h.visitor(kind)
			first := v.went("login", v.goThrough("login", "acme", who))
			if got := first.Answer.Messages(); len(got) != 1 || got[0] != 1010016 {
				t.Fatalf("the form that links says %v", got)
			}
			second := v.went("login", first.Submit(claims{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}))
			if got := second.Answer.Text("requested_aal"); got != "aal2" {
				t.Fatalf("the next form asks for %q", got)
			}
			if linked() {
				t.Fatal("the password alone has added the link")
			}
			second.Submit(claims{"method": "totp", "totp_code": device.code()})
			v.wantSignedIn("ann@cardea.test")
			if !linked() {
				t.Error("both factors have not added the link")
			}
		})
	}
}

func TestALinkWaitsUntilAnUnusualSignInIsConfirmed(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := guarded(t, confirmsFromElsewhere)
			h.person("ann@cardea.test", true)
			at := func(kind cardeatest.Kind, address string) *visitor {
				v := h.visitor(kind)
				v.client.Header.Set("X-Forwarded-For", address)
				return v
			}
			at(cardeatest.SPA, "192.0.2.7").client.SignIn("ann@cardea.test", cardeatest.Password)
			who := claims{"sub": "a-1", "email": "ann@cardea.test", "email_verified": true}
			linked := func() bool {
				v := at(cardeatest.SPA, "192.0.2.7")
				v.goThrough("login", "acme", who)
				return v.client.WhoAmI().Status == 200
			}

			v := at(kind, "203.0.113.9")
			first := v.went("login", v.goThrough("login", "acme", who))
			second := v.went("login", first.Submit(claims{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}))
			if second.Answer.Node("code") == nil {
				t.Fatalf("the next form takes no code: %s", second.Answer.Body)
			}
			if linked() {
				t.Fatal("the password alone has added the link")
			}
			second.Submit(claims{"method": "code", "code": h.LastMail("ann@cardea.test").Code()})
			v.wantSignedIn("ann@cardea.test")
			if !linked() {
				t.Error("the code by mail has not added the link")
			}
		})
	}
}

func TestALinkThatWaitsIsForItsOwnerAlone(t *testing.T) {
	h := guarded(t, withSecondFactor)
	h.twoFactors("ann@cardea.test")
	eve := h.twoFactors("eve@cardea.test")
	who := claims{"sub": "thief", "email": "ann@cardea.test"}
	v := h.visitor(cardeatest.SPA)
	first := v.went("login", v.goThrough("login", "acme", who))
	// The thief has an account with two factors, and ann's password.
	second := v.went("login", first.Submit(claims{"method": "password", "identifier": "ann@cardea.test", "password": cardeatest.Password}))
	thief := h.Client(cardeatest.SPA)
	f := thief.Start("login", "")
	f.Submit(claims{"method": "password", "identifier": "eve@cardea.test", "password": cardeatest.Password})
	own := thief.Start("login", "aal=aal2")
	if a := thief.Do("POST", "/self-service/login?flow="+second.ID, claims{"method": "totp", "totp_code": eve.code(), "csrf_token": own.CSRF}); a.Status == 200 {
		t.Errorf("somebody else's second factor: %d %s", a.Status, a.Body)
	}
	again := h.visitor(cardeatest.SPA)
	again.goThrough("login", "acme", who)
	again.wantNobody("after a link that its owner has not finished")
}

func TestALinkEndsWithTheFlowThatOffersIt(t *testing.T) {
	h := newHouse(t, "")
	h.Client(cardeatest.SPA).SignUp("ann@cardea.test", cardeatest.Password)
	v := h.visitor(cardeatest.SPA)
	who := claims{"sub": "a-1", "email": "ann@cardea.test"}
	v.went("login", v.goThrough("login", "acme", who))
	// A login that was begun without it adds nothing.
	v.client.SignIn("ann@cardea.test", cardeatest.Password)
	other := h.visitor(cardeatest.SPA)
	other.goThrough("login", "acme", who)
	other.wantNobody("after a sign-in elsewhere")
}

func TestTwoUnlinksAtOnceLeaveAWayIn(t *testing.T) {
	for range 3 {
		h := newHouse(t, "")
		v := h.visitor(cardeatest.SPA)
		v.goThrough("registration", "acme", claims{"sub": "ann", "email": "ann@cardea.test"})
		f := v.start("settings", "")
		v.comeBack(h.provider.Consent(v.choose(f, claims{"link": "beta"}), claims{"sub": "ann"}))
		flows := map[string]*cardeatest.Flow{"acme": v.start("settings", ""), "beta": v.start("settings", "")}
		begin, done := make(chan struct{}), make(chan int, len(flows))
		for provider, f := range flows {
			go func() {
				<-begin
				done <- f.Submit(claims{"unlink": provider}).Status
			}()
		}
		close(begin)
		good := 0
		for range flows {
			switch status := <-done; status {
			case 200:
				good++
			case 400:
			default:
				t.Errorf("an unlink is answered with %d", status)
			}
		}
		if good != 1 {
			t.Errorf("%d of two unlinks went through", good)
		}
		ways := 0
		for provider := range flows {
			other := h.visitor(cardeatest.SPA)
			other.goThrough("login", provider, claims{"sub": "ann"})
			if other.client.WhoAmI().Status == 200 {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%d ways in are left", ways)
		}
	}
}
