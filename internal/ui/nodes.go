package ui

import (
	"slices"
	"strings"
)

// Nodes are the nodes of a form in the order they are shown.
type Nodes []Node

// Container is a whole form.
type Container struct {
	Action   string // URL the form is sent to
	Method   string // HTTP method the form is sent with
	Nodes    Nodes
	Messages []Message // about the form as a whole
}

// AddMessage puts a message on the node with the id, or on the form when the id
// is empty.
func (c *Container) AddMessage(id string, m Message) {
	if id == "" {
		c.Messages = append(c.Messages, m)
		return
	}
	c.Nodes.AddMessage(id, m)
}

// Find gives the first node with the id for reading and changing, nil when there
// is none. The pointer is good until nodes are added or removed.
func (ns Nodes) Find(id string) *Node {
	for i := range ns {
		if ns[i].ID() == id {
			return &ns[i]
		}
	}
	return nil
}

// SetValue changes the value of the first node with the id and reports whether
// there was an input to change. A nil value removes it.
func (ns Nodes) SetValue(id string, value any) bool {
	n := ns.Find(id)
	if n == nil || n.Type() != TypeInput {
		return false
	}
	*n = n.withValue(value)
	return true
}

// AddMessage puts a message on the first node with the id. When there is none it
// appends a text input of that name to carry it: a message is never lost.
func (ns *Nodes) AddMessage(id string, m Message) {
	n := ns.Find(id)
	if n == nil {
		*ns = append(*ns, Input{Name: id, Type: InputText}.Node(Default))
		n = &(*ns)[len(*ns)-1]
	}
	// Clipped, because the node may be a copy that shares its messages.
	n.Messages = append(slices.Clip(n.Messages), m)
}

// WithGroup gives the nodes that are in one of the groups, in their order.
func (ns Nodes) WithGroup(groups ...Group) Nodes {
	var out Nodes
	for _, n := range ns {
		if slices.Contains(groups, n.Group) {
			out = append(out, n)
		}
	}
	return out
}

// Upsert puts the node in the place of the first one with its id, or at the end
// when there is none.
func (ns *Nodes) Upsert(n Node) {
	if old := ns.Find(n.ID()); old != nil {
		*old = n
		return
	}
	*ns = append(*ns, n)
}

// Remove takes out every node that matches.
func (ns *Nodes) Remove(match func(Node) bool) {
	*ns = slices.DeleteFunc(*ns, match)
}

// PointerID gives the id of the node that a JSON pointer (RFC 6901, also as the
// URI fragment of section 6) into the submitted document speaks of:
// "#/traits/email" is "traits.email". A dot inside a segment is escaped with a
// backslash. The whole document gives "", which stands for the form.
func PointerID(pointer string) string {
	pointer = strings.Trim(strings.TrimPrefix(pointer, "#"), "/")
	if pointer == "" {
		return ""
	}
	segments := strings.Split(pointer, "/")
	for i, s := range segments {
		segments[i] = pointerEscapes.Replace(s)
	}
	return strings.Join(segments, ".")
}

// pointerEscapes undoes the escapes of RFC 6901 section 4 and makes those of ids.
var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~", ".", `\.`)
