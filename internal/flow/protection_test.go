package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

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
