package flow_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

const errorPage = "303 https://www.cardea.test/error?id=…"

// The decision table of section 5.1.1 of the HTTP reference.
func TestWhoMayStartALogin(t *testing.T) {
	const (
		flowIsShown = "303 https://www.cardea.test/login?flow=…"
		home        = "303 https://www.cardea.test/home"
	)
	type outcome struct {
		script, page string
		messages     []ui.MessageID
		refresh      bool
	}
	cases := []struct {
		name    string
		session session.AAL // "" for nobody
		query   string
		want    outcome
	}{
		{"nobody, second factor", "", "aal=aal2", outcome{script: "401 session_aal1_required", page: errorPage}},
		{"nobody, second factor again", "", "aal=aal2&refresh=true", outcome{script: "401 session_aal1_required", page: errorPage}},
		{"nobody", "", "", outcome{script: "200", page: flowIsShown}},
		{"nobody, again", "", "refresh=true", outcome{script: "200", page: flowIsShown}},
		{"aal1, again", session.AAL1, "refresh=true", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginReauthenticate}, refresh: true}},
		{"aal2, again", session.AAL2, "refresh=1&aal=AAL1", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginReauthenticate}, refresh: true}},
		{"aal1, second factor and again", session.AAL1, "refresh=t&aal=aal2", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginReauthenticate, ui.LoginSecondFactor}, refresh: true}},
		{"aal2, second factor and again", session.AAL2, "refresh=true&aal=aal2", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginReauthenticate}, refresh: true}},
		{"aal1", session.AAL1, "", outcome{script: "400 session_already_available", page: home}},
		{"aal2", session.AAL2, "aal=aal1", outcome{script: "400 session_already_available", page: home}},
		{"aal1, not again", session.AAL1, "refresh=false", outcome{script: "400 session_already_available", page: home}},
		{"aal1, again misspelt", session.AAL1, "refresh=yes", outcome{script: "400 session_already_available", page: home}},
		{"aal1, second factor", session.AAL1, "aal=aal2", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginSecondFactor}}},
		{"aal2, second factor", session.AAL2, "aal=aal2", outcome{script: "400 session_already_available", page: home}},
		{"aal1 with a place to go", session.AAL1, "return_to=https://app.cardea.test/inside/x", outcome{script: "400 session_already_available", page: "303 https://app.cardea.test/inside/x"}},
		{"aal1 with a foreign place", session.AAL1, "return_to=https://evil.test/", outcome{script: "400 self_service_flow_return_to_forbidden", page: errorPage}},
		{"nobody with a foreign place", "", "return_to=https://evil.test/", outcome{script: "400 self_service_flow_return_to_forbidden", page: errorPage}},
		{"a level that is not there", "", "aal=aal3", outcome{script: "400 error", page: errorPage}},
		{"no level at all", session.AAL1, "aal=aal0&refresh=true", outcome{script: "400 error", page: errorPage}},
		{"a schema that may be chosen", "", "identity_schema=chosen", outcome{script: "200", page: flowIsShown}},
		{"a schema that may not be chosen", "", "identity_schema=hidden", outcome{script: "400 error", page: errorPage}},
		{"a schema that is not there", "", "identity_schema=other", outcome{script: "400 error", page: errorPage}},
		{"a schema does not matter for a second factor", session.AAL1, "aal=aal2&identity_schema=other", outcome{script: "200", page: flowIsShown, messages: []ui.MessageID{ui.LoginSecondFactor}}},
		{"an empty OAuth2 challenge", "", "login_challenge=", outcome{script: "400 error", page: errorPage}},
		{"an OAuth2 challenge without OAuth2", "", "login_challenge=x", outcome{script: "500 invalid_configuration", page: errorPage}},
		{"an organization that is no id", "", "organization=acme", outcome{script: "200", page: flowIsShown}},
	}
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	for _, kind := range clients {
		for _, c := range cases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				g := h.guest(kind)
				if c.session != "" {
					g.as(h.session(ann, c.session))
				}
				a := g.start(flow.Login, c.query)
				want := c.want.script
				if kind == page {
					want = c.want.page
				}
				if got := said(a); got != want {
					t.Fatalf("answered %q, want %q", got, want)
				}
				f := g.flowOf(a)
				if f == nil {
					return
				}
				if diff := cmp.Diff(c.want.messages, messages(f)); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				if f.Refresh != c.want.refresh {
					t.Errorf("the flow asks for a new sign-in: %t, want %t", f.Refresh, c.want.refresh)
				}
			})
		}
	}
}

