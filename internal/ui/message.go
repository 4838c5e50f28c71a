package ui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// MessageID says what a message means. Pages translate by it, so ids and context
// keys never change while texts may.
type MessageID int

// MessageType says how a message is to be taken.
type MessageType string

// The message types.
const (
	Info    MessageType = "info"
	Error   MessageType = "error"
	Success MessageType = "success"
)

// Message is something the user is told: a label, a hint, an error.
type Message struct {
	ID      MessageID
	Text    string // for humans, in the language it was rendered for; "" until then
	Type    MessageType
	Context map[string]any // JSON values by key; nil for none
	// Verbatim says that the text came from outside and is not ours to translate.
	Verbatim bool
}

// New makes a message of the catalogue from context keys and values by turns.
// Its text is empty until a [Locale] renders it. It panics on an id that is not
// ours and on a key that is no string or has no value: mistakes in the calling
// code.
func New(id MessageID, context ...any) Message {
	if !id.Known() {
		panic(fmt.Sprintf("ui: message %d is not defined", id))
	}
	m := Message{ID: id, Type: id.Type()}
	if len(context) == 0 {
		return m
	}
	if len(context)%2 != 0 {
		panic(fmt.Sprintf("ui: message %d has a context key without a value", id))
	}
	m.Context = make(map[string]any, len(context)/2)
	for pair := range slices.Chunk(context, 2) {
		m.Context[pair[0].(string)] = pair[1]
	}
	return m
}

// Foreign makes a message whose text is given and stays as it is: one that a web
// hook answered with, or one that consists of data alone, such as an address. The
// id may be ours or not. The context may be nil.
func Foreign(id MessageID, text string, typ MessageType, context map[string]any) Message {
	return Message{ID: id, Text: text, Type: typ, Context: context, Verbatim: true}
}

// Moment gives the two context entries of a point in time: under the key as
// RFC 3339 in UTC, and under the key with "_unix" as seconds since 1970.
func Moment(key string, t time.Time) []any {
	return []any{key, t.UTC().Format(time.RFC3339Nano), key + "_unix", t.Unix()}
}

// Stored is how a row keeps a message: by id and context. Type and text are kept
// for verbatim messages only, all others get them from the catalogue.
type Stored struct {
	ID      MessageID      `json:"id"`
	Context map[string]any `json:"context,omitempty"`
	Type    MessageType    `json:"type,omitempty"`
	Text    *string        `json:"text,omitempty"` // nil unless verbatim
}

// Stored gives the message as a row keeps it.
func (m Message) Stored() Stored {
	if m.Verbatim {
		return Stored{ID: m.ID, Context: m.Context, Type: m.Type, Text: &m.Text}
	}
	return Stored{ID: m.ID, Context: m.mapNested(func(nested any) any {
		ms := nestedMessages(nested)
		stored := make([]Stored, len(ms))
		for i := range ms {
			stored[i] = ms[i].Stored()
		}
		return stored
	})}
}

// Message gives the message that was stored, without text unless it is verbatim.
// The context may come from JSON.
func (s Stored) Message() Message {
	if s.Text != nil {
		return Foreign(s.ID, *s.Text, s.Type, s.Context)
	}
	m := Message{ID: s.ID, Type: s.ID.Type(), Context: s.Context}
	m.Context = m.mapNested(func(nested any) any { return nestedMessages(nested) })
	return m
}

// mapNested gives the context with the value that nests messages replaced; the
// message keeps its own.
func (m Message) mapNested(replace func(nested any) any) map[string]any {
	key := definitions[m.ID].nested
	nested, ok := m.Context[key]
	if key == "" || !ok {
		return m.Context
	}
	context := maps.Clone(m.Context)
	context[key] = replace(nested)
	return context
}

// nestedMessages reads the messages inside a context: as they are, as they are
// stored, or as JSON decodes what is stored.
func nestedMessages(value any) []Message {
	switch list := value.(type) {
	case []Message:
		return list
	case []Stored:
		ms := make([]Message, len(list))
		for i := range list {
			ms[i] = list[i].Message()
		}
		return ms
	case []any:
		var stored []Stored
		if raw, err := json.Marshal(list); err != nil || json.Unmarshal(raw, &stored) != nil {
			return nil // not messages at all
		}
		return nestedMessages(stored)
	}
	return nil
}
