package flow_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
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

func TestABrowsersSubmissionNeedsTheTokenOfItsCookie(t *testing.T) {
	h := newHouse(t, "")
	asked := 0
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		asked++
		return flow.Rejected{}, nil
	}
	for _, k := range kindsOfFlow {
		for _, client := range []string{page, script} {
			want := "403 security_csrf_violation"
			if client == page {
				want = errorPage
			}
			g := visitor(h, client, k)
			f := g.begin(k, "")
			stranger := h.guest(client)
			cases := map[string]func(*guest) map[string]any{
				"no token": func(g *guest) map[string]any { g.tokenless = true; return stub },
				"a stranger's token": func(*guest) map[string]any {
					return with(stub, "csrf_token", stranger.visit("", nil).CSRF.Masked(strings.NewReader(strings.Repeat("x", 64))))
				},
				"no cookie":      func(g *guest) map[string]any { g.cookie = nil; return stub },
				"an empty token": func(*guest) map[string]any { return with(stub, "csrf_token", "") },
				"a short token":  func(*guest) map[string]any { return with(stub, "csrf_token", "AAAA") },
			}
			for name, change := range cases {
				asked = 0
				altered := *g
				fields := change(&altered)
				a := altered.post(k, f, fields)
				if got := said(a); got != want || g.explained(a) != problem.CSRFViolation {
					t.Errorf("%s by %s with %s: answered %q, want %q", k, client, name, got, want)
				}
				if asked != 0 {
					t.Errorf("%s by %s with %s: the method was asked", k, client, name)
				}
			}
			asked = 0
			if g.post(k, f, stub); asked != 1 {
				t.Errorf("%s by %s with its own token: the method was asked %d times", k, client, asked)
			}
		}
	}
}

func with(fields map[string]any, key string, value any) map[string]any {
	all := map[string]any{key: value}
	for k, v := range fields {
		if k != key {
			all[k] = v
		}
	}
	return all
}

func TestAFlowIsReadOnlyByTheBrowserThatStartedIt(t *testing.T) {
	h := newHouse(t, "")
	for _, k := range []flow.Kind{flow.Login, flow.Registration, flow.Recovery, flow.Verification} {
		owner := h.guest(script)
		f := owner.begin(k, "")
		if a := owner.fetch(k, f.ID); a.Status != 200 {
			t.Errorf("%s: its owner is answered %q", k, said(a))
		}
		for name, g := range map[string]*guest{"another browser": h.guest(script), "a page of another browser": h.guest(page), "no browser": h.guest(native)} {
			if got := said(g.fetch(k, f.ID)); got != "403 security_csrf_violation" {
				t.Errorf("%s: %s is answered %q", k, name, got)
			}
		}
		app := h.guest(native)
		if a := h.guest(native).fetch(k, app.begin(k, "").ID); a.Status != 200 {
			t.Errorf("%s: a native flow is answered %q to whoever knows its id", k, said(a))
		}
	}
}

func TestAStepCanDoWithoutTheToken(t *testing.T) {
	h := newHouse(t, "", func(s *flow.Spec) { s.CSRF.Exempt = "a link in a mail" })
	asked := 0
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		asked++
		return flow.Rejected{}, nil
	}
	g := h.guest(script)
	g.tokenless = true
	if g.post(flow.Login, g.begin(flow.Login, ""), stub); asked != 1 {
		t.Error("a step without anti-CSRF rule was not asked")
	}
}