func TestWhoMayStartWhat(t *testing.T) {
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	const init = "https://id.cardea.test/self-service/"
	cases := []struct {
		name     string
		kind     flow.Kind
		signedIn bool
		query    string
		want     map[string]string // by client
	}{
		{"registration for nobody", flow.Registration, false, "",
			map[string]string{page: "303 https://www.cardea.test/registration?flow=…", script: "200", native: "200"}},
		{"registration for somebody", flow.Registration, true, "",
			map[string]string{page: "303 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}},
		{"registration for somebody with a place to go", flow.Registration, true, "return_to=https://app.cardea.test/inside",
			map[string]string{page: "303 https://app.cardea.test/inside", script: "400 session_already_available", native: "400 session_already_available"}},
		{"recovery for nobody", flow.Recovery, false, "",
			map[string]string{page: "303 https://www.cardea.test/recovery?flow=…", script: "200", native: "200"}},
		{"recovery for somebody", flow.Recovery, true, "return_to=https://app.cardea.test/inside",
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}},
		{"recovery for somebody on the way to settings", flow.Recovery, true, "return_to=" + init + "settings",
			map[string]string{page: "302 " + init + "settings", script: "400 session_already_available", native: "400 session_already_available"}},
		{"recovery with a foreign place", flow.Recovery, false, "return_to=https://evil.test",
			map[string]string{page: errorPage, script: "400 self_service_flow_return_to_forbidden", native: "400 self_service_flow_return_to_forbidden"}},
		{"verification for somebody", flow.Verification, true, "",
			map[string]string{page: "303 https://www.cardea.test/verification?flow=…", script: "200", native: "200"}},
		{"settings for nobody", flow.Settings, false, "",
			map[string]string{page: "303 " + init + "login/browser", script: "401 session_inactive", native: "401 session_inactive"}},
		{"settings for nobody with a place to go", flow.Settings, false, "return_to=https://app.cardea.test/inside",
			map[string]string{page: "303 " + init + "login/browser?return_to=https://app.cardea.test/inside", script: "401 session_inactive", native: "401 session_inactive"}},
		{"settings for somebody", flow.Settings, true, "",
			map[string]string{page: "303 https://www.cardea.test/settings?flow=…", script: "200", native: "200"}},
	}
	for _, kind := range clients {
		for _, c := range cases {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				g := h.guest(kind)
				if c.signedIn {
					g.as(h.session(ann, session.AAL1))
				}
				if got := said(g.start(c.kind, c.query)); got != c.want[kind] {
					t.Errorf("answered %q, want %q", got, c.want[kind])
				}
			})
		}
	}
}

func TestASettingsStartWithoutASessionSaysMoreToScripts(t *testing.T) {
	h := newHouse(t, "")
	if a := h.guest(script).start(flow.Settings, ""); a.Problem == nil || a.Problem.Top["CredentialsMissing"] != false {
		t.Errorf("a script is answered %+v, want CredentialsMissing: false beside the error", a.Problem)
	}
	if a := h.guest(native).start(flow.Settings, ""); a.Problem == nil || a.Problem.Top != nil {
		t.Errorf("a native client is answered %+v, want a plain envelope", a.Problem)
	}
}

func TestJourneysThatAreSwitchedOffCannotBeStartedOrRead(t *testing.T) {
	h := newHouse(t, "")
	begun := map[flow.Kind]*flow.Flow{}
	g := h.guest(script)
	for _, k := range []flow.Kind{flow.Registration, flow.Recovery, flow.Verification} {
		begun[k] = g.begin(k, "")
	}
	g.setup = compile(t, `selfservice: {flows: {registration: {enabled: false}, recovery: {enabled: false}, verification: {enabled: false}}}`)
	for k, f := range begun {
		want := problem.ID("")
		if k == flow.Registration {
			want = problem.FlowDisabled
		}
		for what, a := range map[string]*flow.Answer{"start": g.start(k, ""), "fetch": g.fetch(k, f.ID)} {
			if a.Status != 400 || g.explained(a) != want {
				t.Errorf("%s of %s: answered %q, want 400 with id %q", what, k, said(a), want)
			}
		}
		p := &guest{house: h, kind: page, cookie: g.cookie}
		if a := p.start(k, ""); said(a) != errorPage {
			t.Errorf("start of %s by a page: answered %q", k, said(a))
		}
	}
}

func TestAFormOfBeforeSignsNobodyUp(t *testing.T) {
	h := newHouse(t, "")
	for _, client := range clients {
		g := h.guest(client)
		f := g.begin(flow.Registration, "")
		asked := false
		h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
			asked = true
			return flow.Rejected{}, nil
		}
		open := g.setup
		g.setup = compile(t, `selfservice: {flows: {registration: {enabled: false}}}`)
		a := g.post(flow.Registration, f, stub)
		if client == page && said(a) != errorPage || client != page && g.explained(a) != problem.FlowDisabled || asked {
			t.Errorf("%s: answered %q, and the method was asked: %t", client, said(a), asked)
		}
		g.setup = open
		if g.post(flow.Registration, f, stub); !asked {
			t.Errorf("%s: the method is not asked where people may sign up", client)
		}
	}
}

