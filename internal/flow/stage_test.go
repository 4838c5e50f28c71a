package flow_test

import (
	"slices"
	"testing"

	"cardea/internal/flow"
	"cardea/internal/session"
	"cardea/internal/ui"
)

func TestWhichScreenAJourneyBeginsWith(t *testing.T) {
	const (
		identifierFirst = `selfservice: {flows: {login: {style: identifier_first}}}`
		profileFirst    = `selfservice: {flows: {registration: {style: profile_first}}}`
	)
	cases := []struct {
		name, config string
		kind         flow.Kind
		query        string
		signedIn     bool
		want         flow.Stage
	}{
		{"a login with one screen", "", flow.Login, "", false, flow.OneScreen},
		{"a login that asks who first", identifierFirst, flow.Login, "", false, flow.Identify},
		{"a new sign-in knows who", identifierFirst, flow.Login, "refresh=true", true, flow.OneScreen},
		{"a second factor knows who", identifierFirst, flow.Login, "aal=aal2", true, flow.OneScreen},
		{"refresh means nothing to nobody", identifierFirst, flow.Login, "refresh=true", false, flow.Identify},
		{"a registration with one screen", "", flow.Registration, "", false, flow.OneScreen},
		{"a registration that asks about the person first", profileFirst, flow.Registration, "", false, flow.Profile},
		{"the style of logins is none of registrations'", identifierFirst, flow.Registration, "", false, flow.OneScreen},
		{"the style of registrations is none of logins'", profileFirst, flow.Login, "", false, flow.OneScreen},
		{"recovery has one screen", identifierFirst, flow.Recovery, "", false, flow.OneScreen},
		{"settings have one screen", profileFirst, flow.Settings, "", true, flow.OneScreen},
	}
	h := newHouse(t, "")
	ann := h.session(h.person("ann@cardea.test"), session.AAL1)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h.setup = compile(t, c.config)
			g := h.guest(script)
			if c.signedIn {
				g.as(ann)
			}
			f := g.begin(c.kind, c.query)
			if got := f.Stage(); got != c.want {
				t.Errorf("the screen is %q, want %q", got, c.want)
			}
			if got := h.stored(f.ID).Stage(); got != c.want {
				t.Errorf("the screen of the stored flow is %q, want %q", got, c.want)
			}
		})
	}
}

func TestAScreenShowsTheStepsThatHaveAPlaceOnIt(t *testing.T) {
	const identifierFirst = `selfservice: {flows: {login: {style: identifier_first}}}`
	for _, c := range []struct {
		name         string
		first, only  bool // the stub has a place on the first screen, and on no single one
		one, several bool // it is shown on a single screen, and on the first of several
	}{
		{"a step of later screens", false, false, true, false},
		{"a step of first screens too", true, false, true, true},
		{"a step of first screens only", true, true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, "", func(s *flow.Spec) { s.FirstScreen, s.FirstScreenOnly = c.first, c.only })
			for config, want := range map[string]bool{"": c.one, identifierFirst: c.several} {
				h.setup = compile(t, config)
				shown := h.guest(script).start(flow.Login, "").Body.(*flow.Page)
				if got := slices.ContainsFunc(shown.UI.Nodes, func(n ui.Node) bool { return n.ID() == "word" }); got != want {
					t.Errorf("with %q it is shown: %t, want %t", config, got, want)
				}
			}
		})
	}
}
