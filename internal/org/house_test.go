package org_test

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

// The organizations of the tests' configuration.
const (
	acme    = "11111111-1111-4111-8111-111111111111" // only its connections
	beta    = "22222222-2222-4222-8222-222222222222" // connections and everything else
	closed  = "33333333-3333-4333-8333-333333333333" // lets nobody in
	solo    = "55555555-5555-4555-8555-555555555555" // only its one connection
	lonely  = "44444444-4444-4444-8444-444444444444" // has no connection
	nowhere = "99999999-9999-4999-8999-999999999999" // nobody has described it
)

const organizations = `
cardea:
  organizations:
    - {id: ` + acme + `, label: Acme, domains: [acme.test], sign_in: connections, sign_up: connections, session_lifespan: 2h}
    - {id: ` + beta + `, label: Beta, domains: [beta.test]}
    - {id: ` + closed + `, label: Closed, domains: [closed.test], enabled: false, sign_up: connections}
    - {id: ` + solo + `, label: Solo, domains: [solo.test], sign_in: connections}
    - {id: ` + lonely + `, label: Lonely, domains: [lonely.test]}
`

const inside = "https://app.cardea.test/inside"

const (
	refusedOutside = 4009011
	refusedForeign = 4009012
	refusedClosed  = 4009013
)

type claims = map[string]any

// house is a server with an open provider and connections of three organizations.
type house struct {
	*testing.T
	*cardeatest.Server
	provider *cardeatest.Provider
}

// flows are more settings of selfservice.flows, a line each.
func newHouse(t *testing.T, flows string, more ...string) *house {
	t.Helper()
	p := cardeatest.NewProvider(t)
	config := fmt.Sprintf(`
selfservice:
  methods:
    code: {passwordless_enabled: true}
    link: {enabled: true}
    passkey: {enabled: true, config: {rp: {id: cardea.test, display_name: Cardea, origins: ['https://ui.cardea.test']}}}
    oidc:
      enabled: true
      config: {providers: [%s, %s, %s, %s, %s, %s]}
  flows:
    recovery: {enabled: true, use: code}
    registration: {after: {oidc: {hooks: [{hook: session}]}}}
    %s
`, p.Config("open", ""), p.Config("acme", ", label: Acme, organization_id: "+acme), p.Config("acme2", ", organization_id: "+acme),
		p.Config("solo", ", update_identity_on_login: automatic, organization_id: "+solo), p.Config("beta", ", organization_id: "+beta), p.Config("closed", ", organization_id: "+closed), flows)
	return &house{t, cardeatest.New(t, cardeatest.Options{Config: config + organizations + strings.Join(more, "\n")}), p}
}

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

// start begins a journey, for an organization unless that is "".
func (v *visitor) start(kind, organization string) *cardeatest.Flow {
	v.Helper()
	q := url.Values{}
	if v.client.Kind == cardeatest.Native && kind != "settings" {
		q = url.Values{"return_session_token_exchange_code": {"true"}, "return_to": {inside}}
	}
	if organization != "" {
		q.Set("organization", organization)
	}
	f := v.client.Start(kind, q.Encode())
	v.init = f.Answer.Text("session_token_exchange_code")
	return f
}

// leave chooses a provider and gives the address at it, "" when the choice is
// refused.
func (v *visitor) leave(f *cardeatest.Flow, field, provider string) string {
	v.Helper()
	a := f.Submit(claims{"method": "oidc", field: provider})
	to := a.Location
	if a.Status == 422 {
		to = a.Text("redirect_browser_to")
	}
	if strings.HasPrefix(to, v.provider.URL) {
		return to
	}
	return ""
}

// comeBack follows the callback as a page does.
func (v *visitor) comeBack(callback string) *cardeatest.Answer {
	v.Helper()
	v.browser.Header.Set("Accept", "text/html")
	defer v.browser.Header.Del("Accept")
	a := v.browser.Get(callback)
	if to, err := url.Parse(a.Location); err == nil && v.init != "" && to.Query().Get("code") != "" {
		traded := v.client.Get("/sessions/token-exchange?" + url.Values{"init_code": {v.init}, "return_to_code": {to.Query().Get("code")}}.Encode())
		if traded.Status == 200 {
			v.client.Token = traded.Text("session_token")
		}
	}
	return a
}

// through signs in or up at a provider in a journey of an organization.
func (v *visitor) through(kind, organization, provider string, c claims) *cardeatest.Flow {
	v.Helper()
	f := v.start(kind, organization)
	to := v.leave(f, "provider", provider)
	if to == "" {
		v.Fatalf("%s is not offered", provider)
	}
	v.comeBack(v.provider.Consent(to, c))
	return f
}

// wantSignedIn checks who is signed in, and as whose member.
func (v *visitor) wantSignedIn(email, organization string) *cardeatest.Answer {
	v.Helper()
	me := v.client.WhoAmI()
	if got := me.Text("identity", "traits", "email"); me.Status != 200 || got != email {
		v.Fatalf("signed in as %q (%d %s), want %q", got, me.Status, me.Body, email)
	}
	if got := me.Text("identity", "organization_id"); got != organization {
		v.Errorf("a member of %q, want %q", got, organization)
	}
	return me
}

func (v *visitor) wantNobody(why string) {
	v.Helper()
	for _, c := range []*cardeatest.Client{v.client, v.browser} {
		if got := c.WhoAmI(); got.Status == 200 {
			v.Errorf("%s: signed in: %s", why, got.Body)
		}
	}
}

// admin is a request of an operator.
func (h *house) admin(want int, method, path string, body any) *cardeatest.Answer {
	h.Helper()
	a := h.Client(cardeatest.Native).Do(method, h.AdminURL+"/admin"+path, body)
	if a.Status != want {
		h.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
	}
	return a
}

// member is somebody with a password who belongs to an organization.
func (h *house) member(email, organization string) string {
	h.Helper()
	id := h.CreateIdentity(email, cardeatest.Password)
	h.move(id, organization)
	return id
}

func (h *house) move(id, organization string) {
	h.Helper()
	h.admin(200, "PATCH", "/identities/"+id, []any{map[string]any{"op": "replace", "path": "/organization_id", "value": organization}})
}

// providers are those that a form offers.
func providers(a *cardeatest.Answer) (ids []string) {
	for _, n := range a.UI().Nodes {
		if name := n.Attributes["name"]; name == "provider" || name == "link" || name == "unlink" {
			ids = append(ids, fmt.Sprint(n.Attributes["value"]))
		}
	}
	return ids
}
