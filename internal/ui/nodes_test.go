package ui

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outline gives groups and ids, which is what tests compare.
func outline(ns Nodes) []string {
	var out []string
	for _, n := range ns {
		out = append(out, string(n.Group)+" "+n.ID())
	}
	return out
}

func field(g Group, name string, value any) Node {
	return Input{Name: name, Type: InputText, Value: value}.Node(g)
}

func TestIdentityAndType(t *testing.T) {
	tests := []struct {
		node Node
		typ  Type
		id   string
	}{
		{Input{Name: "code"}.Node(Code), TypeInput, "code"},
		{Image{ID: "totp_qr"}.Node(TOTP), TypeImage, "totp_qr"},
		{Anchor{ID: "continue"}.Node(Code), TypeAnchor, "continue"},
		{Text{ID: "totp_secret_key"}.Node(TOTP), TypeText, "totp_secret_key"},
		{Script{ID: "webauthn_script"}.Node(WebAuthn), TypeScript, "webauthn_script"},
		{Div{ID: "captcha"}.Node(Captcha), TypeDiv, "captcha"},
	}
	for _, tt := range tests {
		if tt.node.Type() != tt.typ || tt.node.ID() != tt.id {
			t.Errorf("got %s %s, want %s %s", tt.node.Type(), tt.node.ID(), tt.typ, tt.id)
		}
	}
}

func TestSetValueChangesTheFirstInputOnly(t *testing.T) {
	ns := Nodes{Text{ID: "text"}.Node(Code), field(Code, "method", "a"), field(Code, "method", "b")}
	if !ns.SetValue("method", "new") {
		t.Error("the input was not found")
	}
	if ns.SetValue("text", "new") || ns.SetValue("missing", "new") {
		t.Error("a node without value was changed")
	}
	if ns[1].Value() != "new" || ns[2].Value() != "b" || ns[0].Value() != nil {
		t.Errorf("values are %v, %v, %v", ns[0].Value(), ns[1].Value(), ns[2].Value())
	}
}

func TestACopyOfNodesKeepsItsValues(t *testing.T) {
	original := Nodes{field(Default, "identifier", "old")}
	copied := append(Nodes{}, original...)
	copied.SetValue("identifier", "new")
	copied.AddMessage("identifier", New(ValidationGeneric, "reason", "no"))
	if original[0].Value() != "old" || len(original[0].Messages) != 0 {
		t.Errorf("the original changed: %v", original[0])
	}
}

func TestMessagesOnFields(t *testing.T) {
	first, second := New(ValidationEmail, "value", "x"), New(ValidationMinLength, "min_length", 3, "actual_length", 1)
	t.Run("gather on the first node with the id", func(t *testing.T) {
		c := Container{Nodes: Nodes{field(Code, "method", nil), field(Code, "method", nil)}}
		c.AddMessage("method", first)
		c.AddMessage("method", second)
		if diff := cmp.Diff([]Message{first, second}, c.Nodes[0].Messages); diff != "" {
			t.Errorf("first node (-want +got):\n%s", diff)
		}
		if len(c.Nodes[1].Messages) != 0 {
			t.Error("the second node got a message")
		}
	})
	t.Run("make a node when there is none", func(t *testing.T) {
		var c Container
		c.AddMessage("nowhere", first)
		want := Nodes{{Group: Default, Attributes: Input{Name: "nowhere", Type: InputText}, Messages: []Message{first}}}
		if diff := cmp.Diff(want, c.Nodes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("without a field belong to the form", func(t *testing.T) {
		var c Container
		c.AddMessage("", first)
		if len(c.Nodes) != 0 || len(c.Messages) != 1 {
			t.Errorf("got %d nodes and %d messages", len(c.Nodes), len(c.Messages))
		}
	})
}

func TestUpsertRemoveWithGroup(t *testing.T) {
	ns := Nodes{field(Default, "a", 1), field(Code, "b", 2), field(Default, "c", 3)}
	ns.Upsert(field(Password, "b", 4))
	ns.Upsert(field(Code, "d", 5))
	if diff := cmp.Diff([]string{"default a", "password b", "default c", "code d"}, outline(ns)); diff != "" {
		t.Errorf("after upsert (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"default a", "default c", "code d"}, outline(ns.WithGroup(Code, Default))); diff != "" {
		t.Errorf("with group (-want +got):\n%s", diff)
	}
	ns.Remove(func(n Node) bool { return n.Group == Default })
	if diff := cmp.Diff([]string{"password b", "code d"}, outline(ns)); diff != "" {
		t.Errorf("after remove (-want +got):\n%s", diff)
	}
}

func TestPointerID(t *testing.T) {
	for pointer, want := range map[string]string{
		"":                   "",
		"#":                  "",
		"#/":                 "",
		"/":                  "",
		"#/traits/email":     "traits.email",
		"/traits/name/first": "traits.name.first",
		"#/traits/a.b/c":     `traits.a\.b.c`,
		"#/traits/a~1b~0c":   "traits.a/b~c",
		"#/traits/tags/0":    "traits.tags.0",
	} {
		if got := PointerID(pointer); got != want {
			t.Errorf("PointerID(%q) = %q, want %q", pointer, got, want)
		}
	}
}

func TestTriggersAreCalledOnTheWindow(t *testing.T) {
	if got := TriggerPasskeyLogin.Call(""); got != "window.oryPasskeyLogin()" {
		t.Errorf("got %s", got)
	}
	if got := TriggerWebAuthnLogin.Call(`{"a":1}`); got != `window.oryWebAuthnLogin({"a":1})` {
		t.Errorf("got %s", got)
	}
}
