package oidc_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/jsonnet"
)

// TestMain is also the worker that evaluates mappers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == jsonnet.WorkerCommand {
		if err := jsonnet.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type claims = map[string]any

// house is a server with two ways to a provider: acme, and beta, which is like it.
type house struct {
	*testing.T
	*cardeatest.Server
	provider *cardeatest.Provider
}

func newHouse(t *testing.T, acme string, more ...string) *house {
	t.Helper()
	p := cardeatest.NewProvider(t)
	return startHouse(t, p, acme, more...)
}

func startHouse(t *testing.T, p *cardeatest.Provider, acme string, more ...string) *house {
	t.Helper()
	config := fmt.Sprintf(`
selfservice:
  methods:
    oidc:
      enabled: true
      config: {providers: [%s, %s]}
  flows:
    registration: {after: {oidc: {hooks: [{hook: session}]}}}
`, p.Config("acme", acme), p.Config("beta", ", pkce: force"))
	return &house{t, cardeatest.New(t, cardeatest.Options{Config: config + strings.Join(more, "\n")}), p}
}

const inside = "https://app.cardea.test/inside"

// visitor is somebody with a client, and the browser that goes to providers.
type visitor struct {
	*house
	client, browser *cardeatest.Client
	init            string // of a native client's exchange
}

func (h *house) visitor(kind cardeatest.Kind) *visitor {
	v := &visitor{house: h, client: h.Client(kind)}
	v.browser = v.client
	if kind == cardeatest.Native {
		v.browser = h.Client(cardeatest.Browser)
	}
	return v
}

// start begins a journey, a native client's with an exchange.
func (v *visitor) start(kind, query string) *cardeatest.Flow {
	v.Helper()
	if v.client.Kind == cardeatest.Native && kind != "settings" {
		query = "return_session_token_exchange_code=true&return_to=" + url.QueryEscape(inside)
	}
	f := v.client.Start(kind, query)
	v.init = f.Answer.Text("session_token_exchange_code")
	return f
}

// choose submits a choice and gives the address at the provider.
func (v *visitor) choose(f *cardeatest.Flow, fields claims) string {
	v.Helper()
	a := f.Submit(fields)
	if v.client.Kind == cardeatest.Browser {
		if a.Status != 303 {
			v.Fatalf("choosing a provider: %d %s", a.Status, a.Body)
		}
		return a.Location
	}
	if a.Status != 422 || a.ErrorID() != "browser_location_change_required" {
		v.Fatalf("choosing a provider: %d %s", a.Status, a.Body)
	}
	return a.Text("redirect_browser_to")
}

// comeBack follows the callback as a page does.
func (v *visitor) comeBack(callback string) *cardeatest.Answer {
	v.Helper()
	v.browser.Header.Set("Accept", "text/html")
	defer v.browser.Header.Del("Accept")
	a := v.browser.Get(callback)
	if to, err := url.Parse(a.Location); err == nil && v.init != "" && to.Query().Get("code") != "" {
		if !strings.HasPrefix(a.Location, inside+"?") {
			v.Fatalf("the app's browser was sent to %q", a.Location)
		}
		traded := v.client.Get("/sessions/token-exchange?" + url.Values{"init_code": {v.init}, "return_to_code": {to.Query().Get("code")}}.Encode())
		v.client.Token = traded.Text("session_token")
	}
	return a
}

// goThrough does all of it.
func (v *visitor) goThrough(kind, provider string, c claims) *cardeatest.Answer {
	v.Helper()
	f := v.start(kind, "")
	return v.comeBack(v.provider.Consent(v.choose(f, claims{"method": "oidc", "provider": provider}), c))
}

func (v *visitor) wantSignedIn(email string) *cardeatest.Answer {
	v.Helper()
	me := v.client.WhoAmI()
	if got := me.Text("identity", "traits", "email"); me.Status != 200 || got != email {
		v.Fatalf("signed in as %q (%d), want %q", got, me.Status, email)
	}
	return me
}

func (v *visitor) wantNobody(why string) {
	v.Helper()
	if got := v.client.WhoAmI(); got.Status != 401 {
		v.Errorf("%s: whoami answers %d %s", why, got.Status, got.Body)
	}
	if got := v.browser.WhoAmI(); got.Status != 401 {
		v.Errorf("%s: the browser is signed in: %s", why, got.Body)
	}
}

func TestAPersonSignsUpAndInThroughAProvider(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			ann := claims{"sub": "ann", "email": "ann@cardea.test", "email_verified": true, "given_name": "Ann"}

			first := h.visitor(kind)
			first.goThrough("registration", "acme", ann)
			me := first.wantSignedIn("ann@cardea.test")
			if got := me.Text("identity", "traits", "name", "first"); got != "Ann" {
				t.Errorf("the name is %q", got)
			}

			again := h.visitor(kind)
			again.goThrough("login", "acme", ann)
			if got := again.wantSignedIn("ann@cardea.test"); got.Text("identity", "id") != me.Text("identity", "id") || got.Text("id") == me.Text("id") {
				t.Error("signing in is not another session of the same identity")
			}

			other := h.visitor(kind)
			other.goThrough("login", "acme", claims{"sub": "bob", "email": "bob@cardea.test"})
			other.wantSignedIn("bob@cardea.test")

			fourth := h.visitor(kind)
			fourth.goThrough("registration", "acme", ann) // signs in: the account is there
			if got := fourth.wantSignedIn("ann@cardea.test"); got.Text("identity", "id") != me.Text("identity", "id") {
				t.Error("signing up again made another identity")
			}
			if verifier := h.provider.Calls()[0].Get("code_verifier"); len(verifier) < 43 {
				t.Errorf("the code was redeemed with the verifier %q", verifier)
			}
		})
	}
}

