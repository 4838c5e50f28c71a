package ui

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The contract's shapes as plain structs, for encoding/json to write.
type (
	plainMessage struct {
		ID      int            `json:"id"`
		Text    string         `json:"text"`
		Type    string         `json:"type"`
		Context map[string]any `json:"context,omitempty"`
	}
	plainOption struct {
		Value any `json:"value"`
	}
	plainInput struct {
		Name           string        `json:"name"`
		Type           string        `json:"type"`
		Value          any           `json:"value,omitempty"`
		Required       bool          `json:"required,omitempty"`
		Autocomplete   string        `json:"autocomplete,omitempty"`
		Label          *plainMessage `json:"label,omitempty"`
		Pattern        string        `json:"pattern,omitempty"`
		Disabled       bool          `json:"disabled"`
		OnClick        string        `json:"onclick,omitempty"`
		OnClickTrigger string        `json:"onclickTrigger,omitempty"`
		OnLoad         string        `json:"onload,omitempty"`
		OnLoadTrigger  string        `json:"onloadTrigger,omitempty"`
		MaxLength      int           `json:"maxlength,omitempty"`
		Options        []plainOption `json:"options,omitempty"`
		NodeType       string        `json:"node_type"`
	}
	plainImage struct {
		Source   string `json:"src"`
		ID       string `json:"id"`
		Width    int    `json:"width"`
		Height   int    `json:"height"`
		NodeType string `json:"node_type"`
	}
	plainAnchor struct {
		HRef     string       `json:"href"`
		Title    plainMessage `json:"title"`
		ID       string       `json:"id"`
		NodeType string       `json:"node_type"`
	}
	plainText struct {
		Text     plainMessage `json:"text"`
		ID       string       `json:"id"`
		NodeType string       `json:"node_type"`
	}
	plainScript struct {
		Source         string `json:"src"`
		Async          bool   `json:"async"`
		ReferrerPolicy string `json:"referrerpolicy"`
		CrossOrigin    string `json:"crossorigin"`
		Integrity      string `json:"integrity"`
		Type           string `json:"type"`
		ID             string `json:"id"`
		Nonce          string `json:"nonce"`
		NodeType       string `json:"node_type"`
	}
	plainDiv struct {
		Class    string            `json:"class,omitempty"`
		ID       string            `json:"id"`
		Data     map[string]string `json:"data,omitempty"`
		NodeType string            `json:"node_type"`
	}
	plainMeta struct {
		Label *plainMessage `json:"label,omitempty"`
	}
	plainNode struct {
		Type       string         `json:"type"`
		Group      string         `json:"group"`
		Attributes any            `json:"attributes"`
		Messages   []plainMessage `json:"messages"`
		Meta       plainMeta      `json:"meta"`
	}
	plainContainer struct {
		Action   string         `json:"action"`
		Method   string         `json:"method"`
		Nodes    []plainNode    `json:"nodes"`
		Messages []plainMessage `json:"messages,omitempty"`
	}
)

func plainOf(m Message) plainMessage {
	return plainMessage{int(m.ID), m.Text, string(m.Type), m.Context}
}

func plainPointer(m *Message) *plainMessage {
	if m == nil {
		return nil
	}
	p := plainOf(*m)
	return &p
}

func plainAll(ms []Message) []plainMessage {
	out := []plainMessage{}
	for _, m := range ms {
		out = append(out, plainOf(m))
	}
	return out
}

func plainAttributes(n Node) any {
	typ := string(n.Type())
	switch a := n.Attributes.(type) {
	case Input:
		var options []plainOption
		for _, o := range a.Options {
			options = append(options, plainOption(o))
		}
		return plainInput{
			a.Name, string(a.Type), a.Value, a.Required, string(a.Autocomplete), plainPointer(a.Label), a.Pattern,
			a.Disabled, a.OnClick, string(a.OnClickTrigger), a.OnLoad, string(a.OnLoadTrigger), a.MaxLength, options, typ,
		}
	case Image:
		return plainImage{a.Source, a.ID, a.Width, a.Height, typ}
	case Anchor:
		return plainAnchor{a.HRef, plainOf(a.Title), a.ID, typ}
	case Text:
		return plainText{plainOf(a.Text), a.ID, typ}
	case Script:
		return plainScript{a.Source, a.Async, a.ReferrerPolicy, a.CrossOrigin, a.Integrity, a.Type, a.ID, a.Nonce, typ}
	case Div:
		return plainDiv{a.Class, a.ID, a.Data, typ}
	}
	return nil
}

func plainForm(c Container) plainContainer {
	p := plainContainer{Action: c.Action, Method: c.Method, Messages: plainAll(c.Messages)}
	if c.Nodes != nil {
		p.Nodes = []plainNode{}
	}
	for _, n := range c.Nodes {
		p.Nodes = append(p.Nodes, plainNode{
			string(n.Type()), string(n.Group), plainAttributes(n), plainAll(n.Messages), plainMeta{plainPointer(n.Meta.Label)},
		})
	}
	return p
}