func TestASecondFactorIsAskedForBeforeSettings(t *testing.T) {
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	ann.Credentials = secondFactor()
	if err := h.rows.UpdateIdentity(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	const stepUp = "https://id.cardea.test/self-service/login/browser?aal=aal2"
	for _, kind := range clients {
		t.Run(kind, func(t *testing.T) {
			low := h.guest(kind).as(h.loaded(h.session(ann, session.AAL1)))
			want := "403 session_aal2_required"
			if kind == page {
				want = "303 " + stepUp
			}
			a := low.start(flow.Settings, "")
			if got := said(a); got != want {
				t.Errorf("start answered %q, want %q", got, want)
			}
			if kind != page && (a.Problem.Top["redirect_browser_to"] != stepUp || a.Problem.Details["redirect_browser_to"] != stepUp) {
				t.Errorf("the client is sent to %v and %v, want %s", a.Problem.Top, a.Problem.Details, stepUp)
			}
			high := *low
			high.session = h.loaded(h.session(ann, session.AAL2))
			f := high.begin(flow.Settings, "")
			for what, a := range map[string]*flow.Answer{"fetch": low.fetch(flow.Settings, f.ID), "submit": low.post(flow.Settings, f, nil)} {
				if a.Status != 403 && a.Status != 303 || low.flowOf(a) != nil {
					t.Errorf("%s answered %q to a session at the first level", what, said(a))
				}
			}
			if a := high.fetch(flow.Settings, f.ID); a.Status != 200 {
				t.Errorf("fetch answered %q to a session at the second level", said(a))
			}
		})
	}
}

func TestSettingsBelongToOnePerson(t *testing.T) {
	h := newHouse(t, "")
	ann, bob := h.session(h.person("ann@cardea.test"), session.AAL1), h.session(h.person("bob@cardea.test"), session.AAL1)
	for _, kind := range clients {
		f := h.guest(kind).as(ann).begin(flow.Settings, "")
		other := h.guest(kind).as(bob)
		if a := other.fetch(flow.Settings, f.ID); other.explained(a) != problem.IdentityMismatch {
			t.Errorf("%s: fetch of somebody else's settings: %q", kind, said(a))
		}
		if a := other.post(flow.Settings, f, map[string]any{"method": "stub"}); other.explained(a) != problem.IdentityMismatch {
			t.Errorf("%s: submission to somebody else's settings: %q", kind, said(a))
		}
		nobody := h.guest(kind)
		if a := nobody.fetch(flow.Settings, f.ID); a.Status != 401 && a.Status != 302 {
			t.Errorf("%s: fetch of settings by nobody: %q", kind, said(a))
		}
		if a := nobody.post(flow.Settings, f, nil); a.Status != 401 && a.Status != 302 {
			t.Errorf("%s: submission to settings by nobody: %q", kind, said(a))
		}
	}
}

func TestWhatIsNoFlowIsNotFound(t *testing.T) {
	h := newHouse(t, "")
	s := h.guest(script)
	login := s.begin(flow.Login, "")
	for name, a := range map[string]*flow.Answer{
		"an unknown id":           s.fetch(flow.Login, uuid.New()),
		"a flow of another kind":  s.fetch(flow.Registration, login.ID),
		"what is no id":           s.engine.Fetch(t.Context(), flow.Login, s.visit("id=x", nil)),
		"no id":                   s.engine.Fetch(t.Context(), flow.Login, s.visit("", nil)),
		"submit an unknown id":    s.postTo(flow.Login, "flow="+uuid.NewString(), nil),
		"submit to another kind":  s.postTo(flow.Recovery, "flow="+login.ID.String(), nil),
		"submit to another kind,": s.postTo(flow.Registration, "flow="+login.ID.String(), nil),
	} {
		if said(a) != "404 error" {
			t.Errorf("%s: answered %q", name, said(a))
		}
	}
	for _, query := range []string{"", "flow=", "flow=x", "id=" + login.ID.String()} {
		if a := s.postTo(flow.Login, query, nil); said(a) != "400 error" {
			t.Errorf("submit with %q: answered %q", query, said(a))
		}
		p := h.guest(page)
		if a := p.postTo(flow.Login, query, nil); said(a) != errorPage {
			t.Errorf("submit of a page with %q: answered %q", query, said(a))
		}
	}
}
