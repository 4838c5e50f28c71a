package hook

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/flow"
	"cardea/internal/ui"
)

func TestMessagesLandWhereTheirPointerLeads(t *testing.T) {
	for pointer, node := range map[string]string{
		"": "", "#": "", "#/": "", "/": "",
		"#/traits/email": "traits.email", "/traits/email": "traits.email", "#/method": "method",
		"#/traits/a.b": `traits.a\.b`, "#/traits/a~1b~0c": "traits.a/b~c", "#/traits/phones/0": "traits.phones.0",
	} {
		if got := nodeOf(pointer); got != node {
			t.Errorf("%q leads to %q, want %q", pointer, got, node)
		}
	}
}

func TestARefusalBecomesMessages(t *testing.T) {
	got, err := refusal([]byte(`{"messages": [
		{"instance_ptr": "#/traits/email", "messages": [{"id": 1234, "text": "no", "type": "error", "context": {"a": 1}}, {"id": 5, "text": "so", "type": "validation"}]},
		{"instance_ptr": "", "messages": [{"id": 4000001, "text": "ours", "type": "success"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &flow.Rejected{
		Form: []ui.Message{ui.Foreign(4000001, "ours", ui.Info, nil)},
		Fields: []flow.FieldMessage{
			{Node: "traits.email", Message: ui.Foreign(1234, "no", ui.Error, map[string]any{"a": 1.0})},
			{Node: "traits.email", Message: ui.Foreign(5, "so", ui.Info, nil)},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestARefusalWithoutMessagesIsNonsense(t *testing.T) {
	for _, body := range []string{"", "no", "[]", "{}", `{"messages": []}`, `{"messages": "no"}`, `{"messages": [{"messages": [{"id": "one"}]}]}`} {
		if got, err := refusal([]byte(body)); err == nil {
			t.Errorf("%q refuses with %v", body, got)
		}
	}
}

func TestWhatAHookWantsChanged(t *testing.T) {
	empty := ""
	for body, want := range map[string]*flow.IdentityChange{
		`{}`:                 {},
		`{"other": 1}`:       {},
		`{"identity": null}`: {},
		`{"identity": {"traits": {"a": 1}, "metadata_public": null, "metadata_admin": [1]}}`: {Traits: []byte(`{"a": 1}`), MetadataAdmin: []byte(`[1]`)},
		`{"identity": {"external_id": "", "state": "inactive", "schema_id": "other"}}`:       {ExternalID: &empty, State: "inactive", SchemaID: "other"},
	} {
		got, err := change([]byte(body))
		if got == nil {
			got = &flow.IdentityChange{}
		}
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v, %s", body, err, cmp.Diff(want, got))
		}
	}
	for _, body := range []string{"", "no", "[1,2]", `"text"`, `{"identity": {"state": 1}}`} {
		if got, err := change([]byte(body)); err == nil {
			t.Errorf("%q changes %v", body, got)
		}
	}
}