// texts draws strings with what is hard to write: HTML, control characters,
// line separators, broken UTF-8.
func texts() *rapid.Generator[string] {
	hard := rapid.SampledFrom([]string{
		"", "plain", `"\/`, "<b>&amp;</b>", "\x00\b\f\n\r\t\x1f\x7f", "\u2028\u2029", "\xff\xc3", "é日😀", "\ufffd",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return hard.Draw(t, "a") + rapid.String().Draw(t, "b") + hard.Draw(t, "c")
	})
}

func values() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 12).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return ""
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return rapid.Int().Draw(t, "int")
		case 4:
			return rapid.Int64().Draw(t, "int64")
		case 5:
			return rapid.Float64().Draw(t, "float")
		case 6:
			return float64(rapid.Int32().Draw(t, "whole"))
		case 7:
			return rapid.SampledFrom([]any{math.Copysign(0, -1), 1e21, 1e-7, float64(1 << 53), -0.5}).Draw(t, "edge")
		case 8:
			return map[string]any{"b": 1, "a": texts().Draw(t, "text"), "<": []any{nil, 2.5}}
		case 9:
			return []string{texts().Draw(t, "text"), "z"}
		case 10:
			return rapid.SampledFrom([]any{[]any(nil), []string(nil), map[string]any(nil), map[string]any{}, []any{}}).Draw(t, "empty")
		case 11:
			return json.RawMessage(`{ "x" : "<" }`)
		}
		return texts().Draw(t, "text")
	})
}

func messages() *rapid.Generator[Message] {
	return rapid.Custom(func(t *rapid.T) Message {
		return Message{
			ID:      MessageID(rapid.Int().Draw(t, "id")),
			Text:    texts().Draw(t, "text"),
			Type:    rapid.SampledFrom([]MessageType{Info, Error, Success}).Draw(t, "type"),
			Context: rapid.MapOfN(texts(), values(), 0, 10).Draw(t, "context"),
		}
	})
}

func attributes() *rapid.Generator[Attributes] {
	return rapid.Custom(func(t *rapid.T) Attributes {
		s := func() string { return texts().Draw(t, "s") }
		b := func() bool { return rapid.Bool().Draw(t, "b") }
		i := func() int { return rapid.IntRange(-1, 300).Draw(t, "i") }
		m := func() Message { return messages().Draw(t, "m") }
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return Image{s(), s(), i(), i()}
		case 1:
			return Anchor{s(), m(), s()}
		case 2:
			return Text{m(), s()}
		case 3:
			return Script{s(), b(), s(), s(), s(), s(), s(), s()}
		case 4:
			return Div{s(), s(), rapid.MapOfN(texts(), texts(), 0, 10).Draw(t, "data")}
		}
		in := Input{
			Name: s(), Type: InputType(s()), Value: values().Draw(t, "value"), Required: b(),
			Autocomplete: Autocomplete(s()), Pattern: s(), Disabled: b(), OnClick: s(), OnClickTrigger: Trigger(s()),
			OnLoad: s(), OnLoadTrigger: Trigger(s()), MaxLength: i(),
		}
		if b() {
			label := m()
			in.Label = &label
		}
		for range rapid.IntRange(0, 2).Draw(t, "options") {
			in.Options = append(in.Options, Option{values().Draw(t, "option")})
		}
		return in
	})
}

func forms() *rapid.Generator[Container] {
	return rapid.Custom(func(t *rapid.T) Container {
		c := Container{Action: texts().Draw(t, "action"), Method: texts().Draw(t, "method")}
		if rapid.Bool().Draw(t, "nodes") {
			c.Nodes = Nodes{}
		}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			n := Node{
				Group:      Group(texts().Draw(t, "group")),
				Attributes: attributes().Draw(t, "attributes"),
				Messages:   rapid.SliceOfN(messages(), 0, 2).Draw(t, "messages"),
			}
			if rapid.Bool().Draw(t, "labelled") {
				n = n.Labelled(messages().Draw(t, "label"))
			}
			c.Nodes = append(c.Nodes, n)
		}
		c.Messages = rapid.SliceOfN(messages(), 0, 2).Draw(t, "form messages")
		return c
	})
}

func TestAppendedJSONIsWhatEncodingJSONWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := forms().Draw(t, "form")
		want, err := json.Marshal(plainForm(c))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(c.AppendJSON(nil))); diff != "" {
			t.Errorf("appended (-want +got):\n%s", diff)
		}
	})
}

func TestEveryPartMarshalsToWhatItAppends(t *testing.T) {
	form := loginForm()
	for name, part := range map[string]interface{ AppendJSON([]byte) []byte }{
		"form": form, "nodes": form.Nodes, "node": form.Nodes[0], "message": *form.Nodes[0].Meta.Label,
	} {
		got, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(part.AppendJSON(nil)), string(got)); diff != "" {
			t.Errorf("%s (-appended +marshalled):\n%s", name, diff)
		}
	}
}

