package flow_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// accept lets the stub prove that somebody is who they say.
func accept(i *identity.Identity) func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
	return func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		return flow.Proved{Identity: i, Method: session.Method{Method: "password", AAL: session.AAL1}}, nil
	}
}

var stub = map[string]any{"method": "stub", "word": "x"}

func TestChecksOfASubmissionComeInTheOrderThatClientsSee(t *testing.T) {
	const home = "303 https://www.cardea.test/home"
	cases := []struct {
		name     string
		kind     flow.Kind
		signedIn bool
		expired  bool
		unknown  bool
		want     map[string]string
		messages []ui.MessageID
	}{
		{"a login by somebody who is signed in", flow.Login, true, false, false,
			map[string]string{page: home, script: "400", native: "400"}, []ui.MessageID{ui.ValidationGeneric}},
		{"an expired login by somebody who is signed in", flow.Login, true, true, false,
			map[string]string{page: home, script: "400", native: "400"}, []ui.MessageID{ui.ValidationGeneric}},
		{"an unknown login by somebody who is signed in", flow.Login, true, false, true,
			map[string]string{page: errorPage, script: "404 error", native: "404 error"}, nil},
		{"a registration by somebody who is signed in", flow.Registration, true, false, false,
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}, nil},
		{"an expired registration by somebody who is signed in", flow.Registration, true, true, false,
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}, nil},
		{"an unknown registration by somebody who is signed in", flow.Registration, true, false, true,
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}, nil},
		{"a recovery by somebody who is signed in", flow.Recovery, true, false, false,
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}, nil},
		{"an expired recovery by somebody who is signed in", flow.Recovery, true, true, false,
			map[string]string{page: "302 https://www.cardea.test/home", script: "400 session_already_available", native: "400 session_already_available"}, nil},
		{"an unknown recovery by somebody who is signed in", flow.Recovery, true, false, true,
			map[string]string{page: errorPage, script: "404 error", native: "404 error"}, nil},
		{"unknown settings of nobody", flow.Settings, false, false, true,
			map[string]string{page: "302 https://www.cardea.test/login", script: "401 error", native: "401 error"}, nil},
		{"unknown settings", flow.Settings, true, false, true,
			map[string]string{page: errorPage, script: "404 error", native: "404 error"}, nil},
	}
	h := newHouse(t, "")
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		return nil, errors.New("the submission was judged")
	}
	ann := h.person("ann@cardea.test")
	for _, client := range clients {
		for _, c := range cases {
			t.Run(client+"/"+c.name, func(t *testing.T) {
				g := h.guest(client)
				f := &flow.Flow{ID: uuid.New()}
				if !c.unknown {
					f = g.begin(c.kind, "")
				}
				if c.expired {
					h.clock.Advance(11 * time.Minute)
				}
				if c.signedIn {
					g.as(h.session(ann, session.AAL1))
				}
				a := g.post(c.kind, f, stub)
				if got := said(a); got != c.want[client] {
					t.Fatalf("answered %q, want %q", got, c.want[client])
				}
				if _, shown := a.Body.(*flow.Page); shown {
					if diff := cmp.Diff(c.messages, messages(g.flowOf(a))); diff != "" {
						t.Errorf("messages (-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

func TestWhoIsSignedInIsSentOnToJourneysOnly(t *testing.T) {
	h := newHouse(t, "")
	g := h.guest(page).as(h.session(h.person("ann@cardea.test"), session.AAL1))
	const own = "https://id.cardea.test/self-service/"
	for to, want := range map[string]string{
		own + "settings":                 own + "settings",
		own + "../admin":                 "https://www.cardea.test/home",
		own + "%2e%2e/admin":             "https://www.cardea.test/home",
		"https://app.cardea.test/inside": "https://www.cardea.test/home",
		"https://evil.test/":             "https://www.cardea.test/home",
	} {
		a := g.postTo(flow.Registration, "flow="+uuid.NewString()+"&return_to="+url.QueryEscape(to), stub)
		if a.Status != 302 || a.Location != want {
			t.Errorf("with %s: answered %d to %s, want %s", to, a.Status, a.Location, want)
		}
	}
}

func TestASecondFactorIsNeverTheOnlyOne(t *testing.T) {
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	h.submit = accept(ann)
	for client, want := range map[string]string{page: errorPage, script: "401 session_aal1_required", native: "401 session_aal1_required"} {
		g := h.guest(client).as(h.session(ann, session.AAL1))
		f := g.begin(flow.Login, "aal=aal2")
		g.as(nil)
		if got := said(g.post(flow.Login, f, stub)); got != want {
			t.Errorf("%s: a second factor of nobody is answered %q, want %q", client, got, want)
		}
	}
}

func TestASubmissionForNobodySaysSo(t *testing.T) {
	nobody := map[flow.Kind]ui.MessageID{
		flow.Login: ui.LoginNoMethod, flow.Registration: ui.RegistrationNoMethod, flow.Settings: ui.SettingsNoMethod,
		flow.Recovery: ui.RecoveryNoMethod, flow.Verification: ui.VerificationNoMethod,
	}
	invalid := map[flow.Kind]string{flow.Registration: "302"}
	h := newHouse(t, "")
	for _, k := range kindsOfFlow {
		for _, client := range clients {
			g := visitor(h, client, k)
			f := g.begin(k, "")
			a := g.post(k, f, map[string]any{"word": "x"})
			want := "400"
			if client == page {
				want = "303"
				if invalid[k] != "" {
					want = invalid[k]
				}
				want += " https://www.cardea.test/" + string(k) + "?flow=…"
			}
			if got := said(a); got != want {
				t.Errorf("%s by %s: answered %q, want %q", k, client, got, want)
			}
			if diff := cmp.Diff([]ui.MessageID{nobody[k]}, messages(h.stored(f.ID))); diff != "" {
				t.Errorf("%s by %s: messages (-want +got):\n%s", k, client, diff)
			}
		}
	}
}

func TestAMethodThatIsSwitchedOffIsNotAsked(t *testing.T) {
	h := newHouse(t, "", func(s *flow.Spec) { s.Enabled = func(*flow.Setup) bool { return false } })
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		return nil, errors.New("the method was asked")
	}
	for _, k := range kindsOfFlow {
		for client, want := range map[string]string{page: errorPage, script: "404 error", native: "404 error"} {
			g := visitor(h, client, k)
			a := g.post(k, g.begin(k, ""), stub)
			if got := said(a); got != want {
				t.Errorf("%s by %s: answered %q, want %q", k, client, got, want)
			}
		}
	}
}

func TestASubmissionClearsWhatTheOneBeforeWasTold(t *testing.T) {
	h := newHouse(t, "")
	g := h.guest(script)
	f := g.begin(flow.Login, "")
	for range 3 {
		a := g.post(flow.Login, f, stub)
		if diff := cmp.Diff([]ui.MessageID{ui.ValidationGeneric}, messages(g.flowOf(a))); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	}
}

func TestErrorsOfASubmission(t *testing.T) {
	canary := errors.New("a cause nobody may see")
	cases := []struct {
		name     string
		err      error
		want     string
		page     string
		messages []ui.MessageID
	}{
		{"a bad request becomes a message and loses its id", problem.BadRequest("why").Named("some_id"), "400", "303 https://www.cardea.test/login?flow=…", []ui.MessageID{ui.ValidationGeneric}},
		{"an identity that is switched off", problem.BadRequest("off").Named(problem.IdentityDisabled), "400", "303 https://www.cardea.test/login?flow=…", []ui.MessageID{ui.LoginIdentityDisabled}},
		{"forbidden", problem.Forbidden("no").Named("some_id"), "403 some_id", errorPage, nil},
		{"not there", problem.ErrNotFound, "404 error", errorPage, nil},
		{"upstream", problem.New(502, "").Named(problem.Upstream), "502 upstream_error", errorPage, nil},
		{"busy", problem.Busy("later"), "503 error", errorPage, nil},
		{"anything", canary, "500 error", errorPage, nil},
		{"a client that went away", context.Canceled, "499 error", errorPage, nil},
		{"too slow", context.DeadlineExceeded, "503 error", errorPage, nil},
	}
	h := newHouse(t, "")
	for _, client := range clients {
		for _, c := range cases {
			t.Run(client+"/"+c.name, func(t *testing.T) {
				h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) { return nil, c.err }
				g := h.guest(client)
				f := g.begin(flow.Login, "")
				a := g.post(flow.Login, f, stub)
				want := c.want
				if client == page {
					want = c.page
				}
				if got := said(a); got != want {
					t.Errorf("answered %q, want %q", got, want)
				}
				if diff := cmp.Diff(c.messages, messages(h.stored(f.ID))); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestASignInMakesASessionThatNobodyBrought(t *testing.T) {
	h := newHouse(t, "")
	ann, bob := h.person("ann@cardea.test"), h.person("bob@cardea.test")
	h.submit = accept(ann)
	for _, client := range clients {
		g := h.guest(client).as(h.session(bob, session.AAL1))
		a := g.post(flow.Login, g.begin(flow.Login, "refresh=true"), stub)
		token := ""
		switch in, _ := a.Body.(*flow.SignedIn); {
		case client == native:
			token = in.Token
		case a.Cookie != nil:
			token = a.Cookie.Token
		}
		s, err := h.rows.SessionByToken(t.Context(), session.HashToken(token))
		if err != nil {
			t.Fatalf("%s: %v", client, err)
		}
		if s.IdentityID != ann.ID || s.ID == g.session.ID {
			t.Errorf("%s: signing in as one person gave the session of another", client)
		}
	}
}