func TestANativeFlowRefusesWhatLooksLikeABrowser(t *testing.T) {
	h := newHouse(t, "")
	asked := 0
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		asked++
		return flow.Rejected{}, nil
	}
	cases := []struct {
		name    string
		origin  string
		cookies []string
		refused bool
	}{
		{"an app", "", nil, false},
		{"an origin", "https://app.cardea.test", nil, true},
		{"an origin that is hidden", "null", nil, true},
		{"a cookie", "", []string{"a"}, true},
		{"a session cookie", "", []string{"ory_kratos_session"}, true},
		{"Cloudflare's cookies", "", []string{"__cf_bm", "__cfruid", "_cfuvid", "cf_clearance"}, false},
		{"Cloudflare's cookies and another", "", []string{"__cf_bm", "a"}, true},
		{"a cookie that is almost Cloudflare's", "", []string{"cfx"}, true},
		{"a cookie with Cloudflare's name inside", "", []string{"x__cf_bm"}, true},
		{"Cloudflare's cookies and an origin", "https://app.cardea.test", []string{"__cf_bm"}, true},
	}
	for _, k := range []flow.Kind{flow.Login, flow.Registration, flow.Settings} {
		for _, c := range cases {
			g := visitor(h, native, k)
			g.origin, g.cookies = c.origin, c.cookies
			f := g.begin(k, "") // starting is never refused
			asked = 0
			a := g.post(k, f, stub)
			if c.refused != (asked == 0) {
				t.Errorf("%s by %s: the method was asked %d times", k, c.name, asked)
			}
			if !c.refused {
				continue
			}
			if diff := cmp.Diff([]ui.MessageID{ui.ValidationGeneric}, messages(g.flowOf(a))); a.Status != 400 || diff != "" {
				t.Errorf("%s by %s: answered %q, messages (-want +got):\n%s", k, c.name, said(a), diff)
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

func TestTheAntiCSRFTokenChangesWithWhoIsSignedIn(t *testing.T) {
	h := newHouse(t, "")
	ann, bob := h.person("ann@cardea.test"), h.person("bob@cardea.test")
	h.submit = accept(ann)
	for name, c := range map[string]struct {
		before *identity.Identity
		query  string
		rotate bool
	}{
		"nobody before":    {nil, "", true},
		"somebody else":    {bob, "refresh=true", true},
		"the same, again":  {ann, "refresh=true", false},
		"the same, higher": {ann, "aal=aal2", false},
	} {
		g := h.guest(script)
		if c.before != nil {
			g.as(h.session(c.before, session.AAL1))
		}
		f := g.begin(flow.Login, c.query)
		old := string(g.cookie)
		a := g.post(flow.Login, f, stub)
		if a.Status != 200 {
			t.Fatalf("%s: %q", name, said(a))
		}
		if rotated := string(g.cookie) != old; rotated != c.rotate {
			t.Errorf("%s: the token changed: %t, want %t", name, rotated, c.rotate)
		}
		if a := g.fetch(flow.Login, f.ID); (a.Status == 403) != c.rotate {
			t.Errorf("%s: a flow from before is answered %q", name, said(a))
		}
	}
}

func TestOnlyOneOfManySubmissionsUsesACodeUp(t *testing.T) {
	const digits, purpose = "123456", "stub"
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	g := h.guest(script)
	f := g.begin(flow.Login, "")
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
		return flow.Await{Effects: flow.Effects{Codes: &flow.Codes{
			Purpose: purpose, MaxAttempts: 100, ExpiresAt: x.Now.Add(time.Hour),
			List: []flow.Code{{Digits: digits, For: flow.CodeFor{Identity: ann.ID}}},
		}}}, nil
	}
	if a := g.post(flow.Login, f, stub); a.Status != 400 || a.Problem != nil {
		t.Fatalf("the code was not stored: %q", said(a))
	}
	const rivals = 16
	var mu sync.Mutex
	outcomes := map[flow.Outcome]int{}
	h.submit = func(ctx context.Context, x *flow.Exec, in stubInput) (flow.Result, error) {
		_, outcome, err := x.Consume(ctx, purpose, in.Code)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		outcomes[outcome]++
		mu.Unlock()
		if outcome != flow.Right {
			return flow.Deny(ui.New(ui.ValidationGeneric, "reason", "wrong")), nil
		}
		return accept(ann)(ctx, x, in)
	}
	var all sync.WaitGroup
	signedIn := make(chan bool, rivals)
	for range rivals {
		all.Go(func() {
			a := g.engine.Submit(t.Context(), flow.Login, g.visit("flow="+f.ID.String(), with(stub, "code", digits)))
			signedIn <- a.Cookie != nil
		})
	}
	all.Wait()
	close(signedIn)
	won := 0
	for in := range signedIn {
		if in {
			won++
		}
	}
	if won != 1 || outcomes[flow.Right] != 1 {
		t.Errorf("%d of %d submissions signed in with one code: %v", won, rivals, outcomes)
	}
}

func TestACodeCountsForItsFlowAndPurposeOnly(t *testing.T) {
	const digits = "123456"
	h := newHouse(t, "")
	ann := h.person("ann@cardea.test")
	g := h.guest(script)
	mine, other := g.begin(flow.Login, ""), g.begin(flow.Login, "")
	put := func(x *flow.Exec) flow.Result {
		return flow.Await{Effects: flow.Effects{Codes: &flow.Codes{
			Purpose: "stub", MaxAttempts: 3, ExpiresAt: x.Now.Add(time.Minute), List: []flow.Code{{Digits: digits, For: flow.CodeFor{Identity: ann.ID}}},
		}}}
	}
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) { return put(x), nil }
	g.post(flow.Login, mine, stub)
	var got flow.Outcome
	try := func(f *flow.Flow, purpose, code string) flow.Outcome {
		h.submit = func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
			var err error
			_, got, err = x.Consume(ctx, purpose, code)
			return flow.Rejected{}, err
		}
		g.post(flow.Login, f, stub)
		return got
	}
	for name, outcome := range map[string]flow.Outcome{
		"another flow":    try(other, "stub", digits),
		"another purpose": try(mine, "other", digits),
		"another code":    try(mine, "stub", "123457"),
	} {
		if outcome == flow.Right {
			t.Errorf("the code counts for %s", name)
		}
	}
	h.clock.Advance(time.Minute + time.Second)
	if try(mine, "stub", digits) == flow.Right {
		t.Error("the code counts after its end")
	}
	h.clock.Advance(-time.Minute)
	h.submit = func(_ context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) { return put(x), nil }
	g.post(flow.Login, mine, stub)
	for range 3 {
		try(mine, "stub", "000000")
	}
	if last := try(mine, "stub", digits); last == flow.Right {
		t.Error("the code counts after too many attempts")
	}
}