func TestNodesAreWrittenAsTheContractSays(t *testing.T) {
	tests := map[string]struct {
		node Node
		want string
	}{
		"an anti-CSRF token of a native flow keeps its empty value": {
			CSRFToken(""),
			`{"type":"input","group":"default","attributes":{"name":"csrf_token","type":"hidden","value":"","required":true,"disabled":false,"node_type":"input"},"messages":[],"meta":{}}`,
		},
		"a field without a value has none": {
			Input{Name: "password", Type: InputPassword, Autocomplete: AutocompleteCurrentPassword}.Node(Password),
			`{"type":"input","group":"password","attributes":{"name":"password","type":"password","autocomplete":"current-password","disabled":false,"node_type":"input"},"messages":[],"meta":{}}`,
		},
		"a value of false is a value": {
			Input{Name: "traits.news", Type: InputCheckbox, Value: false}.Node(Profile),
			`{"type":"input","group":"profile","attributes":{"name":"traits.news","type":"checkbox","value":false,"disabled":false,"node_type":"input"},"messages":[],"meta":{}}`,
		},
		"a label without context has none": {
			Submit(Password, "method", "password", Message{ID: 7, Text: "Go", Type: Info}),
			`{"type":"input","group":"password","attributes":{"name":"method","type":"submit","value":"password","disabled":false,"node_type":"input"},"messages":[],"meta":{"label":{"id":7,"text":"Go","type":"info"}}}`,
		},
		"the script is always the same": {
			WebAuthnScript("https://id.example/webauthn.js", "sha512-x", "n"),
			`{"type":"script","group":"webauthn","attributes":{"src":"https://id.example/webauthn.js","async":true,"referrerpolicy":"no-referrer","crossorigin":"anonymous","integrity":"sha512-x","type":"text/javascript","id":"webauthn_script","nonce":"n","node_type":"script"},"messages":[],"meta":{}}`,
		},
		"a value without a JSON form is null": {
			Hidden(Code, "x", math.NaN()),
			`{"type":"input","group":"code","attributes":{"name":"x","type":"hidden","value":null,"disabled":false,"node_type":"input"},"messages":[],"meta":{}}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(tt.node.AppendJSON(nil))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFormsWithoutNodesOrMessages(t *testing.T) {
	none := Container{Action: "/", Method: "POST"}
	if got, want := string(none.AppendJSON(nil)), `{"action":"/","method":"POST","nodes":null}`; got != want {
		t.Errorf("nil nodes: got %s, want %s", got, want)
	}
	none.Nodes = Nodes{}
	if got, want := string(none.AppendJSON(nil)), `{"action":"/","method":"POST","nodes":[]}`; got != want {
		t.Errorf("empty nodes: got %s, want %s", got, want)
	}
}

func TestMessagesInsideAContextAreWrittenAsMessages(t *testing.T) {
	m := New(SettingsBackupCodes, "secrets", []Message{New(SettingsBackupCode, "secret", "abc")})
	want := `{"id":1050015,"text":"","type":"info","context":{"secrets":[{"id":1050009,"text":"","type":"info","context":{"secret":"abc"}}]}}`
	if got := string(m.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func loginForm() Container {
	return Container{
		Action: "https://id.example/self-service/login?flow=0b5e4c2e-8b3f-4a51-9d51-0d4b9a3a7a55",
		Method: "POST",
		Nodes: Nodes{
			Submit(OIDC, "provider", "acme", New(LoginWithProvider, "provider", "Acme ID", "provider_id", "acme")),
			CSRFToken("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ="),
			Input{Name: "identifier", Type: InputText, Value: "", Required: true}.Node(Default).Labelled(New(LabelID)),
			Input{Name: "password", Type: InputPassword, Required: true, Autocomplete: AutocompleteCurrentPassword}.
				Node(Password).Labelled(New(LabelPassword)),
			Submit(Password, "method", "password", New(LoginWithPassword)),
			Submit(Code, "method", "code", New(LoginSendCode)),
		},
	}
}

func BenchmarkAppendJSONOfALoginForm(b *testing.B) {
	form := catalogue(b).Locale().Localize(loginForm())
	buf := form.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = form.AppendJSON(buf[:0])
	}
}

func BenchmarkEncodingJSONOfALoginForm(b *testing.B) {
	form := plainForm(catalogue(b).Locale().Localize(loginForm()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(form); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkALoginFormFromNothing(b *testing.B) {
	locale, order := catalogue(b).Locale(), LoginOrder()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		form := loginForm()
		Sort(form.Nodes, order)
		buf = locale.Localize(form).AppendJSON(buf[:0])
	}
}
