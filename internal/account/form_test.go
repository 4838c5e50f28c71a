package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

func TestEveryFormIsAccessible(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			doc := showPage(t, flowPage(s.kind, s.form))
			ids := map[string]bool{}
			for _, e := range elements(doc, "") {
				if id, ok := attribute(e, "id"); ok {
					if ids[id] {
						t.Errorf("the id %q is there twice", id)
					}
					ids[id] = true
				}
			}
			for _, e := range elements(doc, "") {
				for _, key := range []string{"aria-describedby", "aria-labelledby", "for"} {
					for _, id := range strings.Fields(value(e, key)) {
						if !ids[id] {
							t.Errorf("%s=%q of <%s> leads to nothing", key, id, e.Data)
						}
					}
				}
				checkElement(t, doc, e)
			}
			if n := len(elements(doc, "h1")); n != 1 {
				t.Errorf("there are %d main headings", n)
			}
			if strings.TrimSpace(textOf(elements(doc, "title")[0])) == "" || value(elements(doc, "html")[0], "lang") == "" {
				t.Error("the page has no title or no language")
			}
			focused := 0
			for _, e := range elements(doc, "") {
				if _, ok := attribute(e, "autofocus"); ok {
					focused++
				}
			}
			if focused > 1 {
				t.Errorf("%d fields want the focus", focused)
			}
		})
	}
}

func checkElement(t *testing.T, doc, e *html.Node) {
	t.Helper()
	switch e.Data {
	case "input", "select":
		if _, unseen := attribute(e, "hidden"); unseen || value(e, "type") == "hidden" {
			return
		}
		l := having(doc, "label", "for", value(e, "id"))
		if l == nil || textOf(l) == "" {
			t.Errorf("the field %q has no label", value(e, "name"))
		}
	case "button", "a", "label", "h2":
		if textOf(e) == "" && value(e, "aria-label") == "" && len(elements(e, "img")) == 0 {
			t.Errorf("a <%s> has no text", e.Data)
		}
	case "img":
		if _, ok := attribute(e, "alt"); !ok {
			t.Error("a picture has no alternative text")
		}
	case "script":
		if !isOurs(e) {
			t.Errorf("there is a <script> from %q with the text %q", value(e, "src"), textOf(e))
		}
	case "style", "iframe", "object", "base":
		t.Errorf("there is a <%s>", e.Data)
	}
	for _, a := range e.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s> has the attribute %s", e.Data, a.Key)
		}
	}
}

// sent describes what the forms of a page send and in which order one meets it.
func sent(doc *html.Node) [][]string {
	var forms [][]string
	for _, f := range elements(doc, "form") {
		var all []string
		for _, e := range elements(f, "") {
			name, ok := attribute(e, "name")
			if !ok {
				continue
			}
			switch {
			case e.Data == "button" && strings.Contains(value(e, "class"), "primary"):
				name += "=" + value(e, "value") + "!"
			case e.Data == "button":
				name += "=" + value(e, "value")
			case value(e, "type") == "hidden":
				name = "(" + name + ")"
			}
			all = append(all, name)
		}
		forms = append(forms, all)
	}
	return forms
}