func TestWhatAProviderDoesNotTellIsAskedFor(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			v := h.visitor(kind)
			f := v.start("registration", "")
			nameless := claims{"sub": "ann", "given_name": "Ann"}
			a := v.comeBack(h.provider.Consent(v.choose(f, claims{"provider": "acme"}), nameless))
			v.wantNobody("without an address")
			to, _ := url.Parse(a.Location)
			if to.Query().Get("flow") != f.ID {
				t.Fatalf("sent to %q", a.Location)
			}
			form := f.Fetch()
			if got := form.FieldMessages("traits.email"); len(got) != 1 || got[0] != 4000002 {
				t.Errorf("the missing trait says %v", got)
			}
			if got := form.Node("traits.name.first"); got == nil || got.Attributes["value"] != "Ann" {
				t.Errorf("the name is %v", got)
			}
			if form.Node("password") != nil {
				t.Error("another method is offered")
			}
			init := v.init
			authorize := v.choose(f, claims{"provider": "acme", "traits.email": "typed@cardea.test"})
			v.init = init
			v.comeBack(h.provider.Consent(authorize, nameless))
			me := v.wantSignedIn("typed@cardea.test")
			if me.Text("identity", "traits", "name", "first") != "Ann" {
				t.Error("the provider's name was lost")
			}
		})
	}
}

func TestAProviderIsConnectedAndDisconnected(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "")
			v := h.visitor(kind)
			v.client.SignUp("ann@cardea.test", cardeatest.Password)
			f := v.start("settings", "")
			v.comeBack(h.provider.Consent(v.choose(f, claims{"link": "acme"}), claims{"sub": "a-1", "email": "elsewhere@cardea.test"}))
			other := h.visitor(kind)
			other.goThrough("login", "acme", claims{"sub": "a-1"})
			other.wantSignedIn("ann@cardea.test")

			thief := h.visitor(kind)
			thief.client.SignUp("eve@cardea.test", cardeatest.Password)
			taken := thief.start("settings", "")
			thief.comeBack(h.provider.Consent(thief.choose(taken, claims{"link": "acme"}), claims{"sub": "a-1"}))
			if got := taken.Fetch().Messages(); len(got) != 1 || got[0] != 4000007 {
				t.Errorf("a link that somebody else has: %v", got)
			}

			f = v.start("settings", "")
			f.Submit(claims{"unlink": "acme"})
			after := h.visitor(kind)
			after.goThrough("login", "acme", claims{"sub": "a-1", "email": "elsewhere@cardea.test"})
			after.wantSignedIn("elsewhere@cardea.test")
			// it is the only way into that account
			only := after.start("settings", "")
			if only.Fetch().Node("unlink") != nil {
				t.Error("the last way in can be taken away")
			}
			only.Submit(claims{"unlink": "acme"})
			still := h.visitor(kind)
			still.goThrough("login", "acme", claims{"sub": "a-1"})
			still.wantSignedIn("elsewhere@cardea.test")
		})
	}
}

func TestASignInBringsAnAccountUpToDateWhereTheOperatorWantsIt(t *testing.T) {
	h := newHouse(t, ", update_identity_on_login: automatic, aal2_acr_values: [strong]")
	first := h.visitor(cardeatest.SPA)
	first.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test", "given_name": "Ann"})
	if got := first.wantSignedIn("ann@cardea.test").Text("authenticator_assurance_level"); got != "aal1" {
		t.Errorf("level %q", got)
	}
	again := h.visitor(cardeatest.SPA)
	again.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test", "given_name": "Anna", "acr": "strong"})
	me := again.wantSignedIn("ann@cardea.test")
	if got := me.Text("identity", "traits", "name", "first"); got != "Anna" {
		t.Errorf("the name is %q", got)
	}
	if got := me.Text("authenticator_assurance_level"); got != "aal2" {
		t.Errorf("a provider that stands for both factors gives level %q", got)
	}
}

func TestARefreshOffersTheProvidersOfTheAccount(t *testing.T) {
	h := newHouse(t, "")
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test"})
	f := v.client.Start("login", "refresh=true")
	var offered []any
	for _, n := range f.Answer.UI().Nodes {
		if n.Attributes["name"] == "provider" {
			offered = append(offered, n.Attributes["value"])
		}
	}
	if len(offered) != 1 || offered[0] != "acme" {
		t.Errorf("offered are %v", offered)
	}
	to := v.choose(f, claims{"provider": "acme"})
	if !strings.Contains(to, "prompt=login") {
		t.Errorf("the provider is not told to ask again: %s", to)
	}
	before := v.client.WhoAmI().Text("id")
	v.comeBack(h.provider.Consent(to, claims{"sub": "ann"}))
	if after := v.wantSignedIn("ann@cardea.test").Text("id"); after == before {
		t.Error("a sign-in at a provider kept the session")
	}
}

func TestTheFirstOfTwoScreensOffersProvidersAndTheSecondTheLinkedOnes(t *testing.T) {
	h := newHouse(t, "", "    login: {style: identifier_first}\n")
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test"})
	v.wantSignedIn("ann@cardea.test")
	other := h.Client(cardeatest.SPA)
	f := other.Start("login", "")
	count := func(a *cardeatest.Answer) (n int) {
		for _, node := range a.UI().Nodes {
			if node.Attributes["name"] == "provider" {
				n++
			}
		}
		return n
	}
	if got := count(f.Answer); got != 2 {
		t.Errorf("the first screen offers %d providers", got)
	}
	a := f.Submit(claims{"method": "identifier_first", "identifier": "ann@cardea.test"})
	if got := count(a); got != 1 {
		t.Errorf("the second screen offers %d providers: %s", got, a.Body)
	}
}
