package cardeatest

import (
	"encoding/json"
	"slices"
)

// Message is a message of a form or of a node.
type Message struct {
	ID      int            `json:"id"`
	Text    string         `json:"text"`
	Type    string         `json:"type"`
	Context map[string]any `json:"context"`
}

// Node is an element of a form.
type Node struct {
	Type       string         `json:"type"`
	Group      string         `json:"group"`
	Attributes map[string]any `json:"attributes"`
	Messages   []Message      `json:"messages"`
	Meta       struct {
		Label *Message `json:"label"`
	} `json:"meta"`
}

// UI is the form in an answer; the zero value when there is none.
func (a *Answer) UI() (ui struct {
	Action   string    `json:"action"`
	Method   string    `json:"method"`
	Nodes    []Node    `json:"nodes"`
	Messages []Message `json:"messages"`
}) {
	a.t.Helper()
	var body struct {
		UI json.RawMessage `json:"ui"`
	}
	if json.Unmarshal(a.Body, &body) == nil && body.UI != nil {
		if err := json.Unmarshal(body.UI, &ui); err != nil {
			a.t.Fatalf("read the form: %v", err)
		}
	}
	return ui
}

// Node finds an element by name or id, nil when there is none.
func (a *Answer) Node(id string) *Node {
	a.t.Helper()
	nodes := a.UI().Nodes
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Attributes["name"] == id || n.Attributes["id"] == id })
	if i < 0 {
		return nil
	}
	return &nodes[i]
}

// Messages are the ids of the form's messages.
func (a *Answer) Messages() []int {
	a.t.Helper()
	return ids(a.UI().Messages)
}

// FieldMessages are the ids of the messages on a node.
func (a *Answer) FieldMessages(node string) []int {
	a.t.Helper()
	if n := a.Node(node); n != nil {
		return ids(n.Messages)
	}
	return nil
}

func ids(all []Message) []int {
	var out []int
	for _, m := range all {
		out = append(out, m.ID)
	}
	return out
}

// ErrorID is the id of an error envelope, "" for none.
func (a *Answer) ErrorID() string {
	inner, _ := a.JSON["error"].(map[string]any)
	id, _ := inner["id"].(string)
	return id
}

// Text is a string in the answer by its path, "" when it is not there.
func (a *Answer) Text(path ...string) string {
	var at any = a.JSON
	for _, key := range path {
		object, _ := at.(map[string]any)
		at = object[key]
	}
	text, _ := at.(string)
	return text
}