func TestNodesFindTheirPlace(t *testing.T) {
	all := samples()
	tests := map[string][][]string{
		"a sign-in with everything in it": {{"(csrf_token)", "identifier", "password", "method=password!", "provider=acme", "method=code"}},
		"a second factor": {
			{"(csrf_token)", "(webauthn_login)", "totp_code", "method=totp!", "webauthn_login_trigger={}"},
			{"(csrf_token)", "lookup_secret", "method=lookup_secret"},
		},
		"a sign-up with a key": {{"(csrf_token)", "(passkey_register)", "traits.email", "password", "method=password!", "passkey_register_trigger="}},
		"keys in settings": {{
			"(csrf_token)", "(webauthn_register)", "webauthn_register_displayname", "webauthn_register_trigger={}!", "webauthn_remove=6b",
		}},
		"the first step of a sign-up":  {{"(csrf_token)", "traits.email", "method=profile!"}},
		"the second step of a sign-up": {{"(csrf_token)", "(traits.email)", "method=code!", "screen=previous"}},
		"a mistake on the second step": {{"(csrf_token)", "(traits.name)", "traits.email", "method=code!", "screen=previous"}},
		"settings": {
			{"(csrf_token)", "traits.email", "method=profile!"},
			{"(csrf_token)", "password", "method=password!"},
			{"(csrf_token)", "link=acme"},
			{"(csrf_token)", "lookup_secret_confirm=true"},
			{"(csrf_token)", "totp_code", "method=totp!"},
		},
		"a recovery":                         {{"(csrf_token)", "email", "method=code!"}},
		"a recovery that waits for the code": {{"(csrf_token)", "(method)", "code", "method=code!", "email=a@example.org"}},
		"a form without nodes":               nil,
		"a form that has only the token":     nil,
		"nodes that need JavaScript only":    nil,
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			s := all[name]
			if diff := cmp.Diff(want, sent(showPage(t, flowPage(s.kind, s.form)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// input gives the field of a name.
func input(t *testing.T, doc *html.Node, name string) *html.Node {
	t.Helper()
	for _, e := range elements(doc, "") {
		if value(e, "name") == name && value(e, "type") != "hidden" && (e.Data == "input" || e.Data == "select") {
			return e
		}
	}
	t.Fatalf("there is no field %q", name)
	return nil
}

func TestFieldsAreWhatTheirNodesSay(t *testing.T) {
	tests := map[string]struct {
		node ui.Input
		want map[string]string // attributes that have to be there
		not  []string          // attributes that must not
	}{
		"an address": {
			ui.Input{Type: ui.InputEmail, Required: true, Autocomplete: ui.AutocompleteEmail, Value: "a@b"},
			map[string]string{"type": "email", "required": "", "autocomplete": "email", "value": "a@b", "autocapitalize": "none"},
			[]string{"maxlength", "disabled"},
		},
		"a password shows no value": {
			ui.Input{Type: ui.InputPassword, Value: "hunter2", Autocomplete: ui.AutocompleteNewPassword},
			map[string]string{"type": "password", "autocomplete": "new-password"},
			[]string{"value", "autocapitalize"},
		},
		"a code": {
			ui.Input{Type: ui.InputText, Autocomplete: ui.AutocompleteOneTimeCode, MaxLength: 6},
			map[string]string{"type": "text", "inputmode": "numeric", "maxlength": "6", "autocomplete": "one-time-code"},
			nil,
		},
		"a pattern stays with the server": {ui.Input{Type: ui.InputText, Pattern: "[0-9]"}, map[string]string{"type": "text"}, []string{"pattern"}},
		"a moment is typed":               {ui.Input{Type: ui.InputDateTimeLocal, Value: "2026-01-02T03:04:05Z"}, map[string]string{"type": "text", "value": "2026-01-02T03:04:05Z"}, nil},
		"a number":                        {ui.Input{Type: ui.InputNumber, Value: 12345678.0}, map[string]string{"type": "number", "value": "12345678"}, nil},
		"a type that nobody knows":        {ui.Input{Type: "hologram", Value: "x"}, map[string]string{"type": "text", "value": "x"}, nil},
		"a field that is locked":          {ui.Input{Type: ui.InputText, Disabled: true}, map[string]string{"disabled": ""}, []string{"autofocus"}},
		"a box that is ticked":            {ui.Input{Type: ui.InputCheckbox, Value: true}, map[string]string{"type": "checkbox", "checked": "", "value": "true"}, nil},
		"a box that is not":               {ui.Input{Type: ui.InputCheckbox, Value: false}, map[string]string{"type": "checkbox", "value": "true"}, []string{"checked"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.node.Name = "x"
			e := input(t, show(t, flow.Registration, tt.node.Node(ui.Default).Labelled(label("X"))), "x")
			for key, want := range tt.want {
				if got, ok := attribute(e, key); !ok || got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			for _, key := range tt.not {
				if got, ok := attribute(e, key); ok {
					t.Errorf("there is %s=%q", key, got)
				}
			}
		})
	}
}

func TestAnUntickedBoxSendsFalse(t *testing.T) {
	doc := show(t, flow.Registration, field(ui.Default, "traits.news", ui.InputCheckbox))
	var all []string
	for _, e := range elements(doc, "input") {
		if value(e, "name") == "traits.news" {
			all = append(all, value(e, "type")+"="+value(e, "value"))
		}
	}
	if diff := cmp.Diff([]string{"hidden=false", "checkbox=true"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAChoiceOffersItsOptions(t *testing.T) {
	doc := show(t, flow.Registration, ui.Input{
		Name: "x", Type: ui.InputText, Value: 2.0, Options: []ui.Option{{Value: "a"}, {Value: 2.0}, {Value: true}},
	}.Node(ui.Default).Labelled(label("X")))
	var all []string
	for _, e := range elements(input(t, doc, "x"), "option") {
		v := value(e, "value")
		if _, ok := attribute(e, "selected"); ok {
			v += "!"
		}
		all = append(all, v)
	}
	if diff := cmp.Diff([]string{"", "a", "2!", "true"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrorsStandWithTheirFields(t *testing.T) {
	nodes := login()
	nodes.AddMessage("password", ui.New(ui.ValidationRequired, "property", "password"))
	nodes.SetValue("identifier", "ada@example.org")
	doc := showPage(t, flowPage(flow.Login, ui.Container{Nodes: nodes, Messages: []ui.Message{ui.New(ui.ValidationCredentials)}}))

	password := input(t, doc, "password")
	if value(password, "aria-invalid") != "true" {
		t.Error("the field does not say that it is invalid")
	}
	if _, ok := attribute(password, "autofocus"); !ok {
		t.Error("the faulty field has not the focus")
	}
	var said []string
	for _, id := range strings.Fields(value(password, "aria-describedby")) {
		said = append(said, textOf(having(doc, "p", "id", id)))
	}
	if len(said) != 2 {
		t.Fatalf("the field is described by %q, want the form's message and its own", said)
	}
	if got := value(input(t, doc, "identifier"), "value"); got != "ada@example.org" {
		t.Errorf("what was typed became %q", got)
	}
	var alerts []*html.Node
	for _, e := range elements(doc, "p") {
		if value(e, "role") == "alert" {
			alerts = append(alerts, e)
		}
	}
	if len(alerts) != 2 {
		t.Fatalf("there are %d alerts, want the form's message and the list of faulty fields", len(alerts))
	}
	if a := elements(alerts[1], "a"); len(a) != 1 || value(a[0], "href") != "#"+value(password, "id") {
		t.Error("the list does not lead to the faulty field")
	}
}

func TestTheFirstEmptyFieldGetsTheFocus(t *testing.T) {
	nodes := login()
	for _, want := range []string{"identifier", "password"} {
		doc := showPage(t, flowPage(flow.Login, ui.Container{Nodes: nodes}))
		if _, ok := attribute(input(t, doc, want), "autofocus"); !ok {
			t.Errorf("%s has not the focus", want)
		}
		nodes.SetValue("identifier", "ada")
	}
}

func TestOnlyFieldsThatMayStayEmptyAreMarked(t *testing.T) {
	doc := show(t, flow.Registration,
		ui.Input{Name: "must", Type: ui.InputText, Required: true}.Node(ui.Default).Labelled(label("Must")),
		ui.Input{Name: "may", Type: ui.InputText}.Node(ui.Default).Labelled(label("May")))
	for name, marked := range map[string]bool{"must": false, "may": true} {
		l := having(doc, "label", "for", value(input(t, doc, name), "id"))
		if got := len(elements(l, "small")) == 1; got != marked {
			t.Errorf("%s: marked %v, want %v", name, got, marked)
		}
		if _, required := attribute(input(t, doc, name), "required"); required == marked {
			t.Errorf("%s: required is %v", name, required)
		}
	}
}

func TestBackupCodesAreAList(t *testing.T) {
	s := samples()["settings"]
	doc := showPage(t, flowPage(s.kind, s.form))
	list := having(doc, "ul", "class", "values")
	if list == nil || len(elements(list, "li")) != 2 {
		t.Error("there is no list of two codes")
	}
}

// novel is a type of node that this package has never seen.
type novel struct{ ui.Attributes }

func TestNewTypesOfNodesAreLeftOut(t *testing.T) {
	nodes := append(ui.Nodes{{Group: "hologram", Attributes: novel{ui.Text{ID: "x"}}}}, login()...)
	nodes = append(nodes, ui.Node{Group: "hologram", Attributes: novel{ui.Input{Name: "y"}}})
	if diff := cmp.Diff(sent(show(t, flow.Login, login()...)), sent(show(t, flow.Login, nodes...))); diff != "" {
		t.Errorf("(-without +with):\n%s", diff)
	}
}

func TestALinkThatIsAllThereIsToDoIsPrimary(t *testing.T) {
	s := samples()["a verification that is done"]
	doc := showPage(t, flowPage(s.kind, s.form))
	if having(doc, "p", "class", "divider") != nil {
		t.Error("there is a divider with nothing above it")
	}
	if a := having(doc, "a", "class", "button primary"); a == nil || value(a, "href") != base {
		t.Error("the link is not the primary action")
	}
}

func TestTheFirstFormIsNeverAnAlternative(t *testing.T) {
	for name, s := range samples() {
		doc := showPage(t, flowPage(s.kind, s.form))
		for _, e := range elements(elements(doc, "main")[0], "") {
			if value(e, "class") == "divider" {
				t.Errorf("%s: a divider stands above everything", name)
			}
			if e.Data == "button" || e.Data == "input" && value(e, "type") != "hidden" || value(e, "class") == "button primary" {
				break
			}
		}
	}
}

func TestNewGroupsAreAlternatives(t *testing.T) {
	nodes := append(login(), field("hologram", "wave", ui.InputText), ui.Submit("hologram", "method", "hologram", label("Wave")))
	got := sent(show(t, flow.Login, nodes...))
	if diff := cmp.Diff([]string{"(csrf_token)", "wave", "method=hologram"}, got[len(got)-1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
