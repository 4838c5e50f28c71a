package account

import (
	"testing"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

func TestWhoConfirmsThatItIsThemIsNotAskedWhoTheyAre(t *testing.T) {
	asks := func(typed any) ui.Nodes {
		return ui.Nodes{filled(identifier(), typed), passwordField(ui.AutocompleteCurrentPassword), submit(ui.Password, "password", ui.LoginWithPassword)}
	}
	for name, c := range map[string]struct {
		nodes   ui.Nodes
		refresh bool
		hidden  bool
	}{
		"a form that asks all the same":       {asks(""), true, true},
		"the form after a wrong password":     {asks("ada@example.org"), true, true},
		"somebody else has been typed":        {asks("grace@example.org"), true, false},
		"a sign-in that confirms nothing":     {asks(""), false, false},
		"a form that knows who it is already": {append(ui.Nodes{ui.Hidden(ui.Default, "identifier", "ada@example.org")}, asks("")[1:]...), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			page := flowPage(flow.Login, ui.Container{Nodes: c.nodes})
			page.Flow.Refresh = c.refresh
			s := signedIn()
			j := &journeys{page: page, session: s, setup: setup(t, nil)}
			s.Identity.SchemaID = j.setup.Identity.DefaultSchemaID
			at := having(document(t, get(t, j, "/login?flow=1")), "input", "name", "identifier")
			if at == nil {
				t.Fatal("the identifier is not sent")
			}
			if _, hidden := attribute(at, "hidden"); hidden != c.hidden {
				t.Errorf("hidden is %t, want %t", hidden, c.hidden)
			}
			if c.hidden && value(at, "value") != "ada@example.org" {
				t.Errorf("the form is for %q", value(at, "value"))
			}
		})
	}
}
